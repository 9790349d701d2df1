"""The table of benchmarks.accuracy: what stands in it, for ours and for other libraries."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import accuracy, peers
from recommendations.engine import algorithms
from recommendations.tests.engine.worlds import listeners_with_taste
from tests.installation import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small folder of data, to be split by seeds."""
    world = listeners_with_taste(users=60, songs=40)
    rows = zip(world.users, world.songs, world.values, strict=True)
    lines = [f"u{user},s{song},{int(value > 0)}" for user, song, value in rows]
    text = "\n".join(["user_id,song_id,like", *lines, ""])
    (tmp_path / "interactions.csv").write_text(text, encoding="utf-8")
    return tmp_path


def table(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "benchmarks.accuracy", str(folder), "--json", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def test_ours_and_a_peer_stand_in_one_table_with_all_columns(folder: Path) -> None:
    rows = table(folder, "--algorithms", "popularity,surprise_svd", "--seeds", "1")

    ours, peer = rows
    assert ours.keys() == peer.keys()
    assert ours["users"] == peer["users"] > 20
    assert peer["parameters"] == [*peers.PEERS["surprise_svd"].choices]
    for row in rows:
        cells = dict(zip(accuracy.TITLES, accuracy._cells(row), strict=True))
        assert all(cells.values())
        low, high = row["intervals"]["ndcg@10"]
        value = f"{row['metrics']['ndcg@10']:.4f} ({low:.4f}–{high:.4f})"
        assert cells["NDCG@10"] == value.replace("0.", ".")
        assert row["peak_rss_mb"] > 10
        assert 0 < row["score_microseconds"]["p50"] <= row["score_microseconds"]["p99"]


def test_a_peer_whose_library_is_missing_has_a_row_that_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(peers, "find_spec", lambda _: None)

    row = accuracy._measured("implicit_als", [["--train", "nowhere.csv"]], None)

    line = accuracy._markdown([row], header=False)
    assert "left out: needs the library implicit" in line
    assert "pip install -r requirements-benchmarks.txt" in line
    assert line.count("|") == len(accuracy.TITLES) + 1
    assert "implicit_als is left out" in capsys.readouterr().err


def test_the_table_has_every_algorithm_and_every_peer_once() -> None:
    named = accuracy.ALGORITHMS.split(",")

    assert named[0] == "popularity"
    assert sorted(named) == sorted([*algorithms.ALGORITHMS, *peers.PEERS, "auto"])
