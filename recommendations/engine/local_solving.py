"""The regressions of the local ridge: one small linear system a song.

Songs whose neighbours are mostly the same are solved together (grouping.py): the Gram matrix of all
their neighbours is made once, dense, and each song's system is picked out of it. Made song by song,
the same pairs would be counted over and over: at 50 million likes, that is nearly all of the work.
Where few like the neighbours, or few songs share them, each song's matrix is made of their likes.
Both ways add up the same numbers in the same order.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from recommendations.engine.checkpoints import Checkpoints, Forgetful
from recommendations.engine.grouping import groups
from recommendations.engine.interactions import BoolArray, FloatArray, IntArray
from recommendations.engine.local_systems import (
    by_user,
    fill_rows,
    solve_alone,
    solve_together,
)
from recommendations.engine.neighbours import Gram

# Neighbours of a group together, at most: a Gram matrix of 256 MB.
MOST_TOGETHER: Final = 8192
# Songs solved alone of one checkpoint, and rows that a thread takes at once.
_PIECE = 4096
_ROWS = 64
# To pick a matrix out of another is to read its cells: a song with fewer likes of its neighbours a
# cell than these has nothing to gain. A like costs about as much as making so many cells.
_LIKES_A_CELL = 1.0
_CELLS_A_LIKE = 8.0
# Together where that costs under this part of alone.
_PART = 1.0


def solve(
    gram: Gram,
    rows: IntArray,
    solved: FloatArray,
    songs: BoolArray,
    progress: Callable[[float], None] | None = None,
    checkpoints: Checkpoints | None = None,
) -> None:
    """Find the weights of these songs' neighbours, (G[N,N] + Λ)⁻¹ G[N,j].

    rows: the neighbours of all songs, (n_songs, K). solved: float32 (n_songs, K), the right sides
    G[N,j] of the songs in question, overwritten by the weights. songs: which, (n_songs,).
    """
    kept, done, wanted = checkpoints or Forgetful(), 0, np.count_nonzero(songs)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        solver = _Solver(gram, rows, solved, pool)
        for at, (piece, together) in enumerate(solver.pieces(songs)):
            name = f"solved-{at}"
            if found := kept.load(name):
                solved[piece] = found["solved"]
            else:
                solver.solve(piece, together)
                kept.save(name, {"solved": solved[piece]})
            done += len(piece)
            if progress:
                progress(done / wanted)


class _Solver:
    """Solves the systems of some songs at a time, on all threads.

    solved: (n_songs, K), the right sides, overwritten by the solutions.
    """

    def __init__(
        self, gram: Gram, rows: IntArray, solved: FloatArray, pool: ThreadPoolExecutor
    ) -> None:
        self._offsets, self._users = gram.columns.indptr, gram.columns.indices
        self._weights, self._diagonal = gram.weights, gram.diagonal
        self._rows, self._solved, self._pool = rows, solved, pool
        self._counts = np.diff(self._offsets).astype(np.int64)
        # The last for the padding, -1.
        self._alone = np.append(self._counts, 0)[rows].sum(axis=1)
        self._most = max(rows.shape[1], min(MOST_TOGETHER, len(rows)))
        self._room = np.empty(0, np.float32)

    def pieces(self, wanted: BoolArray) -> Iterator[tuple[IntArray, IntArray | None]]:
        """The songs wanted in pieces that come from the neighbours alone, the same each time.

        Beside the songs, the rows of all their neighbours where they are to be solved together.
        """
        worth = self._alone > _LIKES_A_CELL * self._rows.shape[1] ** 2
        separate = np.flatnonzero(wanted & ~worth).astype(np.int32)
        for start in range(0, len(separate), _PIECE):
            yield separate[start : start + _PIECE], None
        for songs, support in groups(self._rows, wanted & worth, self._most):
            likes = len(support) ** 2 / _CELLS_A_LIKE + 2 * self._counts[support].sum()
            yield songs, support if likes < _PART * self._alone[songs].sum() else None

    def solve(self, songs: IntArray, together: IntArray | None) -> None:
        """Solve the systems of these songs."""
        if together is None:
            self._each(self._solve_alone, songs)
            return
        gram = self._gram(together)
        place = np.full(len(self._rows), -1, np.int32)
        place[together] = np.arange(len(together), dtype=np.int32)

        def work(part: IntArray) -> None:
            solve_together(part, self._rows, place, gram, self._solved)

        self._each(work, songs)

    def _gram(self, songs: IntArray) -> FloatArray:
        """G + Λ of these songs, ascending: (m, m), the part below the diagonal, and that."""
        n = len(songs)
        if not len(self._room):
            self._room = np.empty(self._most**2, np.float32)
        gram = self._room[: n * n].reshape(n, n)
        starts = np.zeros(len(self._weights) + 1, np.int64)
        liked = np.empty(self._counts[songs].sum(), np.int32)
        by_user(self._offsets, self._users, songs, starts, liked)

        def fill(part: IntArray) -> None:
            fill_rows(
                self._offsets,
                self._users,
                self._weights,
                self._diagonal,
                songs,
                part,
                starts,
                liked,
                gram,
            )

        self._each(fill, np.arange(n, dtype=np.int32))
        return gram

    def _solve_alone(self, songs: IntArray) -> None:
        longest, k = int(self._alone[songs].max()) + 1, self._rows.shape[1]
        heads = np.full(len(self._weights), -1, np.int32)
        links, places = np.empty(longest, np.int32), np.empty(longest, np.int32)
        solve_alone(
            self._offsets,
            self._users,
            self._weights,
            self._diagonal,
            songs,
            self._rows,
            heads,
            links,
            places,
            np.zeros((k, k), np.float32),
            self._solved,
        )

    def _each(self, work: Callable[[IntArray], None], rows: IntArray) -> None:
        """Do every part of the rows, on all threads; raises what one of them raised."""
        parts = [rows[at : at + _ROWS] for at in range(0, len(rows), _ROWS)]
        list(self._pool.map(work, parts))
