"""The regressions of the local ridge: one small linear system a song."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recommendations.engine.compiling import compiled
from recommendations.engine.interactions import FloatArray, IntArray
from recommendations.engine.neighbours import Neighbours

_BLOCK = 256


def solve(
    columns: sparse.csr_array,
    weights: FloatArray,
    diagonal: FloatArray,
    neighbours: Neighbours,
    progress: Callable[[float], None] | None = None,
) -> FloatArray:
    """The weights of each song's neighbours, (G[N,N] + Λ)⁻¹ G[N,j]: float32 (n_songs, K).

    columns: Xᵀ (n_songs, n_users). weights: of each user, for G = Xᵀ diag(weights) X.
    diagonal: Λ + diag G, (n_songs,). Songs are independent: a thread a core, a block at a time.
    """
    rows, solved = neighbours.rows, neighbours.gram.copy()
    n_users, k = columns.shape[1], rows.shape[1]
    counts = np.append(np.diff(columns.indptr), 0)  # the last for the padding, -1
    starts = range(0, len(rows), _BLOCK)

    def fill(start: int) -> None:
        span = slice(start, start + _BLOCK)
        longest = int(counts[rows[span]].sum(axis=1).max()) + 1
        heads = np.full(n_users, -1, np.int32)
        links, places = np.empty(longest, np.int32), np.empty(longest, np.int32)
        A = np.zeros((k, k), np.float32)
        _solve_songs(
            columns.indptr,
            columns.indices,
            weights,
            diagonal,
            rows[span],
            heads,
            links,
            places,
            A,
            solved[span],
        )

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for at, _ in enumerate(pool.map(fill, starts)):
            if progress:
                progress((at + 1) / len(starts))
    return solved


@compiled
def _fill(
    offsets: npt.NDArray[np.int32],
    users: IntArray,
    weights: FloatArray,
    songs: IntArray,
    heads: IntArray,
    links: IntArray,
    places: IntArray,
    A: FloatArray,
) -> None:
    """Add the Gram matrix of these songs to the part of A below its diagonal.

    Each user's likes among the songs form a linked list (heads, links), and each like adds the
    user's weight to its pair with every earlier one: no other like is ever looked at.
    """
    used = 0
    for a in range(len(songs)):
        for at in range(offsets[songs[a]], offsets[songs[a] + 1]):
            user = users[at]
            link = heads[user]
            while link >= 0:
                A[a, places[link]] += weights[user]
                link = links[link]
            links[used] = heads[user]
            places[used] = a
            heads[user] = used
            used += 1
    for song in songs:
        for at in range(offsets[song], offsets[song + 1]):
            heads[users[at]] = -1


@compiled
def _solve(A: FloatArray, x: FloatArray) -> None:
    """Turn the right side x (k,) into the solution of A x = right side.

    A is symmetric and positive definite, its lower triangle is read and becomes L of A = L Lᵀ
    (Cholesky), with the inverses of L's diagonal.
    """
    for i in range(len(x)):
        row = A[i]
        for j in range(i):
            other = A[j]
            total = np.float32(0)
            for c in range(j):
                total += row[c] * other[c]
            row[j] = (row[j] - total) * other[j]
        squares, known = np.float32(0), np.float32(0)
        for c in range(i):
            squares += row[c] * row[c]
            known += row[c] * x[c]
        row[i] = np.float32(1) / np.sqrt(row[i] - squares)
        x[i] = (x[i] - known) * row[i]
    for i in range(len(x) - 1, -1, -1):
        x[i] *= A[i, i]
        for c in range(i):
            x[c] -= x[i] * A[i, c]


@compiled
def _solve_songs(
    offsets: npt.NDArray[np.int32],
    users: IntArray,
    weights: FloatArray,
    diagonal: FloatArray,
    rows: IntArray,
    heads: IntArray,
    links: IntArray,
    places: IntArray,
    A: FloatArray,
    solved: FloatArray,
) -> None:
    """Solve A w = right side for each row of ``rows``, A the Gram matrix of its songs, regularised.

    offsets, users: who likes each song (CSC of X). weights: of each user. diagonal: of A, by song.
    rows: (m, K), padded with -1 at the end. solved: (m, K), the right sides, overwritten by w.
    Scratch: heads (n_users,) of -1, left so; links and places as long as the likes of one row's
    songs; A (K, K).
    """
    for r in range(len(rows)):
        k = np.count_nonzero(rows[r] >= 0)
        songs = rows[r, :k]
        for a in range(k):
            A[a, :a] = np.float32(0)
            A[a, a] = diagonal[songs[a]]
        _fill(offsets, users, weights, songs, heads, links, places, A)
        _solve(A, solved[r, :k])
