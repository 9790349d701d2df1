"""The model store: one folder a version, never half written, refused when anything is off.

A version is a folder of ``.npy`` arrays and a ``manifest.json`` with the SHA-256 of each. It is
written aside, read back, and renamed into place. Arrays are memory-mapped, so that the web
workers of a machine share one copy; nothing is ever unpickled.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from recommendations.engine import algorithms
from recommendations.engine.model import Arrays, BrokenModel, Model, Recipe
from recommendations.song_index import BrokenIndex, SongIndex

# Raised when an array comes, goes or means another thing: older artifacts are then refused whole.
FORMAT = 2
MANIFEST = "manifest.json"


class BrokenArtifact(Exception):
    """A stored version cannot be used; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class StoredModel:
    """A version of the store, ready to serve."""

    version: str
    recipe: Recipe
    model: Model
    songs: SongIndex
    manifest: Mapping[str, Any]


def publish(
    version: str,
    recipe: Recipe,
    model: Model,
    songs: SongIndex,
    *,
    n_listeners: int,
    metrics: Mapping[str, Any],
    watermark: Mapping[str, Any],
) -> StoredModel:
    """Write a version aside, read it back, and rename it into place.

    Raises BrokenArtifact when what was written does not read back, and OSError when the disk
    refuses; in both cases nothing of it is left behind.
    """
    store = Path(settings.MODEL_DIR)
    store.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{version}-", dir=store))
    try:
        aside.chmod(0o755)
        files = _write_arrays(
            aside, {**_prefixed("model", model.arrays()), **_prefixed("songs", songs.arrays())}
        )
        manifest = {
            "format": FORMAT,
            "version": version,
            "n_songs": len(songs),
            "n_listeners": n_listeners,
            **asdict(recipe),
            "metrics": metrics,
            "watermark": watermark,
            "files": files,
        }
        _write(aside / MANIFEST, json.dumps(manifest, indent=1).encode())
        _read(aside, version)
        final = store / version
        aside.rename(final)
        _sync_folder(store)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return load(version)


def load(version: str) -> StoredModel:
    """Read a version and check all of it. Raises BrokenArtifact, which says what is wrong."""
    return _read(Path(settings.MODEL_DIR) / version, version)


def why_unreadable(version: str) -> str | None:
    """Why this code cannot read the version: it is gone, or of another format. None where it can.

    The arrays are not looked at.
    """
    try:
        _read_manifest(Path(settings.MODEL_DIR) / version)
    except BrokenArtifact as error:
        return str(error)
    return None


def remove(version: str) -> None:
    """Take a version's folder away; one that is gone already is fine."""
    shutil.rmtree(Path(settings.MODEL_DIR) / version, ignore_errors=True)


def sweep() -> None:
    """Remove what writers that died left behind. Only for who holds the right to write."""
    for aside in Path(settings.MODEL_DIR).glob(".*-*"):
        shutil.rmtree(aside, ignore_errors=True)


def _prefixed(part: str, arrays: Arrays) -> Arrays:
    return {f"{part}.{name}": array for name, array in arrays.items()}


def _write_arrays(folder: Path, arrays: Arrays) -> dict[str, Any]:
    """Write each array, and answer what the manifest says of it."""
    files = {}
    for name, array in arrays.items():
        path = folder / f"{name}.npy"
        with path.open("wb") as out:
            np.save(out, np.ascontiguousarray(array), allow_pickle=False)
            out.flush()
            os.fsync(out.fileno())
        files[path.name] = {
            "sha256": _digest(path),
            "shape": list(array.shape),
            "dtype": str(array.dtype),
        }
    return files


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _sync_folder(folder: Path) -> None:
    # The rename must survive a power cut, or the database names a version that is not there.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(folder: Path, version: str) -> StoredModel:
    manifest = _read_manifest(folder)
    arrays = {
        name.removesuffix(".npy"): _read_array(folder, name, said)
        for name, said in manifest["files"].items()
    }
    recipe = Recipe(manifest["algorithm"], manifest["parameters"], manifest["seed"])
    try:
        songs = SongIndex.load(_unprefixed("songs", arrays))
        model = algorithms.load(recipe.algorithm, recipe.parameters, _unprefixed("model", arrays))
    except (BrokenIndex, BrokenModel, algorithms.UnknownAlgorithm) as error:
        raise BrokenArtifact(f"{folder}: {error}") from error
    if model.n_songs != len(songs):
        raise BrokenArtifact(f"{folder}: a model of {model.n_songs} songs with {len(songs)} ids")
    return StoredModel(version, recipe, model, songs, manifest)


def _unprefixed(part: str, arrays: Arrays) -> Arrays:
    start = f"{part}."
    return {name.removeprefix(start): a for name, a in arrays.items() if name.startswith(start)}


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise BrokenArtifact(f"{path} is not there") from error
    except (OSError, ValueError) as error:
        raise BrokenArtifact(f"{path} cannot be read: {error}") from error
    shape = {
        "format": int,
        "files": dict,
        "n_listeners": int,
        "algorithm": str,
        "parameters": dict,
        "seed": int,
    }
    if not isinstance(manifest, dict):
        raise BrokenArtifact(f"{path} is not a manifest")
    for key, kind in shape.items():
        if not isinstance(manifest.get(key), kind):
            raise BrokenArtifact(f"{path}: {key} is missing or of the wrong type")
    if manifest["format"] != FORMAT:
        raise BrokenArtifact(f"{path}: format {manifest['format']}, this code reads {FORMAT}")
    return manifest


def _read_array(folder: Path, name: str, said: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    path = folder / name
    if path.parent != folder or path.name != name:
        raise BrokenArtifact(f"{path}: not a file of this version")
    try:
        if _digest(path) != said["sha256"]:
            raise BrokenArtifact(f"{path}: its SHA-256 is not the manifest's")
        # As a plain array over the mapped file: indexing a memmap costs several times as much.
        array = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError, KeyError, TypeError) as error:
        raise BrokenArtifact(f"{path} cannot be read: {error}") from error
    if list(array.shape) != said.get("shape") or str(array.dtype) != said.get("dtype"):
        raise BrokenArtifact(f"{path}: shape {array.shape} of {array.dtype} is not the manifest's")
    return array
