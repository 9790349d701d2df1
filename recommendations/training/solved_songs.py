"""What the last training that went live left of each song, for the refresh that comes next.

A folder of files: the songs' solutions as their training left them (engine/earlier.py), and what
they are of. It is made aside and renamed; without it, or where it is of anything else, a refresh
trains whole.
"""

import json
import logging
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from django.conf import settings

from recommendations.engine.earlier import SONGS, Earlier
from recommendations.engine.like_sketches import changed_likes, sketches
from recommendations.engine.model import Recipe
from recommendations.training.checkpoint_files import CheckpointFiles
from recommendations.training.snapshot import Snapshot

logger = logging.getLogger(__name__)

# Raised when what a training leaves means another thing: older files are then of no use.
FORMAT = 1
_ABOUT = "about"


def aside() -> CheckpointFiles:
    """Where a refresh puts what it leaves; empty."""
    folder = _folder().with_suffix(".aside")
    shutil.rmtree(folder, ignore_errors=True)
    return CheckpointFiles(folder)


def keep(kept: CheckpointFiles, recipe: Recipe, data: Snapshot) -> None:
    """Take over what a training by the recipe left among its pieces, in place of what there was.

    Where the disk refuses, the next refresh trains whole, and the log says why.
    """
    made = CheckpointFiles(_folder().with_suffix(".made"))
    made.remove()
    try:
        made.folder.mkdir(parents=True)
        for file in kept.folder.glob(f"*{SONGS}.npz"):
            file.rename(made.folder / file.name)
        said = {**_said(recipe, data), "songs": [song_id for song_id, *_ in data.songs]}
        made.save(_ABOUT, {"said": _bytes(said), "sketches": _sketches(data)})
        shutil.rmtree(_folder(), ignore_errors=True)
        made.folder.rename(_folder())
    except OSError as error:
        logger.warning("the next refresh will train whole: %s", error)


def left_by(recipe: Recipe, data: Snapshot) -> Earlier | None:
    """What is left of a training by the recipe, in the order of the songs of now.

    None where there is nothing, and where somebody was forgotten since: nothing may go on leaning
    on their likes.
    """
    kept = CheckpointFiles(_folder())
    about = kept.load(_ABOUT)
    if about is None:
        return None
    said = json.loads(about["said"].tobytes())
    then = pd.Index(said.pop("songs"), dtype=object)
    if said != _said(recipe, data):
        return None
    rows = then.get_indexer(pd.Index([song_id for song_id, *_ in data.songs], dtype=object))
    sketched = np.where((rows >= 0)[:, None], about["sketches"][rows], np.int32(0))
    return Earlier(kept, rows.astype(np.int32), changed_likes(_sketches(data), sketched))


def _said(recipe: Recipe, data: Snapshot) -> dict[str, Any]:
    """What must be the same for a training to be gone on with, as JSON reads it back."""
    said = {"format": FORMAT, "recipe": asdict(recipe), "forgotten": data.watermark["forgotten"]}
    read: dict[str, Any] = json.loads(_bytes(said).tobytes())
    return read


def _bytes(said: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.frombuffer(json.dumps(said).encode(), np.uint8)


def _sketches(data: Snapshot) -> np.ndarray[Any, np.dtype[np.int32]]:
    return sketches(data.interactions.likes, data.listeners)


def _folder() -> Path:
    return Path(settings.STATE_DIR) / "solved"
