"""Where a training keeps what it has finished: files of its own, gone once it is done.

A folder holds one training. Its name is a fingerprint of the recipe and of all that the training
reads, so that nothing of other data or another procedure is ever taken for it. Every file is
written aside and renamed, and carries checksums; one that is damaged is done again.
"""

import hashlib
import json
import logging
import os
import shutil
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from django.conf import settings

from recommendations.engine.interactions import Interactions
from recommendations.engine.model import Arrays, Recipe

logger = logging.getLogger(__name__)

# Raised when pieces are cut otherwise or hold other things: older ones are then of no use.
FORMAT = 3
# Which arrays a piece has, beside them: a damaged table of contents can lose one.
_NAMES = "-names"


@dataclass(frozen=True)
class CheckpointFiles:
    """The finished pieces of one training (engine/checkpoints.py), a file each."""

    folder: Path

    def load(self, name: str) -> Arrays | None:
        """The piece; None, with a warning, where its file is damaged."""
        file = self.folder / f"{name}.npz"
        try:
            return _read(file)
        except FileNotFoundError:
            return None
        # Damage may also look like what zipfile knows not how to read: a RuntimeError.
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, RuntimeError, KeyError) as error:
            logger.warning("the checkpoint %s cannot be read and is made again: %s", file, error)
            return None

    def save(self, name: str, arrays: Arrays) -> None:
        """Write the piece aside and rename it. A full disk costs the checkpoint alone."""
        file = self.folder / f"{name}.npz"
        aside = file.with_suffix(".aside")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with aside.open("wb") as out:
                named = {**arrays, _NAMES: np.array(sorted(arrays))}
                # Arrays by name are mypy's allow_pickle for all it knows.
                np.savez(out, **named)  # type: ignore[arg-type]
                out.flush()
                os.fsync(out.fileno())
            aside.rename(file)
        except OSError as error:
            logger.warning("a checkpoint could not be written, training goes on: %s", error)

    def remove(self) -> None:
        """Take all of it away."""
        shutil.rmtree(self.folder, ignore_errors=True)


def checkpoints_of(recipe: Recipe, interactions: Interactions) -> CheckpointFiles:
    """What a training of this recipe on these interactions has finished.

    Those of any other training are removed: only one goes on at a time, and what it began from is
    no longer there.
    """
    folder = _folder() / fingerprint(recipe, interactions)
    for other in _folder().glob("*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    return CheckpointFiles(folder)


def fingerprint(recipe: Recipe, interactions: Interactions) -> str:
    """A digest of all that makes the model, whatever order the judgements came in."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps([FORMAT, asdict(recipe)], sort_keys=True).encode())
    arrays = []
    for matrix in (interactions.likes, interactions.dislikes):
        arrays += [np.array(matrix.shape), matrix.indptr, matrix.indices]
    if (traits := interactions.traits) is not None:
        arrays += [traits.artists, traits.genres.indptr, traits.genres.indices]
    for array in arrays:
        # Its length too, so that numbers cannot wander from one array to the next.
        digest.update(f"{array.dtype} {len(array)};".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _read(file: Path) -> Arrays:
    """The arrays of a piece; raises ValueError where one is missing, and what zipfile raises."""
    with np.load(file, allow_pickle=False) as arrays:
        found: Arrays = dict(arrays)
    if found.pop(_NAMES).tolist() != sorted(found):
        raise ValueError("it lacks an array")
    return found


def _folder() -> Path:
    return Path(settings.STATE_DIR) / "checkpoints"
