"""The scale benchmark: one size from end to end, its table and its picture."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks import synthetic
from benchmarks.scale import __main__ as scale
from benchmarks.scale import one_size, refreshing
from benchmarks.scale.plotting import write_plot
from recommendations.engine.model import Recipe
from recommendations.training.checkpoint_files import CheckpointFiles


def test_one_size_is_made_trained_ranked_and_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    models = "popularity,optimum,local_ridge"
    command = ["one_size", "20000", "--models", models, "--checkpoints", str(tmp_path / "pieces")]
    monkeypatch.setattr(sys, "argv", command)

    one_size.main()

    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    data, popularity, optimum, ridge = rows
    assert (data["users"], data["songs"], data["likes"]) == (400, 400, 20_000)
    assert popularity["recall@20"] < ridge["recall@20"] < optimum["recall@20"]
    assert list(ridge["phases"]) == ["neighbours", "weights"]
    # Each is rounded to hundredths.
    assert sum(ridge["phases"].values()) <= ridge["seconds"] + 0.02
    assert ridge["score_microseconds"]["p50"] > 0
    assert list((tmp_path / "pieces").glob("local_ridge.*.npz"))
    table = scale.markdown(rows, header=True).splitlines()
    assert len({line.count("|") for line in table}) == 1
    assert "NDCG@10" in table[0]
    picture = write_plot(rows, tmp_path).read_text(encoding="utf-8")
    assert "local_ridge" in picture and "recall@20" in picture


def test_a_training_that_goes_on_from_pieces_is_given_no_seconds(tmp_path: Path) -> None:
    world = synthetic.made(users=60, songs=400, likes=1_000)
    recipe = Recipe("ials", {"factors": 4, "epochs": 2})
    kept = CheckpointFiles(tmp_path / "pieces")

    whole, rest = (one_size._trained(recipe, world, kept)[1] for _ in range(2))

    assert whole["seconds"] > 0 and "resumed" not in whole
    assert rest["resumed"] and not {"seconds", "cpu_seconds", "phases"} & rest.keys()
    assert rest["recall@20"] == whole["recall@20"]
    sizes = {"likes": 1_000, "users": 60, "songs": 400}
    table = scale.markdown([{**sizes, **row} for row in (whole, rest)], header=True)
    assert len({line.count("|") for line in table.splitlines()}) == 1


def test_a_size_that_is_finished_is_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"model": "popularity", "likes": 100_000, "users": 2_000, "songs": 2_000}
    (tmp_path / "100000-popularity.json").write_text(json.dumps([row]))
    command = ["scale", "--sizes", "100000", "--models", "popularity", "--keep", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [*command, "--json"])

    scale.main()

    assert json.loads(capsys.readouterr().out) == [row]


def test_sizes_that_are_not_of_the_curve_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["scale", "--sizes", "12"])

    with pytest.raises(SystemExit):
        scale.main()
    assert "sizes are 100000, 1000000" in capsys.readouterr().err


def test_a_refresh_is_held_against_a_whole_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["refreshing", "40000", "--shares", "0.002"])
    monkeypatch.setattr(refreshing, "_NEW_SONGS", 0.02)
    monkeypatch.setitem(one_size.RECIPES, "ials", Recipe("ials", {"factors": 4, "epochs": 2}))

    refreshing.main()

    lines = capsys.readouterr().out.splitlines()
    assert len({line.count("|") for line in lines}) == 1
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]
    ways = [(row[0], row[2]) for row in table]
    assert ways == [
        (m, w) for m in ("local_ridge", "ials") for w in ("whole", "stale", "refreshed")
    ]
    whole, stale, refreshed = (float(row[7]) for row in table[:3])
    assert stale == 0 < refreshed <= whole
    assert 0 < float(table[2][3].rstrip(" %")) < 100
