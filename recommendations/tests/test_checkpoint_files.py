"""The files of a stopped training: whole or not there, and never another training's."""

import logging
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommendations.engine import algorithms
from recommendations.engine.interactions import Interactions, Traits
from recommendations.engine.model import Recipe
from recommendations.models import TrainingRun
from recommendations.tests.engine.worlds import interactions, listeners_with_taste
from recommendations.training import retraining
from recommendations.training.checkpoint_files import (
    CheckpointFiles,
    checkpoints_of,
    fingerprint,
)

RECIPE = Recipe("ials", {"factors": 4, "epochs": 4}, 1)
ROWS = [(0, 0, 1), (0, 1, 1), (1, 0, -1), (1, 2, 1)]


def world(rows: list[tuple[int, int, int]] = ROWS) -> Interactions:
    return interactions(rows, users=3, songs=4)


@pytest.fixture
def state(tmp_path: Path, settings: Any) -> Path:
    """The folder of checkpoints."""
    settings.STATE_DIR = tmp_path
    return tmp_path / "checkpoints"


def test_a_piece_comes_back_as_it_was(state: Path) -> None:
    kept = checkpoints_of(RECIPE, world())
    arrays = {"rows": np.arange(6, dtype=np.int32).reshape(2, 3), "of": np.array([0.5])}

    kept.save("near-0", arrays)
    found = kept.load("near-0")

    assert found is not None
    assert {name: (str(array.dtype), array.tolist()) for name, array in found.items()} == {
        "rows": ("int32", [[0, 1, 2], [3, 4, 5]]),
        "of": ("float64", [0.5]),
    }
    assert kept.load("near-1") is None
    kept.remove()
    assert list(state.iterdir()) == []


# Bits of an array's entry in the table of contents: by which scheme it is packed, whether it is
# encrypted, and how long its comment is, which may swallow the next entry.
PACKED, ENCRYPTED, COMMENT = (10, 0x40), (8, 0x01), (32, 0x40)


@pytest.mark.parametrize("name", ["songs", "done"])
@pytest.mark.parametrize("place", [PACKED, ENCRYPTED, COMMENT])
def test_a_table_of_contents_that_is_damaged_is_a_damaged_piece(
    state: Path, name: str, place: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    kept = checkpoints_of(RECIPE, world())
    kept.save("epoch", {"songs": np.ones(3, np.float32), "done": np.ones(1)})
    file = kept.folder / "epoch.npz"
    content = bytearray(file.read_bytes())
    # An entry's name stands 46 bytes after its beginning.
    entry = content.rindex(f"{name}.npy".encode()) - 46
    content[entry + place[0]] ^= place[1]
    file.write_bytes(content)

    assert kept.load("epoch") is None
    assert "is made again" in caplog.text


@pytest.mark.parametrize("damage", ["cut short", "a bit turned", "empty"])
def test_a_damaged_piece_is_none_and_a_warning_names_it(
    state: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    kept = checkpoints_of(RECIPE, world())
    kept.save("epoch", {"songs": np.ones(1000, np.float32)})
    file = kept.folder / "epoch.npz"
    content = file.read_bytes()
    damaged = {
        "cut short": content[:1500],
        "a bit turned": content[:2000] + bytes([content[2000] ^ 4]) + content[2001:],
        "empty": b"",
    }
    file.write_bytes(damaged[damage])

    with caplog.at_level(logging.WARNING):
        assert kept.load("epoch") is None

    assert "epoch.npz cannot be read and is made again" in caplog.text


def test_a_disk_that_refuses_costs_the_checkpoint_and_not_the_training(
    state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state.parent.joinpath("checkpoints").write_text("a file where the folder should be")
    kept = CheckpointFiles(state / "one")

    kept.save("epoch", {"songs": np.ones(3)})

    assert "training goes on" in caplog.text


def test_the_fingerprint_tells_all_that_makes_the_model_and_no_order_of_rows() -> None:
    traits = Traits(np.array([0, 0, 1, -1], np.int32), world().likes[:, :2].T.tocsr()[:0])
    others = [
        fingerprint(replace(RECIPE, seed=2), world()),
        fingerprint(replace(RECIPE, parameters={"factors": 5}), world()),
        fingerprint(RECIPE, world([*ROWS[:3], (1, 3, 1)])),
        fingerprint(RECIPE, world([*ROWS[:3], (1, 2, -1)])),
        fingerprint(RECIPE, world([*ROWS, (2, 3, 1)])),
        fingerprint(RECIPE, replace(world(), n_songs=5)),
        fingerprint(RECIPE, replace(world(), traits=traits)),
    ]

    own = fingerprint(RECIPE, world())

    assert len({own, *others}) == 8
    assert fingerprint(RECIPE, world(ROWS[::-1])) == own


def test_another_training_removes_what_a_stopped_one_left(state: Path) -> None:
    checkpoints_of(RECIPE, world()).save("epoch", {"songs": np.ones(3)})
    changed = checkpoints_of(RECIPE, world(ROWS[1:]))

    assert changed.load("epoch") is None
    assert list(state.iterdir()) == []


@pytest.mark.django_db
def test_a_retraining_stopped_in_its_final_fit_goes_on_from_there(
    state: Path, town: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[int] = []
    fit = algorithms.fit

    def watched(recipe: Recipe, data: Interactions, *given: Any) -> Any:
        # Progress, checkpoints, and what an earlier training left.
        if len(given) > 1:
            starts.append(len(list(given[1].folder.glob("*"))))
        return fit(recipe, data, *given)

    def stopping(what: str, share: float) -> None:
        if what == "ials" and share > 0.5:
            raise KeyboardInterrupt

    settings.MODEL_ALGORITHM = "ials"
    monkeypatch.setattr(algorithms, "fit", watched)
    with pytest.raises(KeyboardInterrupt):
        retraining.retrain(progress=stopping)
    assert [each.name for each in state.glob("*/*")] == ["epoch.npz"]

    outcome = retraining.retrain()

    assert starts == [0, 1]
    assert outcome.version is not None
    assert list(state.iterdir()) == []
    assert TrainingRun.objects.count() == 2


_TRAINING = """
import os, signal, sys
from pathlib import Path
from recommendations.engine import ials_training
from recommendations.tests.engine.worlds import listeners_with_taste
from recommendations.training.checkpoint_files import CheckpointFiles

def die(what, share):
    if share == 0.75:
        os.kill(os.getpid(), signal.SIGKILL)

world = listeners_with_taste(users=60, songs=20)
ials_training.fit(world, {"factors": 4, "epochs": 4}, 1, die, CheckpointFiles(Path(sys.argv[1])))
"""


def test_a_training_that_was_killed_goes_on_in_another_process_to_the_same_end(
    tmp_path: Path,
) -> None:
    killed = subprocess.run([sys.executable, "-c", _TRAINING, str(tmp_path / "one")], check=False)
    data = listeners_with_taste(users=60, songs=20)
    seen: list[float] = []
    kept = CheckpointFiles(tmp_path / "one")

    model = algorithms.fit(RECIPE, data, lambda _, share: seen.append(share), kept)

    assert killed.returncode == -signal.SIGKILL
    assert seen == [1.0]
    assert np.array_equal(
        model.arrays()["factors"], algorithms.fit(RECIPE, data).arrays()["factors"]
    )
