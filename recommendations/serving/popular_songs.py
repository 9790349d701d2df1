"""The most liked songs, counted in the profiles, for as long as no model can say so."""

import hashlib
import logging
from collections.abc import Collection, Iterator
from contextlib import suppress
from itertools import islice

import numpy as np
from django.core.cache import cache
from django.db.models import Count, Q
from redis.exceptions import RedisError

from recommendations.engine.novelty import CANDIDATES, turned
from recommendations.models import Listener
from recommendations.serving.song_info import SongInfo, songs_by_id
from recommendations.song_filters import matching
from recommendations.song_index import fold, genres_of

COUNTED_SONGS = 1_000
SONGS_A_READ = 200
CACHE_SECONDS = 60
CACHE_AWAY = (RedisError, OSError)

Counted = list[tuple[str, float]]

log = logging.getLogger(__name__)


def without_model(
    genre: str | None, artist: str | None, left_out: Collection[str]
) -> Iterator[tuple[SongInfo, float]]:
    """Songs with the share of listeners who like them, most liked first, filters applied.

    They end after COUNTED_SONGS at the earliest, whatever is left out. Read as they are taken.
    """
    # A whole multiple, so that callers who leave out a few songs share one count.
    most = COUNTED_SONGS * (1 + -(-len(left_out) // COUNTED_SONGS))
    counted = [row for row in _counted_of_any(genre, artist, most) if row[0] not in left_out]
    for start in range(0, len(counted), SONGS_A_READ):
        page = counted[start : start + SONGS_A_READ]
        info = songs_by_id(song_id for song_id, _ in page)
        yield from ((info[song_id], share) for song_id, share in page if song_id in info)


def turned_by(
    novelty: float, songs: Iterator[tuple[SongInfo, float]]
) -> Iterator[tuple[SongInfo, float]]:
    """The songs as a novelty asks for them; below 0 they stay: the most popular come first."""
    first = list(islice(songs, CANDIDATES))
    shares = np.array([share for _, share in first], np.float32)
    yield from (first[place] for place in turned(shares, shares, novelty))
    yield from songs


def _counted_of_any(genre: str | None, artist: str | None, most: int) -> Counted:
    """The most liked songs of any of the genres, each of which is counted for itself.

    Counted together, every combination would have a place of its own in the cache, and with a
    genre that has songs any other name beside it would find some.
    """
    names = [None] if genre is None else genres_of(genre)
    songs = {song_id: share for name in names for song_id, share in _counted(name, artist, most)}
    if len(names) == 1:
        return list(songs.items())
    return sorted(songs.items(), key=lambda song: (-song[1], song[0]))[:most]


def _counted(genre: str | None, artist: str | None, most: int) -> Counted:
    """The most liked songs, then others of the catalogue; counted at most once in a while.

    Where the cache is away each request counts for itself: slower, and still an answer.
    """
    key = _cache_key(genre, artist, most)
    try:
        found: Counted | None = cache.get(key)
    except CACHE_AWAY as error:
        log.warning("popular songs are counted anew, the cache is away: %s", error)
        return _count(genre, artist, most)
    if found is None:
        found = _count(genre, artist, most)
        # Nothing found is not kept: names that nobody has could fill the cache.
        if found:
            # The cache may go away between the two as well; the list is good all the same.
            with suppress(*CACHE_AWAY):
                cache.set(key, found, CACHE_SECONDS)
    return found


def _cache_key(genre: str | None, artist: str | None, most: int) -> str:
    # A digest: a name may hold what a cache key must not, and may be long.
    names = repr([name if name is None else fold(name) for name in (genre, artist)])
    digest = hashlib.blake2b(names.encode(errors="replace"), digest_size=12).hexdigest()
    return f"popular-songs:{digest}:{most}"


def _count(genre: str | None, artist: str | None, most: int) -> Counted:
    """The filters come before the limit: a song is found however many are liked more."""
    listeners = max(1, Listener.objects.count())
    songs = (
        matching(None, genre, artist)
        .values("song_id")
        .annotate(likes=Count("interactions", filter=Q(interactions__value=1)))
        .order_by("-likes", "song_id")
        .values_list("song_id", "likes")
    )
    return [(song_id, likes / listeners) for song_id, likes in songs[:most]]
