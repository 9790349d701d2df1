"""Which songs are close enough to a song to take part in its regression."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recommendations.engine.checkpoints import Checkpoints, Forgetful
from recommendations.engine.compiling import compiled
from recommendations.engine.interactions import FloatArray, IntArray

# Songs that a thread takes at once, and those of one checkpoint.
_BLOCK = 64
_PIECE = 4096
# A song has few pairs with others where they are under this part of all songs.
_FEW = 8
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
def _add_up(
    users: IntArray,
    user_offsets: npt.NDArray[np.int32],
    user_songs: IntArray,
    weights: FloatArray,
    sums: FloatArray,
    touched: IntArray,
) -> int:
    """Add each user's weight to all of their songs; how many songs that are, written to touched."""
    count, pairs = 0, 0
    for user in users:
        pairs += user_offsets[user + 1] - user_offsets[user]
    # To look through all songs afterwards is quicker than to note each as it comes, unless they
    # are but few.
    noted = pairs < len(sums) // _FEW
    for user in users:
        for other in user_songs[user_offsets[user] : user_offsets[user + 1]]:
            if noted and sums[other] == 0:
                touched[count] = other
                count += 1
            sums[other] += weights[user]
    if not noted:
        for other in range(len(sums)):
            if sums[other] != 0:
                touched[count] = other
                count += 1
    return count


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
        begin, end = song_offsets[first + r], song_offsets[first + r + 1]
        users = song_users[begin:end]
        count = _add_up(users, user_offsets, user_songs, weights, sums, touched)
        size = 0
        for other in touched[:count]:
            if other != first + r:
                size = _keep(held, rows[r], size, sums[other] * scale[other], other)
        for at in range(size):
            gram[r, at] = sums[rows[r, at]]
        for other in touched[:count]:
            sums[other] = np.float32(0)


def _fill(
    first: int,
    likes: sparse.csr_array,
    columns: sparse.csr_array,
    weights: FloatArray,
    scale: FloatArray,
    rows: IntArray,
    gram: FloatArray,
) -> None:
    """Write the nearest songs of the songs from ``first`` on into rows and gram, by row."""
    n_songs, k = likes.shape[1], rows.shape[1]
    _choose(
        columns.indptr,
        columns.indices,
        likes.indptr,
        likes.indices,
        weights,
        scale,
        first,
        np.zeros(n_songs, np.float32),
        np.empty(n_songs, np.int32),
        np.empty(k, np.float32),
        rows,
        gram,
    )
    order = np.argsort(rows, axis=1)
    rows[:] = np.take_along_axis(rows, order, axis=1)
    gram[:] = np.take_along_axis(gram, order, axis=1)


def nearest(
    likes: sparse.csr_array,
    columns: sparse.csr_array,
    weights: FloatArray,
    diagonal: FloatArray,
    k: int,
    progress: Callable[[float], None] | None = None,
    checkpoints: Checkpoints | None = None,
) -> Neighbours:
    """The k songs of greatest likeness to each song, ties by row.

    likes: X (n_users, n_songs). columns: Xᵀ. weights: of each user, (n_users,), for
    G = Xᵀ diag(weights) X. diagonal: Λ + diag G, (n_songs,). In a ridge regression of song j the
    gain of one neighbour i alone is G_ij² / Λ_i, so likeness ranks them by what they explain.
    The Gram matrix is made a song at a time and never whole.
    """
    n_songs, kept = likes.shape[1], checkpoints or Forgetful()
    rows = np.full((n_songs, k), _END, np.int32)
    gram = np.zeros((n_songs, k), np.float32)
    scale = (1.0 / np.sqrt(diagonal)).astype(np.float32)

    def fill(start: int) -> None:
        span = slice(start, start + _BLOCK)
        _fill(start, likes, columns, weights, scale, rows[span], gram[span])

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for start in range(0, n_songs, _PIECE):
            piece = slice(start, min(n_songs, start + _PIECE))
            name = f"neighbours-{start}"
            if found := kept.load(name):
                rows[piece], gram[piece] = found["rows"], found["gram"]
            else:
                # list: to raise what a thread raised.
                list(pool.map(fill, range(piece.start, piece.stop, _BLOCK)))
                kept.save(name, {"rows": rows[piece], "gram": gram[piece]})
            if progress:
                progress(piece.stop / n_songs)
    rows[rows == _END] = -1
    return Neighbours(rows, gram, gram * scale[rows] * scale[:, None])
