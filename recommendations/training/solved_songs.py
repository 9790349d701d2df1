"""What the last training that went live left of each song, for the refresh that comes next.

A folder for the version, in STATE_DIR/solved: the songs' solutions as their training left them
(engine/earlier.py), and what they are of. It is made aside and renamed. Without it, or where it is
of anything else, a refresh solves every song.
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

from recommendations.engine.earlier import SONGS, Earlier, taken
from recommendations.engine.like_sketches import changed_likes
from recommendations.engine.model import Recipe
from recommendations.training.checkpoint_files import CheckpointFiles
from recommendations.training.snapshot import Snapshot

logger = logging.getLogger(__name__)

# Raised when what a training leaves means another thing: older files are then of no use.
FORMAT = 1
_ABOUT = "about"


def aside(version: str) -> CheckpointFiles:
    """Where the training of a version puts what it leaves; no other uses that folder."""
    return CheckpointFiles(_home() / f".{version}")


def keep(kept: CheckpointFiles, version: str, recipe: Recipe, data: Snapshot) -> None:
    """Take over what a training by the recipe left among its pieces, in place of all there was.

    Where the disk refuses, the log says why, and the next refresh goes on from what there was.
    """
    made, home = aside(version), _home()
    try:
        made.folder.mkdir(parents=True, exist_ok=True)
        for file in kept.folder.glob(f"*{SONGS}.npz"):
            file.rename(made.folder / file.name)
        said = {**_said(recipe, data), "songs": [song_id for song_id, *_ in data.songs]}
        made.save(_ABOUT, {"said": _bytes(said), "sketches": data.sketches})
        made.folder.rename(home / version)
    except OSError as error:
        logger.warning("the next refresh goes on from an earlier one or solves all: %s", error)
        return
    for other in home.iterdir():
        if other.name != version:
            shutil.rmtree(other, ignore_errors=True)


def left_by(recipe: Recipe, data: Snapshot) -> Earlier | None:
    """What is left of a training by the recipe, in the order of the songs of now.

    None where there is nothing.
    """
    for kept in _whole():
        about = kept.load(_ABOUT)
        if about is None:
            continue
        said = json.loads(about["said"].tobytes())
        then = said.pop("songs")
        if said != _said(recipe, data):
            continue
        songs = pd.Index([song_id for song_id, *_ in data.songs], dtype=object)
        rows = pd.Index(then, dtype=object).get_indexer(songs).astype(np.int32)
        changed = changed_likes(data.sketches, taken(about["sketches"], rows))
        return Earlier(kept, rows, changed)
    return None


def clear(data: Snapshot) -> None:
    """Remove what leans on somebody who was forgotten since, and what a training died over."""
    for folder in _home().glob(".*"):
        shutil.rmtree(folder, ignore_errors=True)
    for kept in _whole():
        about = kept.load(_ABOUT)
        said = json.loads(about["said"].tobytes()) if about is not None else {}
        if said.get("forgotten") != data.watermark["forgotten"]:
            kept.remove()


def _whole() -> list[CheckpointFiles]:
    """The folders of versions, the newest first; there is but one unless a process died."""
    found = sorted(_home().glob("[!.]*"), reverse=True)
    return [CheckpointFiles(folder) for folder in found]


def _said(recipe: Recipe, data: Snapshot) -> dict[str, Any]:
    """What must be the same for a training to be gone on with, as JSON reads it back."""
    said = {"format": FORMAT, "recipe": asdict(recipe), "forgotten": data.watermark["forgotten"]}
    read: dict[str, Any] = json.loads(_bytes(said).tobytes())
    return read


def _bytes(said: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.frombuffer(json.dumps(said).encode(), np.uint8)


def _home() -> Path:
    return Path(settings.STATE_DIR) / "solved"
