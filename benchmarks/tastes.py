"""Tastes by the number of a user, and the likes that come of them: the loops of synthetic.py.

A song stands at a place: artists are stretches of places, scenes stretches of artists, genres
stretches of scenes. All of a user's numbers come from the seed and the user's number, so that
a taste can be drawn again to tell its chances.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from recommendations.engine.compiling import compiled
from recommendations.engine.interactions import FloatArray, IntArray

# Where a like comes from: a favourite artist, a favourite scene, one of their genres, anywhere.
SOURCES: Final = (0.3, 0.4, 0.2, 0.1)
# p(rank) ~ rank^-a of whatever is drawn.
POPULARITY: Final = 0.6
_MOST_SCENES: Final = 40

_Long = npt.NDArray[np.int64]
_Bits = npt.NDArray[np.uint64]


@compiled
def _random(state: _Bits) -> float:
    """The next number from [0, 1): SplitMix64 (Steele, Lea & Flood 2014). state: (1,)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    mixed = state[0]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return float(mixed >> np.uint64(11)) / 9007199254740992.0


@compiled
def _popular(state: _Bits, start: int, stop: int) -> int:
    """One of start … stop-1, the first the most often."""
    drawn = start + int((stop - start) * _random(state) ** (1 / (1 - POPULARITY)))
    return min(drawn, stop - 1)


@compiled
def _begin(seed: np.uint64, user: int, state: _Bits) -> None:
    """The state from which all of this user's numbers come."""
    state[0] = (seed * np.uint64(0xD1342543DE82EF95)) ^ (
        np.uint64(user + 1) * np.uint64(0x2545F4914F6CDD1D)
    )
    _random(state)


@compiled
def _taste(
    state: _Bits,
    likes: int,
    scene_artists: IntArray,
    genres: IntArray,
    favourites: IntArray,
    artists: IntArray,
) -> int:
    """Fill in the user's scenes and an artist of each; how many there are. The first weigh most.

    Scenes come from one or two genres. favourites, artists: (_MOST_SCENES,).
    """
    count = min(_MOST_SCENES, 2 + likes // 25)
    n_genres = len(genres) - 1
    home, other = _popular(state, 0, n_genres), _popular(state, 0, n_genres)
    for at in range(count):
        genre = home if _random(state) < 0.6 else other
        if likes > 500 and _random(state) < 0.5:  # who listens to much listens to many things
            genre = _popular(state, 0, n_genres)
        scene = _popular(state, genres[genre], genres[genre + 1])
        favourites[at] = scene
        artists[at] = _popular(state, scene_artists[scene], scene_artists[scene + 1])
    return count


@compiled
def draw(
    seed: np.uint64,
    starts: _Long,
    degrees: _Long,
    artists: IntArray,
    scenes: IntArray,
    scene_artists: IntArray,
    genres: IntArray,
    rows: IntArray,
    found: IntArray,
) -> None:
    """Write each user's songs, all different, to found[starts[u]:starts[u + 1]]."""
    state = np.zeros(1, np.uint64)
    chosen, played = np.empty(_MOST_SCENES, np.int32), np.empty(_MOST_SCENES, np.int32)
    liked_by = np.full(len(rows), -1, np.int32)
    for user in range(len(degrees)):
        _begin(seed, user, state)
        count = _taste(state, degrees[user], scene_artists, genres, chosen, played)
        at, tries = starts[user], 0
        while at < starts[user + 1]:
            which = _popular(state, 0, count)
            # Whoever has heard all of their own goes further afield.
            source = _random(state) + 0.02 * (tries // 16)
            if tries > 1000:
                place = int(len(rows) * _random(state))
            elif source < SOURCES[0]:
                artist = played[which]
                place = _popular(state, artists[artist], artists[artist + 1])
            else:
                scene = _scene(state, source, chosen[which], genres)
                place = _popular(state, scenes[scene], scenes[scene + 1])
            tries += 1
            if liked_by[place] != user:
                liked_by[place] = user
                found[at] = rows[place]
                at += 1
                tries = 0


@compiled
def _scene(state: _Bits, source: float, own: int, genres: IntArray) -> int:
    """The scene of a like: the user's own, one of its genre, or any."""
    if source < SOURCES[0] + SOURCES[1]:
        return own
    if source < 1 - SOURCES[3]:
        genre = np.searchsorted(genres, own, side="right") - 1
        own = _popular(state, genres[genre], genres[genre + 1])
    else:
        own = _popular(state, 0, genres[-1])
    return own


@compiled
def shares(start: int, stop: int, share: float, into: FloatArray) -> None:
    """Spread a share over start … stop-1 as ``_popular`` draws them."""
    power, before = 1 - POPULARITY, 0.0
    for at in range(start, stop):
        upto = ((at + 1 - start) / (stop - start)) ** power
        into[at] += share * (upto - before)
        before = upto


@compiled
def chances(
    seed: np.uint64,
    user: int,
    likes: int,
    artists: IntArray,
    scenes: IntArray,
    scene_artists: IntArray,
    genres: IntArray,
    rows: IntArray,
    everywhere: FloatArray,
    found: FloatArray,
) -> None:
    """Write the chance of each song for one user to found, (n_songs,) of 0."""
    state = np.zeros(1, np.uint64)
    chosen, played = np.empty(_MOST_SCENES, np.int32), np.empty(_MOST_SCENES, np.int32)
    _begin(seed, user, state)
    count = _taste(state, likes, scene_artists, genres, chosen, played)
    weights = np.zeros(count, np.float32)
    shares(0, count, 1.0, weights)
    by_scene = np.zeros(len(scenes) - 1, np.float32)
    by_place = everywhere * np.float32(SOURCES[3])
    for which in range(count):
        scene = chosen[which]
        by_scene[scene] += weights[which] * SOURCES[1]
        genre = np.searchsorted(genres, scene, side="right") - 1
        shares(genres[genre], genres[genre + 1], weights[which] * SOURCES[2], by_scene)
        artist = played[which]
        shares(artists[artist], artists[artist + 1], weights[which] * SOURCES[0], by_place)
    for scene in range(len(by_scene)):
        if by_scene[scene] > 0:
            shares(scenes[scene], scenes[scene + 1], by_scene[scene], by_place)
    for place in range(len(rows)):
        found[rows[place]] = by_place[place]
