"""The model store: whole versions only, and a clear word on any other."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from recommendations import model_store
from recommendations.engine.interactions import Profile
from recommendations.model_store import BrokenArtifact
from recommendations.tests import casts

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(town: None) -> str:
    return casts.publish("v1").version


def test_a_version_read_again_scores_as_the_trained_model_did(version: str) -> None:
    stored = model_store.load(version)
    again = model_store.load(version)
    liked = Profile(stored.songs.rows(["r1", "r2"]), stored.songs.rows([]))

    assert stored.recipe == casts.RIDGE
    assert again.model.scores(liked).tolist() == stored.model.scores(liked).tolist()
    assert stored.manifest["n_listeners"] == 18


def test_nothing_is_left_beside_a_version(version: str, model_dir: Path) -> None:
    assert [path.name for path in model_dir.iterdir()] == ["v1"]


def test_a_write_that_fails_leaves_nothing_behind(
    version: str, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_store, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        casts.publish("v2", live=False)

    assert [path.name for path in model_dir.iterdir()] == ["v1"]


def flip_a_bit(folder: Path) -> None:
    path = folder / "songs.like_counts.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def truncate(folder: Path) -> None:
    path = folder / "songs.artist_of.npy"
    path.write_bytes(path.read_bytes()[:-4])


def empty(folder: Path) -> None:
    (folder / "songs.song_ids.npy").write_bytes(b"")


def unmade(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def not_json(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")


def of_another_format(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))


def pickled(folder: Path) -> None:
    """An array of objects, with a digest that agrees: it must not be unpickled all the same."""
    path = folder / "songs.artist_names.npy"
    np.save(path, np.array([{"run": "me"}], dtype=object), allow_pickle=True)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][path.name]["sha256"] = model_store._digest(path)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def pointing_outside(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["../../secret.npy"] = manifest["files"].popitem()[1]
    (folder / "manifest.json").write_text(json.dumps(manifest))


def gone(folder: Path) -> None:
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (flip_a_bit, "SHA-256"),
        (truncate, "SHA-256"),
        (empty, "SHA-256"),
        (unmade, "not there"),
        (not_json, "cannot be read"),
        (of_another_format, "format 99"),
        (pickled, "Python objects"),
        (pointing_outside, "not a file of this version"),
        (gone, "not there"),
    ],
)
def test_a_damaged_version_is_refused_with_its_file_and_fault(
    version: str, model_dir: Path, damage: Callable[[Path], None], said: str
) -> None:
    damage(model_dir / version)

    with pytest.raises(BrokenArtifact, match=said) as raised:
        model_store.load(version)
    assert "v1" in str(raised.value) or "secret" in str(raised.value)
