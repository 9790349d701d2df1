"""Small worlds that the engine's tests share."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from scipy import sparse

from recommendations.engine.interactions import Interactions, Profile, Traits

Row = tuple[int, int, int]


def interactions(
    rows: Iterable[Row], *, users: int, songs: int, times: Iterable[int] | None = None
) -> Interactions:
    """Judgements from (user, song, value) rows."""
    table = np.array(list(rows), np.int64).reshape(-1, 3)
    when = np.zeros(len(table), np.int64) if times is None else np.array(list(times), np.int64)
    return Interactions(
        table[:, 0].astype(np.int32),
        table[:, 1].astype(np.int32),
        table[:, 2].astype(np.int8),
        when,
        users,
        songs,
    )


def profile(liked: Iterable[int] = (), disliked: Iterable[int] = ()) -> Profile:
    """A profile of these song rows."""
    return Profile(np.array(list(liked), np.int32), np.array(list(disliked), np.int32))


def listeners_with_taste(
    *, users: int, songs: int, groups: int = 4, seed: int = 0, dislikes: bool = True
) -> Interactions:
    """Users of one group each, who like its songs twenty times as often as others."""
    rng = np.random.default_rng(seed)
    taste = rng.integers(0, groups, users)
    kind = np.arange(songs) % groups
    rows: list[Row] = []
    for user in range(users):
        weights = np.where(kind == taste[user], 20.0, 1.0) / (1 + np.arange(songs) // groups)
        liked = rng.choice(songs, size=int(rng.integers(3, 12)), replace=False, p=_shares(weights))
        rows += [(user, int(song), 1) for song in liked]
        others = np.flatnonzero((kind != taste[user]) & ~np.isin(np.arange(songs), liked))
        if dislikes and len(others):
            rows += [(user, int(song), -1) for song in rng.choice(others, 2)]
    unique = {(user, song): value for user, song, value in rows}
    return interactions(
        [(*pair, value) for pair, value in unique.items()], users=users, songs=songs
    )


def fans(
    *, users: int = 150, artists: int = 12, songs_each: int = 5, seed: int = 0
) -> Interactions:
    """Users who like songs of two artists of one genre, and now and then another; few dislikes.

    Song s is by artist s // songs_each, who is of genre artist % 3. The last song is by an artist
    of whom there is nothing else, of genre 0, and nobody judges it.
    """
    rng = np.random.default_rng(seed)
    songs = artists * songs_each + 1
    artist_of = np.append(np.arange(songs - 1) // songs_each, artists)
    rows: dict[tuple[int, int], int] = {}
    for user in range(users):
        genre = int(rng.integers(0, 3))
        favourites = genre + 3 * rng.choice(artists // 3, 2, replace=False)
        theirs = np.flatnonzero(np.isin(artist_of, favourites))
        liked = rng.choice(theirs, int(rng.integers(3, len(theirs))), replace=False)
        others = rng.choice(songs - 1, 3, replace=False)
        rows |= {(user, int(song)): -1 for song in others[:2]}
        rows |= {(user, int(song)): 1 for song in [*liked, others[2]]}
    genre_of = np.append(np.arange(artists) % 3, 0)[artist_of]
    genres = sparse.csr_array((np.ones(songs, np.float32), (np.arange(songs), genre_of)))
    world = interactions([(*pair, value) for pair, value in rows.items()], users=users, songs=songs)
    return replace(world, traits=Traits(artist_of.astype(np.int32), genres))


def without_songs(world: Interactions, songs: Iterable[int]) -> Interactions:
    """The world where nobody has judged these songs yet."""
    return world.where(~np.isin(world.songs, list(songs)))


def profile_of(world: Interactions, user: int) -> Profile:
    """A user's profile as the world has it."""
    mine = world.users == user
    return Profile(world.songs[mine & (world.values > 0)], world.songs[mine & (world.values < 0)])


def _shares(weights: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> list[float]:
    return list(weights / weights.sum())


def two_camps(*, users: int = 200, songs: int = 40, seed: int = 0) -> Interactions:
    """Each user judges half of the songs at random, liking mostly those of one of two kinds."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for user in range(users):
        for song in rng.choice(songs, songs // 2, replace=False):
            likes = rng.random() < (0.8 if song % 2 == user % 2 else 0.2)
            rows.append((user, int(song), 1 if likes else -1))
    return interactions(rows, users=users, songs=songs)
