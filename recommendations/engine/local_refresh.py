"""Which songs of a local ridge are solved again, and which keep the weights that they have.

A song's weights come from the Gram matrix of its neighbours, whose trace is their (weighted) likes,
and from its own column of it. It is solved again

- where over 1 % of its own likes came or went since it was solved, or of its and its neighbours'
  together, or where it or one of them is new or gone,
- where songs solved again have become closer to it than its last neighbour, and would explain of it
  over 1 % of what its neighbours do, each taken alone: Σ G_ij² / Λ_i.

A song solved again gets what a whole training would give it, to the bit.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from recommendations.engine.compiling import compiled
from recommendations.engine.earlier import MOVED, SONGS, Earlier, moved
from recommendations.engine.interactions import BoolArray, FloatArray, IntArray, Interactions
from recommendations.engine.model import Arrays


@dataclass(frozen=True)
class Solved:
    """Every song's neighbours and weights, and what has changed since it was solved.

    rows, gram: as in ``neighbours.Neighbours``; weights: of the neighbours, before any discount;
    all (n_songs, K). own, near: how many of its likes, and of its and its neighbours' together,
    came or went since, float32 (n_songs,); inf for a song that is not solved.
    """

    rows: IntArray
    gram: FloatArray
    weights: FloatArray
    own: FloatArray
    near: FloatArray

    def moved(self, interactions: Interactions) -> BoolArray:
        """Which songs are to be solved again, (n_songs,)."""
        likes = interactions.like_counts
        return moved(self.own, likes) | moved(self.near, _with_neighbours(likes, self.rows))

    def arrays(self) -> Arrays:
        """All of it by name."""
        return dict(vars(self))


def solved_earlier(earlier: Earlier | None, n_songs: int, k: int) -> Solved:
    """What an earlier training solved, with the rows of now and with what has changed since."""
    arrays = earlier.kept.load(SONGS) if earlier is not None else None
    if earlier is None or arrays is None or arrays["rows"].shape[1] != k:
        return _nothing_solved(n_songs, k)
    taken: dict[str, Any] = {name: earlier.taken(array) for name, array in arrays.items()}
    rows = earlier.renamed(taken["rows"], len(arrays["rows"]))
    lacks = (earlier.rows < 0) | ((rows < 0) != (taken["rows"] < 0)).any(axis=1)
    order = np.argsort(np.where(rows < 0, n_songs, rows), axis=1, kind="stable")
    rows, gram, weights = (
        np.take_along_axis(each, order, axis=1) for each in (rows, taken["gram"], taken["weights"])
    )
    own = taken["own"] + earlier.changed
    near = taken["near"] + _with_neighbours(earlier.changed, rows)
    own[lacks] = np.inf
    return Solved(rows, gram, weights, own, near)


def come_near(solved: Solved, again: BoolArray, scale: FloatArray) -> BoolArray:
    """Which other songs have to be solved as well, since those solved again came near, (n_songs,).

    solved: with the new neighbours of the songs ``again``. scale: 1 / sqrt(Λ + diag G), (n_songs,).
    """
    gains = np.zeros(len(again), np.float32)
    if again.all():
        return np.zeros(len(again), np.bool_)
    likeness = np.where(solved.rows < 0, 0, solved.gram * scale[solved.rows])
    songs, least = np.flatnonzero(again).astype(np.int32), likeness.min(axis=1)
    _gain(songs, again, solved.rows, solved.gram, scale, least, gains)
    found: BoolArray = gains > MOVED * np.square(likeness).sum(axis=1)
    return found


def _nothing_solved(n_songs: int, k: int) -> Solved:
    """No song has weights yet."""
    never = np.full(n_songs, np.inf, np.float32)
    none = np.zeros((n_songs, k), np.float32)
    return Solved(np.full((n_songs, k), -1, np.int32), none, none.copy(), never, never.copy())


def _with_neighbours(numbers: Any, rows: IntArray) -> Any:
    """Each song's number and those of its neighbours, added up: (n_songs,)."""
    # The last for the padding, -1.
    return numbers + np.append(numbers, 0)[rows].sum(axis=1)


@compiled
def _gain(
    songs: IntArray,
    again: BoolArray,
    rows: IntArray,
    gram: FloatArray,
    scale: FloatArray,
    least: FloatArray,
    gains: FloatArray,
) -> None:
    """Add to each song what those of ``songs`` would explain of it that came past its last one.

    least: the likeness of each song's last neighbour, 0 where there is room.
    """
    for song in songs:
        for at in range(rows.shape[1]):
            other = rows[song, at]
            if other < 0 or again[other]:
                continue
            likeness = gram[song, at] * scale[song]
            if likeness <= least[other]:
                continue
            known = False
            for neighbour in rows[other]:
                known = known or neighbour == song
            if not known:
                gains[other] += likeness * likeness
