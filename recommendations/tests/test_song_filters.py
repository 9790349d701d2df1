"""Filters of the catalogue in the database: the same songs that a model's index finds."""

import numpy as np
import pytest
from django.db import connection

from recommendations.models import Song
from recommendations.song_filters import matching
from recommendations.song_index import SongIndex

pytestmark = pytest.mark.django_db

# Artist and genre of each song; its id is its place.
SONGS = [
    ("Björk", "Électro|Pop"),
    ("BJÖRK", "électro"),
    ("Bjork", "Electro"),
    ("Große Straße", "Schlager | ÉLECTRO"),
    ("GROSSE STRASSE", "schlager"),
    ("Σίσυφος", "Λαϊκό"),
    ("ΣΊΣΥΦΟΣ", "ΛΑΪΚΌ"),
    ("Кино", "Рок"),
    ("100% _Wild_", "Pop|Rock & Roll"),
    ("100x aWilda", ""),
]
NAMES = ["björk", "BJÖRK ", "bjork", "große straße", "Grosse Strasse", "σίσυφος", "КИНО"]


@pytest.fixture(autouse=True)
def index() -> SongIndex:
    """The songs in the database, and the index of a model that knows them."""
    Song.objects.bulk_create(
        Song(song_id=str(n), title=f"Über {artist}", artist=artist, genre=genre)
        for n, (artist, genre) in enumerate(SONGS)
    )
    rows = [(str(n), artist, genre) for n, (artist, genre) in enumerate(SONGS)]
    return SongIndex.build(rows, np.zeros(len(SONGS), np.int64))


def found(
    *, search: str | None = None, genre: str | None = None, artist: str | None = None
) -> list[int]:
    songs = matching(search, genre, artist).order_by("pk")
    return [int(song_id) for song_id in songs.values_list("song_id", flat=True)]


@pytest.mark.parametrize("name", [*NAMES, "100% _wild_", "none"])
def test_an_artist_is_found_whatever_the_case_as_the_index_finds_it(
    index: SongIndex, name: str
) -> None:
    assert found(artist=name) == index.rows_of_artist(name).tolist()


@pytest.mark.parametrize(
    "name",
    [
        "électro",
        "ÉLECTRO",
        " Pop",
        "SCHLAGER",
        "λαϊκό",
        "рок",
        "rock",
        "Rock & roll",
        "none",
        "pop|rock & roll",
        "РОК | schlager|none",
        "none|",
        "Pop|pop",
    ],
)
def test_a_genre_is_found_whatever_the_case_as_the_index_finds_it(
    index: SongIndex, name: str
) -> None:
    assert found(genre=name) == index.rows_of_genre(name).tolist()


@pytest.mark.parametrize("name", [*NAMES, "%", "_", "ÜBER", "ROSS"])
def test_a_search_finds_parts_of_titles_and_artists_whatever_the_case(name: str) -> None:
    expected = [
        n
        for n, (artist, _) in enumerate(SONGS)
        if name.strip().casefold() in f"Über {artist}".casefold()
    ]

    assert found(search=name) == expected


def test_filters_are_worked_out_by_hand_once() -> None:
    assert found(artist="bJÖRK") == [0, 1]
    assert found(genre="électro") == [0, 1, 3]
    assert found(genre="рок|Schlager") == [3, 4, 7]
    assert found(search="STRASSE") == [3, 4]
    assert found(search="über", genre="pop", artist="björk") == [0]
    assert found(search="%") == [8]


@pytest.mark.parametrize("name", ["a\0b", "|", " "])
def test_what_no_name_can_hold_finds_nothing(index: SongIndex, name: str) -> None:
    assert found(genre=name) == []
    assert found(artist=name) == []


def test_a_connection_that_is_made_anew_folds_too() -> None:
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            if other.vendor == "sqlite":
                cursor.execute("SELECT MUSICREC_FOLD(' ÄÖ ')")
                assert cursor.fetchone() == ("äö",)
    finally:
        other.close()
