"""Songs as answers show them, read from the catalogue by id."""

from collections.abc import Iterable
from functools import lru_cache
from typing import TypedDict

from django.db import connection

from recommendations.serving.whole_rows import list_of, read, row_of


class SongInfo(TypedDict):
    """A song in an answer."""

    song_id: str
    title: str
    artist: str
    genre: str


def songs_by_id(song_ids: Iterable[str]) -> dict[str, SongInfo]:
    """The songs with these ids; an id that is not in the catalogue (any more) has no entry."""
    ids = list(dict.fromkeys(song_ids))
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_statement(len(ids)), ids)
        (found,) = cursor.fetchone()
    return {
        song_id: {"song_id": song_id, "title": title, "artist": artist, "genre": genre}
        for song_id, title, artist, genre in read(found)
    }


@lru_cache(maxsize=1_024)
def _statement(ids: int) -> str:
    """The statement for so many ids."""
    songs = list_of(row_of("song_id", "title", "artist", "genre"))
    return f"SELECT {songs} FROM song WHERE song_id IN ({', '.join(['%s'] * ids)})"  # noqa: S608
