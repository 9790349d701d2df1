"""loadcsv as its user sees it: what is loaded, what is said, and how it ends."""

import gzip
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from recommendations import forgotten
from recommendations.loading import loads as loading
from recommendations.models import Interaction, Listener, Song

pytestmark = pytest.mark.django_db

SONGS = (
    'song_id,title,artist,genre\n1,One,Ana,rock\n2,"Two, or ""so""",Ñico,\n3,Three,Ana,rock|pop\n'
)
LIKES = (
    "user_id,song_id,like,timestamp\n101,1,1,2026-01-01T00:00:00Z\n101,2,0,\n102,3,1,1767225600\n"
)


class Outcome:
    """How a run ended and what it said."""

    def __init__(self, *arguments: object) -> None:
        out, err = io.StringIO(), io.StringIO()
        self.code, self.failure = 0, ""
        try:
            call_command("loadcsv", *map(str, arguments), stdout=out, stderr=err)
        except SystemExit as ended:
            self.code = int(ended.code or 0)
        except CommandError as error:
            self.code, self.failure = error.returncode, str(error)
        self.out, self.err = out.getvalue(), err.getvalue()

    @property
    def result(self) -> dict[str, Any]:
        """The last line of standard output, as JSON."""
        loaded: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return loaded


def written(file: Path, text: str | bytes) -> Path:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    return written(tmp_path / "songs.csv", SONGS)


@pytest.fixture
def likes(tmp_path: Path) -> Path:
    return written(tmp_path / "interactions.csv", LIKES)


def tally(read: int, inserted: int, updated: int, unchanged: int, rejected: int) -> dict[str, int]:
    return {
        "read": read,
        "inserted": inserted,
        "updated": updated,
        "unchanged": unchanged,
        "rejected": rejected,
    }


def judged(*counts: int, forgotten: int = 0) -> dict[str, int]:
    return tally(*counts) | {"forgotten": forgotten}


def state() -> list[tuple[Any, ...]]:
    rows = Interaction.objects.order_by("listener__user_id", "song_id")
    return list(rows.values_list("listener__user_id", "song_id", "value", "order_key", "event_id"))


def test_two_files_fill_the_tables(songs: Path, likes: Path) -> None:
    outcome = Outcome("--songs", songs, "--interactions", likes, "--json")

    assert outcome.code == 0
    assert outcome.result.pop("seconds") >= 0
    assert outcome.result["songs"] == tally(3, 3, 0, 0, 0)
    assert outcome.result["interactions"] == judged(3, 3, 0, 0, 0)
    assert [row[:4] for row in state()] == [
        ("101", "1", 1, 1_767_225_600_000_000),
        ("101", "2", -1, 0),
        ("102", "3", 1, 1_767_225_600_000_000),
    ]
    assert Song.objects.get(song_id="2").title == 'Two, or "so"'


def test_the_json_line_has_exactly_the_keys_that_scripts_rely_on(songs: Path) -> None:
    result = Outcome("--songs", songs, "--json").result

    assert list(result) == ["songs", "interactions", "seconds"]
    assert list(result["songs"]) == ["read", "inserted", "updated", "unchanged", "rejected"]


def test_loading_again_changes_no_row_and_no_revision(songs: Path, likes: Path) -> None:
    Outcome("--songs", songs, "--interactions", likes)
    before = (state(), list(Listener.objects.values_list("user_id", "revision")))

    result = Outcome("--songs", songs, "--interactions", likes, "--json").result
    assert result["songs"] == tally(3, 0, 0, 3, 0)
    assert result["interactions"] == judged(3, 0, 0, 3, 0)
    assert (state(), list(Listener.objects.values_list("user_id", "revision"))) == before


def test_rows_from_before_their_user_was_forgotten_are_left_out_and_counted(
    songs: Path, likes: Path
) -> None:
    forgotten.mark("101", 1_767_225_600_000_000)
    written(likes, LIKES + "101,1,0,2026-01-01T00:00:00.000001Z\n")

    outcome = Outcome("--songs", songs, "--interactions", likes, "--json")

    assert outcome.result["interactions"] == judged(4, 2, 0, 0, 0, forgotten=2)
    assert "2 rows left out: their users were forgotten" in outcome.err
    assert [row[:3] for row in state()] == [("101", "1", -1), ("102", "3", 1)]


def test_a_forgotten_user_whose_rows_are_all_left_out_has_no_row_of_their_own(
    songs: Path, likes: Path
) -> None:
    forgotten.mark("101", 1_767_225_600_000_000)

    Outcome("--songs", songs, "--interactions", likes)

    assert list(Listener.objects.values_list("user_id", flat=True)) == ["102"]


def test_a_changed_title_is_an_update(songs: Path) -> None:
    Outcome("--songs", songs)
    written(songs, SONGS.replace("One", "Uno"))

    assert Outcome("--songs", songs, "--json").result["songs"] == tally(3, 0, 1, 2, 0)
    assert Song.objects.get(song_id="1").title == "Uno"


def test_songs_already_there_are_known_to_a_later_file(songs: Path, likes: Path) -> None:
    Outcome("--songs", songs)

    result = Outcome("--interactions", likes, "--json").result
    assert result["interactions"] == judged(3, 3, 0, 0, 0)


