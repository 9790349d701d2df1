"""The best of many scores, ties broken by song row."""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from recommendations.engine.interactions import BoolArray, FloatArray, IntArray

# Songs of which the best is taken before the best of those are looked for.
_LARGEST_GROUP: Final = 32


class Ranking(Protocol):
    """Songs in the order in which one profile is served them."""

    def best(
        self, k: int, *, excluded: IntArray, allowed: BoolArray | None = None
    ) -> tuple[IntArray, FloatArray]:
        """The k best songs, as ``top_k``; a larger k begins with the same songs."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A ranking by scores that are all known. scores: float32 (n_songs,)."""

    scores: FloatArray

    def best(
        self, k: int, *, excluded: IntArray, allowed: BoolArray | None = None
    ) -> tuple[IntArray, FloatArray]:
        """The k songs of greatest score."""
        return top_k(self.scores, k, excluded=excluded, allowed=allowed)


def top_k(
    scores: FloatArray, k: int, *, excluded: IntArray, allowed: BoolArray | None = None
) -> tuple[IntArray, FloatArray]:
    """The k best songs: rows int32 and their scores float32, best first, ties by row.

    scores: (n_songs,), left as they are. excluded: rows that may not appear (the profile).
    allowed: a mask (n_songs,) of the rows that may (a genre), or None for all of them.
    Fewer than k come back where fewer may appear.
    """
    ranked = masked(scores, excluded, allowed)
    rows = best_rows(ranked, k)
    return rows, ranked[rows]


def masked(scores: FloatArray, excluded: IntArray, allowed: BoolArray | None) -> FloatArray:
    """A copy of the scores with -inf for the songs that may not appear."""
    ranked = scores.astype(np.float32)
    if allowed is not None:
        ranked[~allowed] = -np.inf
    ranked[excluded] = -np.inf
    return ranked


def best_rows(ranked: FloatArray, k: int) -> IntArray:
    """Rows of the k greatest scores, int32, best first, ties by row; -inf is never among them."""
    bound = _lower_bound(ranked, k)
    candidates = np.flatnonzero(ranked >= bound)
    if bound == -np.inf:
        candidates = candidates[ranked[candidates] > -np.inf]
    # Candidates are in row order and the sort is stable: equal scores stay in row order.
    order = np.argsort(-ranked[candidates], kind="stable")[:k]
    return candidates[order].astype(np.int32)


def ranks_of(ranked: FloatArray, rows: IntArray) -> npt.NDArray[np.int64]:
    """The place, from 1, that each row takes among all scores, ties by row: int64 (m,).

    A row whose score is -inf is out of the ranking and gets the place after the last song.
    """
    places = np.empty(len(rows), np.int64)
    for at, row in enumerate(rows):
        score = ranked[row]
        if score == -np.inf:
            places[at] = len(ranked) + 1
            continue
        places[at] = 1 + np.count_nonzero(ranked > score) + np.count_nonzero(ranked[:row] == score)
    return places


def _lower_bound(ranked: FloatArray, k: int) -> np.float32:
    """A score that at least k songs reach, and few more than k.

    The k-th greatest of the maxima of disjoint groups is one, and taking maxima is far cheaper
    than a partition of everything.
    """
    size = min(_LARGEST_GROUP, len(ranked) // (2 * k)) if k > 0 else 0
    if size < 2:
        return np.float32(-np.inf)
    groups = len(ranked) // size
    # Groups are strided (row, row + groups, …), so that the maximum runs along memory.
    maxima = ranked[: groups * size].reshape(size, groups).max(axis=0)
    bound: np.float32 = np.partition(maxima, groups - k)[groups - k]
    return bound
