"""Which songs of a local ridge are solved again, and which keep the weights that they have.

A song's weights come from the Gram matrix of its neighbours, whose trace is their (weighted) likes,
and from its own column of it. It is solved again

- where over 1 % of its own likes came or went since it was solved, or of its and its neighbours'
  together, or where it is new or one of them is gone. That a user weighs less with each further
  like counts, too, as so many likes that went;
- where songs that moved have become closer to it than its last neighbour, and would explain of it
  over 1 % more than its neighbours do, each taken alone: Σ G_ij² / Λ_i. Of a song most of whose
  likes are new one is enough, if it is among its ten nearest: what else would it speak for?

A song solved again gets what a whole training would give it, to the bit.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from recommendations.engine.compiling import compiled
from recommendations.engine.earlier import MOVED, SONGS, Earlier, moved, taken
from recommendations.engine.interactions import BoolArray, FloatArray, IntArray, Interactions
from recommendations.engine.model import Arrays
from recommendations.engine.neighbours import Gram, add_up

# Where more songs moved than this part, all are solved: to look for what came near costs as much.
_MOST: Final = 0.5
# Songs of which more of the likes than this part came since they were solved are as good as new,
# and speak first for so many others.
_NEW: Final = 0.5
_FIRST: Final = 10
# Songs that a thread takes at once.
_BLOCK: Final = 64


@dataclass(frozen=True)
class Solved:
    """Every song's neighbours and weights, and what has changed since it was solved.

    The arrays are its own and are written to in place. rows, gram: as in ``neighbours.Neighbours``;
    weights: of the neighbours, before any discount; all (n_songs, K). The rest (n_songs,), float32:
    trace: each song's likes, weighted, when it was last looked at. own, around: how many of its
    likes, and of its and its neighbours' together, came or went since it was solved; inf for a song
    that is not solved. came: what songs that came near since would explain of it, Σ G_ij² / Λ_i.
    """

    rows: IntArray
    gram: FloatArray
    weights: FloatArray
    trace: FloatArray
    own: FloatArray
    around: FloatArray
    came: FloatArray

    def moved(self, likes: npt.NDArray[np.int64]) -> BoolArray:
        """Which songs are to be solved again, (n_songs,). likes: of each song now."""
        found = moved(self.own, likes) | moved(self.around, _with_neighbours(likes, self.rows))
        return found if found.sum() <= _MOST * len(found) else np.ones(len(likes), np.bool_)

    def come_near(self, gram: Gram, again: BoolArray, likes: npt.NDArray[np.int64]) -> BoolArray:
        """Which others are to be solved as well, since those solved again came near, (n_songs,).

        Asked when those have their new neighbours, and before they are settled.
        """
        if again.all():
            return np.zeros(len(again), np.bool_)
        likeness = np.where(self.rows < 0, 0, self.gram * gram.scale[self.rows])
        least = likeness.min(axis=1)
        self.came[:] += _gains(gram, again, self.rows, least)
        found: BoolArray = self.came > MOVED * np.square(likeness).sum(axis=1)
        new = np.flatnonzero(again & (self.own > _NEW * likes))
        found[self._spoken_for(new, likeness, least, gram.scale)] = True
        return found & ~again

    def _spoken_for(
        self,
        songs: npt.NDArray[np.intp],
        likeness: FloatArray,
        least: FloatArray,
        scale: FloatArray,
    ) -> IntArray:
        """Those of the ten nearest of these songs to which they are nearer than its neighbours."""
        first = np.argsort(-likeness[songs], axis=1, kind="stable")[:, :_FIRST]
        near, entries = (each[songs[:, None], first] for each in (self.rows, self.gram))
        closer = entries * scale[songs, None] > least[near]
        known = (self.rows[near] == songs[:, None, None]).any(axis=2)
        found: IntArray = near[(near >= 0) & closer & ~known]
        return found

    def settle(self, again: BoolArray) -> None:
        """Note that these songs are solved as of now."""
        for since in (self.own, self.around, self.came):
            since[again] = 0

    def arrays(self) -> Arrays:
        """All of it by name."""
        return dict(vars(self))


def solved_earlier(
    earlier: Earlier | None, interactions: Interactions, trace: FloatArray, k: int
) -> Solved:
    """What an earlier training solved, with the rows of now and with what has changed since.

    trace: Σ of the weights of the users who like each song, (n_songs,).
    """
    arrays = earlier.kept.load(SONGS) if earlier is not None else None
    if earlier is None or arrays is None or arrays["rows"].shape[1] != k:
        return _nothing_solved(trace, k)
    then = {name: taken(array, earlier.rows) for name, array in arrays.items()}
    rows = earlier.renamed(then["rows"], len(arrays["rows"]))
    lacks = (earlier.rows < 0) | ((rows < 0) != (then["rows"] < 0)).any(axis=1)
    order = np.argsort(np.where(rows < 0, len(rows), rows), axis=1, kind="stable")
    rows, gram, weights = (
        np.take_along_axis(each, order, axis=1) for each in (rows, then["gram"], then["weights"])
    )
    changed = np.maximum(earlier.changed, _in_likes(trace, then["trace"], interactions))
    own, around = then["own"] + changed, then["around"] + _with_neighbours(changed, rows)
    own[lacks] = np.inf
    return Solved(rows, gram, weights, trace, own, around, then["came"])


def _nothing_solved(trace: FloatArray, k: int) -> Solved:
    """No song has weights yet."""
    n_songs = len(trace)
    never = np.full(n_songs, np.inf, np.float32)
    none = np.zeros((n_songs, k), np.float32)
    rows = np.full((n_songs, k), -1, np.int32)
    return Solved(rows, none, none.copy(), trace, never, never.copy(), never.copy())


def _in_likes(now: FloatArray, then: FloatArray, interactions: Interactions) -> FloatArray:
    """By how many of its likes, as they weigh now, a song's weighted likes differ: (n_songs,)."""
    weight = now / np.maximum(interactions.like_counts, 1)
    differ = np.abs(now - then)
    found: FloatArray = np.divide(differ, weight, out=np.zeros_like(now), where=weight > 0)
    return found