def test_bad_rows_are_told_with_their_place_and_the_others_load(
    songs: Path, likes: Path, tmp_path: Path
) -> None:
    written(likes, LIKES.encode() + b"103,1,maybe,\n104,77,1,\n\xff,1,1,\n105,1,1,\n")

    errors = tmp_path / "bad.jsonl"
    outcome = Outcome("--songs", songs, "--interactions", likes, "--errors", errors, "--json")
    assert outcome.code == 3
    assert outcome.result["interactions"] == judged(7, 4, 0, 0, 3)
    assert f"{likes}:5: like: bad_like: 1 (like) or 0 (dislike) is expected: 'maybe'" in outcome.err
    assert "rejected rows: bad_like 1, unknown_song 1, bad_utf8 1" in outcome.err
    told = [json.loads(line) for line in errors.read_text().splitlines()]
    assert [(e["line"], e["column"], e["code"], e["value"]) for e in told] == [
        (5, "like", "bad_like", "maybe"),
        (6, "song_id", "unknown_song", "77"),
        (7, "user_id", "bad_utf8", "\udcff"),
    ]


def test_only_the_first_few_bad_rows_are_shown_and_none_can_command_the_terminal(
    songs: Path, likes: Path
) -> None:
    row = "\x1b[2Jboo" + "o" * 200
    written(likes, LIKES + f"103,1,{row},\n" * 500)

    outcome = Outcome("--songs", songs, "--interactions", likes)
    assert outcome.err.count("bad_like:") == 10
    assert "\x1b" not in outcome.err
    assert "(207 characters)" in outcome.err
    assert "rejected rows: bad_like 500" in outcome.err


def test_a_dry_run_counts_and_keeps_nothing(songs: Path, likes: Path) -> None:
    outcome = Outcome("--songs", songs, "--interactions", likes, "--dry-run", "--json")

    assert outcome.result["songs"] == tally(3, 3, 0, 0, 0)
    assert outcome.result["interactions"] == judged(3, 3, 0, 0, 0)
    assert not Song.objects.exists()
    assert not Listener.objects.exists()


def test_more_bad_rows_than_allowed_end_the_load(songs: Path, likes: Path) -> None:
    written(likes, LIKES + "103,1,maybe,\n" * 3 + "104,1,1,\n")

    assert Outcome("--songs", songs, "--interactions", likes, "--max-errors", 3).code == 3
    outcome = Outcome("--interactions", likes, "--max-errors", 2)
    assert outcome.code == 1
    assert "more than 2 bad rows" in outcome.failure


def test_what_was_read_before_the_end_of_a_broken_file_is_kept(songs: Path, tmp_path: Path) -> None:
    rows = "".join(f"{user},1,1,\n" for user in range(20_000))
    cut = written(tmp_path / "cut.csv.gz", gzip.compress((LIKES + rows).encode())[:-500])

    outcome = Outcome("--songs", songs, "--interactions", cut)
    assert outcome.code == 1
    assert "damaged or cut short after line" in outcome.failure
    assert f"3 songs and {Interaction.objects.count():,} interactions" in outcome.failure
    assert Interaction.objects.count() > 5_000


def test_whatever_the_order_and_the_batches_the_same_profile_comes_out(
    songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "BATCH_ROWS", 2)
    header, rows = LIKES.splitlines()[0], [
        "101,1,1,2026-01-02", "101,1,0,2026-01-03", "101,1,1,2026-01-01", "101,1,1,",
        "101,2,1,", "101,2,0,", "101,2,1,",
    ]  # fmt: skip
    Outcome("--songs", songs)
    states = []
    for order in (rows, rows[::-1], sorted(rows)):
        file = written(tmp_path / "shuffled.csv", "\n".join([header, *order]))
        assert Outcome("--interactions", file).code == 0
        states.append(state())
        Interaction.objects.all().delete()
    assert states[0][0][:3] == ("101", "1", -1)
    assert states[0] == states[1] == states[2]


def test_standard_input_is_read_for_a_dash(songs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    piped = io.TextIOWrapper(io.BufferedReader(io.BytesIO(gzip.compress(LIKES.encode()))))
    monkeypatch.setattr(sys, "stdin", piped)

    result = Outcome("--songs", songs, "--interactions", "-", "--json").result
    assert result["interactions"] == judged(3, 3, 0, 0, 0)


def test_ignored_columns_are_named_since_one_may_be_misspelt(songs: Path, likes: Path) -> None:
    written(likes, LIKES.replace("timestamp", "time_stamp"))

    outcome = Outcome("--songs", songs, "--interactions", likes)
    assert "columns ignored: 'time_stamp'" in outcome.err
    assert {row[3] for row in state()} == {0}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "give --songs FILE"),
        (["--songs", "-", "--interactions", "-"], 2, "the same input"),
        (["--songs", "nowhere.csv"], 1, "cannot read nowhere.csv: No such file"),
        (["--songs", "."], 1, "cannot read .: Is a directory"),
        (["--songs", "-", "--errors", "/nowhere/bad.jsonl"], 1, "cannot write /nowhere/bad.jsonl"),
    ],
)
def test_what_cannot_work_ends_with_one_clear_line(
    arguments: list[str], code: int, said: str
) -> None:
    outcome = Outcome(*arguments)

    assert (outcome.code, said in outcome.failure) == (code, True)
    assert "\n" not in outcome.failure
