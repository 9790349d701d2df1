"""The budget benchmark: data and budgets in, a row each out."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks import budget


def rows(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()[2:]


def test_a_folder_is_chosen_for_and_trained_on_within_the_budget(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lines = [f"u{user},s{(user * 7 + at * at) % 40},1" for user in range(90) for at in range(5)]
    (tmp_path / "interactions.csv").write_text("user_id,song_id,like\n" + "\n".join(lines))
    monkeypatch.setattr(
        sys, "argv", ["budget", str(tmp_path), "--budgets", "4", "--again", "--json"]
    )

    budget.main()

    first, again = map(json.loads, rows(capsys))
    assert (first["data"], first["budget_seconds"], first["live"]) == (tmp_path.name, 4, False)
    assert again["live"] and again["tried"] > 0
    assert first["spent"] == pytest.approx(
        (first["tune_seconds"] + first["fit_seconds"]) / 4, abs=0.01
    )


def test_made_up_likes_give_a_line_of_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["budget", "20000", "--budgets", "2"])

    budget.main()

    [row] = rows(capsys)
    assert row.startswith("| 20000 | 2 | ")
    assert row.count("|") == len(budget._TITLES) + 1
