"""The most liked songs, counted in the profiles, for as long as no model can say so."""

import logging
from collections.abc import Collection, Iterator
from contextlib import suppress

from django.core.cache import cache
from django.db import connection
from redis.exceptions import RedisError

from recommendations.catalogue_reading import SongInfo, songs_by_id
from recommendations.song_index import fold, genres_of

COUNTED_SONGS = 1_000
CACHE_SECONDS = 60
CACHE_KEY = "popular-songs"
CACHE_AWAY = (RedisError, OSError)

Counted = list[tuple[str, float]]

log = logging.getLogger(__name__)


def without_model(
    genre: str | None, artist: str | None, left_out: Collection[str]
) -> Iterator[tuple[SongInfo, float]]:
    """Songs with the share of listeners who like them, most liked first, filters applied."""
    counted = [(song_id, share) for song_id, share in _counted() if song_id not in left_out]
    info = songs_by_id(song_id for song_id, _ in counted)
    for song_id, share in counted:
        song = info.get(song_id)
        if song is not None and _fits(song, genre, artist):
            yield song, share


def _fits(song: SongInfo, genre: str | None, artist: str | None) -> bool:
    if genre is not None and fold(genre) not in genres_of(song["genre"]):
        return False
    return artist is None or fold(artist) == fold(song["artist"])


def _counted() -> Counted:
    """The most liked songs, then others of the catalogue; counted at most once in a while.

    Where the cache is away each request counts for itself: slower, and still an answer.
    """
    try:
        found: Counted | None = cache.get(CACHE_KEY)
    except CACHE_AWAY as error:
        log.warning("popular songs are counted anew, the cache is away: %s", error)
        return _count()
    if found is None:
        found = _count()
        # The cache may go away between the two as well; the list is good all the same.
        with suppress(*CACHE_AWAY):
            cache.set(CACHE_KEY, found, CACHE_SECONDS)
    return found


def _count() -> Counted:
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM listener")
        listeners = max(1, cursor.fetchone()[0])
        cursor.execute(
            """
            SELECT song.song_id, COUNT(profile.id) AS likes
            FROM song LEFT JOIN user_profile AS profile
              ON profile.song_id = song.song_id AND profile.value = 1
            GROUP BY song.song_id ORDER BY likes DESC, song.song_id LIMIT %s
            """,
            [COUNTED_SONGS],
        )
        return [(song_id, likes / listeners) for song_id, likes in cursor.fetchall()]
