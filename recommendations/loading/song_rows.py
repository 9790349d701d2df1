"""Songs: what a row of songs.csv says, and the one place where songs are written in bulk."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from django.db import connection
from django.db.models import Max

from recommendations.loading.csv_rows import Reject, Row
from recommendations.loading.row_errors import BadValue, Code, RowError
from recommendations.loading.row_values import identifier, text
from recommendations.models import Song
from recommendations.profiles import Merged

REQUIRED = ("song_id", "title", "artist", "genre")
SONGS_PER_STATEMENT = 200


class SongRow(NamedTuple):
    """A song as its file has it; genre holds several separated by "|", or nothing."""

    song_id: str
    title: str
    artist: str
    genre: str


def song_rows(rows: Iterable[Row], *, reject: Reject) -> Iterator[SongRow]:
    """The song of every good row; the others go to ``reject``.

    Of two rows with one id the first is the song. If the second says something else it is
    rejected: were it to win, each load of the same file would change the song twice.
    """
    seen: dict[str, int] = {}
    for line, values in rows:
        try:
            song = _song(*values)
        except BadValue as bad:
            reject(bad.at(line))
            continue
        content = hash(song)
        if seen.setdefault(song.song_id, content) == content:
            yield song
        else:
            reject(_conflict(line, song))


def merge_songs(songs: Sequence[SongRow]) -> Merged:
    """Make the catalogue hold these songs; runs in the caller's transaction.

    Ids are unique among them but for repeats of the very same song.
    """
    distinct = sorted(set(songs))
    last_id = Song.objects.aggregate(last=Max("id"))["last"] or 0
    written: list[int] = []
    with connection.cursor() as cursor:
        for start in range(0, len(distinct), SONGS_PER_STATEMENT):
            chunk = distinct[start : start + SONGS_PER_STATEMENT]
            cursor.execute(
                _upsert_statement(len(chunk)), [value for song in chunk for value in song]
            )
            written += [row_id for (row_id,) in cursor.fetchall()]
    inserted = sum(row_id > last_id for row_id in written)
    return Merged(inserted, len(written) - inserted, len(distinct) - len(written))


def known_song_ids() -> set[str]:
    """The ids of all songs."""
    return set(Song.objects.values_list("song_id", flat=True).iterator(chunk_size=10_000))


def _song(song_id: str, title: str, artist: str, genre: str) -> SongRow:
    title_text = text("title", title)
    if not title_text:
        raise BadValue("title", Code.MISSING_VALUE, title, "a song has a title")
    genres = [part.strip() for part in text("genre", genre).split("|")]
    return SongRow(
        identifier("song_id", song_id),
        title_text,
        text("artist", artist),
        "|".join(part for part in genres if part),
    )


def _conflict(line: int, song: SongRow) -> RowError:
    return RowError(
        line, "song_id", Code.CONFLICTING_SONG, song.song_id,
        "a row before it gave this id to another title, artist or genre, and that one stays",
    )  # fmt: skip


def _upsert_statement(rows: int) -> str:
    values = ", ".join(["(%s, %s, %s, %s)"] * rows)
    return f"""
        INSERT INTO song (song_id, title, artist, genre) VALUES {values}
        ON CONFLICT (song_id) DO UPDATE SET
            title = excluded.title, artist = excluded.artist, genre = excluded.genre
        WHERE song.title <> excluded.title OR song.artist <> excluded.artist
            OR song.genre <> excluded.genre
        RETURNING id
    """  # noqa: S608 - nothing but placeholders goes in
