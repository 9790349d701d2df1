"""All songs and judgements as they stood at one moment, in the engine's arrays."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from django.conf import settings
from django.db.backends.utils import CursorWrapper

from recommendations.engine.interactions import IntArray, Interactions
from recommendations.engine.like_sketches import sketches
from recommendations.one_moment import one_moment
from recommendations.song_index import SongIndex

ROWS_A_READ = 50_000


@dataclass(frozen=True)
class Snapshot:
    """What one training sees.

    songs: (song_id, artist, genre) in the order of the model's rows: the most liked first, so that
        equal scores rank the more popular song higher, then by song id.
    keys: what stands for each user row in sketches, int64 (n_users,), theirs for good.
    watermark: what the data were, to tell later whether they have changed since; and, as
        newest_order_key, the greatest order key of a judgement, to tell what was said later.
    """

    songs: list[tuple[str, str, str]]
    interactions: Interactions
    keys: npt.NDArray[np.int64]
    watermark: dict[str, int | str]

    @cached_property
    def sketches(self) -> IntArray:
        """By which a later snapshot can tell how many likes of a song changed."""
        return sketches(self.interactions.likes, self.keys)


def take() -> Snapshot:
    """Read everything in one read transaction, which keeps no writer waiting."""
    with one_moment() as cursor:
        songs = _songs(cursor)
        watermark = _watermark(cursor, songs)
        interactions, listeners = _interactions(
            cursor, pd.Index([song_id for song_id, _, _ in songs])
        )
    watermark["newest_order_key"] = int(interactions.times.max(initial=0))
    popular_first = np.argsort(-interactions.like_counts, kind="stable")
    songs = [songs[row] for row in popular_first]
    interactions = _with_rows_moved(interactions, popular_first)
    traits = SongIndex.build(songs, interactions.like_counts).traits()
    return Snapshot(songs, replace(interactions, traits=traits), listeners ^ _salt(), watermark)


def current_watermark() -> dict[str, int | str]:
    """The watermark of the data as they stand now, but for what takes reading all of them."""
    with one_moment() as cursor:
        return _watermark(cursor, _songs(cursor))


def unchanged_since(watermark: dict[str, Any]) -> bool:
    """Whether the data are still those of a snapshot's watermark."""
    return all(watermark.get(name) == value for name, value in current_watermark().items())


def _songs(cursor: CursorWrapper) -> list[tuple[str, str, str]]:
    cursor.execute("SELECT song_id, artist, genre FROM song")
    # Sorted here: a server database may order text by its own collation.
    return sorted(cursor.fetchall())


def _watermark(cursor: CursorWrapper, songs: list[tuple[str, str, str]]) -> dict[str, int | str]:
    # Revisions only grow, by one with each applied change: their sum moves whenever a profile does.
    cursor.execute("SELECT COALESCE(SUM(revision), 0), COUNT(*) FROM listener")
    changes, listeners = cursor.fetchone()
    # Whoever is forgotten takes their revision along, so that the sum alone could come back to
    # what it was; and a model that still leans on them must go.
    # Of whom there may still be rows too: they count once more when those are gone.
    cursor.execute(
        "SELECT COUNT(*), COUNT(*) FILTER (WHERE NOT finished), MAX(forgotten_at) "
        "FROM forgotten_listener"
    )
    forgotten, unfinished, last = cursor.fetchone()
    # Artists and genres too: the filters of a model are those of its training.
    digest = hashlib.blake2b(repr(songs).encode("utf-8", "surrogatepass"), digest_size=16)
    return {
        "profile_changes": int(changes),
        "listeners": listeners,
        "songs": len(songs),
        "catalogue": digest.hexdigest(),
        "forgotten": f"{forgotten}, {unfinished} not to the end, the last {last}",
    }


def _interactions(
    cursor: CursorWrapper, song_ids: pd.Index
) -> tuple[Interactions, npt.NDArray[np.int64]]:
    """Judgements of songs that are in the catalogue; withdrawn ones are none. And whose they are.

    The listeners' keys stand in the order of the user rows, ascending.
    """
    cursor.execute(
        "SELECT listener_id, song_id, value, order_key FROM user_profile WHERE value <> 0"
    )
    columns: list[list[np.ndarray[Any, Any]]] = [[], [], [], []]
    for rows in iter(lambda: cursor.fetchmany(ROWS_A_READ), []):
        for column, part in zip(columns, _encode(rows, song_ids), strict=True):
            column.append(part)
    listeners, songs, values, times = (_joined(column) for column in columns)
    known = songs >= 0
    users, distinct = pd.factorize(listeners[known], sort=True)
    interactions = Interactions(
        users=users.astype(np.int32),
        songs=songs[known].astype(np.int32, copy=False),
        values=values[known].astype(np.int8, copy=False),
        times=times[known].astype(np.int64, copy=False),
        n_users=len(distinct),
        n_songs=len(song_ids),
    )
    return interactions, distinct


def _salt() -> np.int64:
    """Without which no user's key can be told from a sketch; the same as long as SECRET_KEY is."""
    digest = hashlib.blake2b(settings.SECRET_KEY.encode(), digest_size=8, person=b"like sketches")
    salt: np.int64 = np.frombuffer(digest.digest(), np.int64)[0]
    return salt


def _joined(parts: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """All parts in one, which are let go: one column at a time is held twice, not all of them."""
    whole = np.concatenate(parts) if parts else np.empty(0, np.int64)
    parts.clear()
    return whole


def _with_rows_moved(
    interactions: Interactions, order: np.ndarray[Any, np.dtype[np.int64]]
) -> Interactions:
    """The same judgements where song row order[i] has become row i."""
    new_row = np.empty(len(order), np.int32)
    new_row[order] = np.arange(len(order), dtype=np.int32)
    return replace(interactions, songs=new_row[interactions.songs])


def _encode(rows: list[tuple[Any, ...]], song_ids: pd.Index) -> tuple[np.ndarray[Any, Any], ...]:
    listeners, songs, values, times = zip(*rows, strict=True)
    return (
        np.array(listeners, np.int64),
        song_ids.get_indexer(pd.Index(songs)).astype(np.int32),
        np.array(values, np.int8),
        np.array(times, np.int64),
    )
