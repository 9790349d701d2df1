"""Songs out of rows, and into the catalogue."""

import pytest

from recommendations.loading.row_errors import Code, RowError
from recommendations.loading.song_rows import SongRow, merge_songs, song_rows
from recommendations.models import Song
from recommendations.profiles import Merged


def songs_of(*rows: tuple[str, str, str, str]) -> tuple[list[SongRow], list[RowError]]:
    errors: list[RowError] = []
    return list(song_rows(enumerate(rows, start=2), reject=errors.append)), errors


def test_a_song_keeps_what_its_row_says_without_the_spaces_around() -> None:
    songs, errors = songs_of(
        (" 1 ", ' Hello, "World" ', "Ñico", " rock | pop ||"), ("2", "x", "", "")
    )

    assert songs == [SongRow("1", 'Hello, "World"', "Ñico", "rock|pop"), SongRow("2", "x", "", "")]
    assert not errors


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        (("", "t", "a", "g"), "song_id", Code.MISSING_VALUE),
        (("1\n2", "t", "a", "g"), "song_id", Code.CONTROL_CHARACTER),
        (("1" * 65, "t", "a", "g"), "song_id", Code.TOO_LONG),
        (("1", " ", "a", "g"), "title", Code.MISSING_VALUE),
        (("1", "caf\udce9", "a", "g"), "title", Code.BAD_UTF8),
        (("1", "t", "a\0b", "g"), "artist", Code.CONTROL_CHARACTER),
        (("1", "t", "a", "g" * 1_001), "genre", Code.TOO_LONG),
    ],
)
def test_a_bad_song_is_named_and_its_neighbours_load(
    row: tuple[str, str, str, str], column: str, code: Code
) -> None:
    songs, errors = songs_of(("8", "t", "", ""), row, ("9", "t", "", ""))

    assert [song.song_id for song in songs] == ["8", "9"]
    assert [(error.line, error.column, error.code) for error in errors] == [(3, column, code)]


def test_of_two_rows_with_one_id_the_first_is_the_song() -> None:
    songs, errors = songs_of(("1", "t", "a", ""), ("1", "other", "a", ""), ("1", " t", "a", "|"))

    assert songs == [SongRow("1", "t", "a", "")] * 2
    assert [(error.line, error.code) for error in errors] == [(3, Code.CONFLICTING_SONG)]


@pytest.mark.django_db
def test_merging_tells_new_songs_from_changed_and_known_ones() -> None:
    assert merge_songs([SongRow("1", "a", "b", "c"), SongRow("2", "a", "b", "c")]) == Merged(
        2, 0, 0
    )

    changed = [
        SongRow("1", "a", "b", "c"),
        SongRow("2", "a", "new", "c"),
        SongRow("3", "x", "", ""),
    ]
    assert merge_songs(changed) == Merged(inserted=1, updated=1, unchanged=1)
    assert Song.objects.get(song_id="2").artist == "new"


@pytest.mark.django_db
def test_more_songs_than_one_statement_holds_are_all_kept() -> None:
    songs = [SongRow(str(n), f"title {n}", "", "") for n in range(1_001)]

    assert merge_songs(songs + songs[:5]) == Merged(1_001, 0, 0)
    assert Song.objects.count() == 1_001
