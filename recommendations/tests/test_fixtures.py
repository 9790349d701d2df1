"""The invented data in fixtures/: made by its script, and of the kind that its README promises."""

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


def rows(name: str) -> list[dict[str, str]]:
    with (FIXTURES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["songs.csv", "interactions.csv"])
def test_the_script_writes_the_files_that_are_here(name: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, FIXTURES / "generate.py", tmp_path], check=True)

    assert (tmp_path / name).read_bytes() == (FIXTURES / name).read_bytes()


def test_they_have_the_size_and_columns_that_are_promised() -> None:
    songs, interactions = rows("songs.csv"), rows("interactions.csv")

    assert list(songs[0]) == ["song_id", "title", "artist", "genre"]
    assert list(interactions[0]) == ["user_id", "song_id", "like", "timestamp"]
    assert (len(songs), len(interactions)) == (1_200, 40_000)
    assert len({row["user_id"] for row in interactions}) == 800
    assert len({(row["user_id"], row["song_id"]) for row in interactions}) == 40_000


def test_ids_are_plain_integers_without_quotes() -> None:
    for name in ("songs.csv", "interactions.csv"):
        lines = (FIXTURES / name).read_text(encoding="utf-8").splitlines()[1:]
        assert all(line.partition(",")[0].isdigit() for line in lines)


def test_every_judgement_is_of_a_song_that_there_is() -> None:
    known = {row["song_id"] for row in rows("songs.csv")}

    assert {row["song_id"] for row in rows("interactions.csv")} <= known


def test_titles_hold_what_real_ones_do() -> None:
    titles = [row["title"] for row in rows("songs.csv")]

    for sign in (",", '"', "é", "ñ", "/"):
        assert any(sign in title for title in titles), sign


def test_a_few_songs_have_most_of_the_likes() -> None:
    likes = Counter(row["song_id"] for row in rows("interactions.csv") if row["like"] == "1")

    top_tenth = sum(count for _, count in likes.most_common(120))
    assert 0.3 < top_tenth / likes.total() < 0.6
