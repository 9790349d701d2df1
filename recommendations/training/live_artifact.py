"""How the live artifact does on what was said since it was trained: it cannot have seen that."""

import logging
from typing import Any, Final

import numpy as np

from recommendations import model_store
from recommendations.engine.cutting import HeldOut
from recommendations.engine.evaluation import evaluate
from recommendations.engine.interactions import IntArray, Interactions
from recommendations.engine.trials import KS, MOST_USERS
from recommendations.models import ModelVersion
from recommendations.song_index import SongIndex
from recommendations.training.snapshot import Snapshot

logger = logging.getLogger(__name__)

ENOUGH_USERS: Final = 500


def measured_since(live: ModelVersion | None, data: Snapshot) -> dict[str, Any] | None:
    """The live version's figures on judgements after its watermark, with the profiles before it.

    None where fewer than 500 users like anything since, where the version's watermark holds no
    order key, as those of early trainings do, or where its files cannot be read. It is noted and
    decides nothing: the challenger has no such data, since it is fitted on them. A like that
    is said again counts as said then.
    """
    newest = live.training_run.watermark.get("newest_order_key") if live else None
    if live is None or newest is None:
        return None
    late = data.interactions.times > newest
    users = data.interactions.users[late & (data.interactions.values > 0)]
    if len(np.unique(users)) < ENOUGH_USERS:
        return None
    try:
        stored = model_store.load(live.version)
    except model_store.BrokenArtifact as error:
        logger.warning("the live model was not measured: %s", error)
        return None
    rows = _rows_in(stored.songs, data)[data.interactions.songs]
    known = data.interactions.where(~late & (rows >= 0))
    seen = Interactions(
        users=known.users,
        songs=rows[~late & (rows >= 0)],
        values=known.values,
        times=known.times,
        n_users=known.n_users,
        n_songs=len(stored.songs),
    )
    since = HeldOut(data.interactions.users[late], rows[late], data.interactions.values[late])
    found = evaluate(stored.model, seen, since, ks=KS, most_users=MOST_USERS)
    return {
        "version": live.version,
        "since_order_key": newest,
        "users": found.users,
        "metrics": found.metrics,
        "intervals": {name: list(interval) for name, interval in found.intervals.items()},
        "counts": found.counts,
    }


def _rows_in(songs: SongIndex, data: Snapshot) -> IntArray:
    """The artifact's row of each song of the snapshot, -1 for a song that it does not know."""
    found = [songs.row(song_id) for song_id, _, _ in data.songs]
    return np.array([-1 if row is None else row for row in found], np.int32)
