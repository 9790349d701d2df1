"""Songs as answers show them, read from the catalogue by id."""

from collections.abc import Iterable
from functools import lru_cache
from typing import TypedDict

from django.db import connection

from recommendations.serving.whole_rows import list_of, read, row_of

# About 10 MB a process.
MOST_REMEMBERED = 20_000


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


class RememberedSongs:
    """Songs that were read before, for as long as the catalogue bears the mark of then."""

    def __init__(self) -> None:
        # Mark and songs in one tuple, swapped whole: threads never see one without the other.
        self._of_mark: tuple[str | None, dict[str, SongInfo]] = (None, {})

    def by_id(self, song_ids: Iterable[str], mark: str | None) -> dict[str, SongInfo]:
        """``songs_by_id``, where the request's read found this mark (None: no songs yet)."""
        known, songs = self._of_mark
        if mark is None or known != mark or len(songs) > MOST_REMEMBERED:
            songs = {}
            self._of_mark = (mark, songs)
        ids = list(song_ids)
        unread = [song_id for song_id in ids if song_id not in songs]
        if unread:
            songs |= songs_by_id(unread)
        return songs


@lru_cache(maxsize=1_024)
def _statement(ids: int) -> str:
    """The statement for so many ids."""
    songs = list_of(row_of("song_id", "title", "artist", "genre"))
    return f"SELECT {songs} FROM song WHERE song_id IN ({', '.join(['%s'] * ids)})"  # noqa: S608
