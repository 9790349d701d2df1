"""Which songs are close enough to a song to take part in its regression."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recommendations.engine.compiling import compiled
from recommendations.engine.interactions import FloatArray, IntArray

_BLOCK = 256
_END = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The songs nearest to each song.

    rows: int32 (n_songs, K) in ascending order, padded with -1 at the end. gram: their entries
    of the Gram matrix G[N, j], float32 (n_songs, K), 0 where padded.
    likeness: G_ij / sqrt(Λ_i Λ_j), float32 (n_songs, K), a cosine drawn to 0 for rare songs.
    """

    rows: IntArray
    gram: FloatArray
    likeness: FloatArray


@compiled
def _before(value: float, row: int, other_value: float, other_row: int) -> bool:
    """Whether the first is given up before the other."""
    return value < other_value or (value == other_value and row > other_row)


@compiled
def _keep(held: FloatArray, rows: IntArray, size: int, value: float, row: int) -> int:
    """Offer a song to the best so far, a heap with the one to be given up first on top.

    That is the least value, of equal ones the last row. Returns how many are kept now.
    """
    if size < len(held):
        at = size
        while at > 0 and _before(value, row, held[(at - 1) // 2], rows[(at - 1) // 2]):
            up = (at - 1) // 2
            held[at], rows[at] = held[up], rows[up]
            at = up
        held[at], rows[at] = value, row
        return size + 1
    if not _before(held[0], rows[0], value, row):
        return size
    at, down = 0, 1
    while down < size:
        if down + 1 < size and _before(held[down + 1], rows[down + 1], held[down], rows[down]):
            down += 1
        if not _before(held[down], rows[down], value, row):
            break
        held[at], rows[at] = held[down], rows[down]
        at, down = down, 2 * down + 1
    held[at], rows[at] = value, row
    return size


@compiled
def _choose(
    song_offsets: npt.NDArray[np.int32],
    song_users: IntArray,
    user_offsets: npt.NDArray[np.int32],
    user_songs: IntArray,
    weights: FloatArray,
    scale: FloatArray,
    first: int,
    sums: FloatArray,
    touched: IntArray,
    held: FloatArray,
    rows: IntArray,
    gram: FloatArray,
) -> None:
    """Write the nearest songs of the songs ``first``, ``first + 1``, … into rows and gram (m, k).

    Scratch: sums (n_songs,) of 0, left so; touched (n_songs,); held (k,), the likenesses of the
    songs kept so far.
    """
    for r in range(len(rows)):
        count = 0
        for at in range(song_offsets[first + r], song_offsets[first + r + 1]):
            user = song_users[at]
            for place in range(user_offsets[user], user_offsets[user + 1]):
                other = user_songs[place]
                if sums[other] == 0:
                    touched[count] = other
                    count += 1
                sums[other] += weights[user]
        size = 0
        for other in touched[:count]:
            if other != first + r:
                size = _keep(held, rows[r], size, sums[other] * scale[other], other)
        for at in range(size):
            gram[r, at] = sums[rows[r, at]]
        for other in touched[:count]:
            sums[other] = np.float32(0)


def nearest(
    likes: sparse.csr_array,
    columns: sparse.csr_array,
    weights: FloatArray,
    diagonal: FloatArray,
    k: int,
    progress: Callable[[float], None] | None = None,
) -> Neighbours:
    """The k songs of greatest likeness to each song, ties by row.

    likes: X (n_users, n_songs). columns: Xᵀ. weights: of each user, (n_users,), for
    G = Xᵀ diag(weights) X. diagonal: Λ + diag G, (n_songs,). In a ridge regression of song j the
    gain of one neighbour i alone is G_ij² / Λ_i, so likeness ranks them by what they explain.
    The Gram matrix is made a song at a time and never whole.
    """
    n_songs = likes.shape[1]
    rows = np.full((n_songs, k), _END, np.int32)
    gram = np.zeros((n_songs, k), np.float32)
    scale = (1.0 / np.sqrt(diagonal)).astype(np.float32)
    starts = range(0, n_songs, _BLOCK)

    def fill(start: int) -> None:
        span = slice(start, start + _BLOCK)
        sums, touched = np.zeros(n_songs, np.float32), np.empty(n_songs, np.int32)
        held = np.empty(k, np.float32)
        _choose(
            columns.indptr,
            columns.indices,
            likes.indptr,
            likes.indices,
            weights,
            scale,
            start,
            sums,
            touched,
            held,
            rows[span],
            gram[span],
        )
        order = np.argsort(rows[span], axis=1)
        rows[span] = np.take_along_axis(rows[span], order, axis=1)
        gram[span] = np.take_along_axis(gram[span], order, axis=1)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for at, _ in enumerate(pool.map(fill, starts)):
            if progress:
                progress((at + 1) / len(starts))
    rows[rows == _END] = -1
    return Neighbours(rows, gram, gram * scale[rows] * scale[:, None])