def _with_neighbours(numbers: Any, rows: IntArray) -> Any:
    """Each song's number and those of its neighbours, added up: (n_songs,)."""
    # The last for the padding, -1.
    return numbers + np.append(numbers, 0)[rows].sum(axis=1)


def _gains(gram: Gram, again: BoolArray, rows: IntArray, least: FloatArray) -> FloatArray:
    """What the songs ``again`` would explain of each other one, past its last neighbour.

    least: the likeness of each song's last neighbour, 0 where there is room.
    """
    songs, found = np.flatnonzero(again).astype(np.int32), np.zeros(len(again), np.float32)

    def look(block: IntArray) -> FloatArray:
        gains, sums = np.zeros(len(again), np.float32), np.zeros(len(again), np.float32)
        likes, columns = gram.likes, gram.columns
        _gain(
            columns.indptr,
            columns.indices,
            likes.indptr,
            likes.indices,
            gram.weights,
            gram.scale,
            block,
            again,
            rows,
            least,
            sums,
            np.empty(len(again), np.int32),
            gains,
        )
        return gains

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        blocks = [songs[at : at + _BLOCK] for at in range(0, len(songs), _BLOCK)]
        for gains in pool.map(look, blocks):
            found += gains
    return found


@compiled
def _gain(
    song_offsets: npt.NDArray[np.int32],
    song_users: IntArray,
    user_offsets: npt.NDArray[np.int32],
    user_songs: IntArray,
    weights: FloatArray,
    scale: FloatArray,
    songs: IntArray,
    again: BoolArray,
    rows: IntArray,
    least: FloatArray,
    sums: FloatArray,
    touched: IntArray,
    gains: FloatArray,
) -> None:
    """Add to each song what these would explain of it more than its last neighbour does.

    Scratch: sums (n_songs,) of 0, left so; touched (n_songs,).
    """
    for song in songs:
        users = song_users[song_offsets[song] : song_offsets[song + 1]]
        count = add_up(users, user_offsets, user_songs, weights, sums, touched)
        for other in touched[:count]:
            likeness = sums[other] * scale[song]
            sums[other] = np.float32(0)
            if again[other] or likeness <= least[other]:
                continue
            known = False
            for neighbour in rows[other]:
                known = known or neighbour == song
            if not known:
                gains[other] += likeness * likeness - least[other] * least[other]
