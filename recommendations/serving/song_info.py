"""Songs as answers show them, read from the catalogue by id."""

from collections.abc import Iterable
from typing import TypedDict

from django.db import connection


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
    places = ",".join(["%s"] * len(ids))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT song_id, title, artist, genre FROM song WHERE song_id IN ({places})",  # noqa: S608
            ids,
        )
        return {
            song_id: {"song_id": song_id, "title": title, "artist": artist, "genre": genre}
            for song_id, title, artist, genre in cursor.fetchall()
        }
