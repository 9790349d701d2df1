"""Which songs are close enough to a song to take part in its regression."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial

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
def add_up(
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
    songs: IntArray,
    sums: FloatArray,
    touched: IntArray,
    held: FloatArray,
    rows: IntArray,
    gram: FloatArray,
) -> None:
    """Write the nearest songs of these songs into rows and gram (len(songs), k).

    Scratch: sums (n_songs,) of 0, left so; touched (n_songs,); held (k,), the likenesses of the
    songs kept so far.
    """
    for r in range(len(rows)):
        users = song_users[song_offsets[songs[r]] : song_offsets[songs[r] + 1]]
        count = add_up(users, user_offsets, user_songs, weights, sums, touched)
        size = 0
        for other in touched[:count]:
            if other != songs[r]:
                size = _keep(held, rows[r], size, sums[other] * scale[other], other)
        for at in range(size):
            gram[r, at] = sums[rows[r, at]]
        for other in touched[:count]:
            sums[other] = np.float32(0)


@dataclass(frozen=True)
class Gram:
    """The Gram matrix G = Xᵀ diag(weights) X of songs, made a song at a time and never whole.

    likes: X (n_users, n_songs). columns: Xᵀ. weights: of each user, (n_users,). diagonal:
    Λ + diag G, (n_songs,).
    """

    likes: sparse.csr_array
    columns: sparse.csr_array
    weights: FloatArray
    diagonal: FloatArray

    @cached_property
    def scale(self) -> FloatArray:
        """1 / sqrt(Λ + diag G), float32 (n_songs,)."""
        return (1.0 / np.sqrt(self.diagonal)).astype(np.float32)

    def find_nearest(
        self,
        songs: IntArray,
        rows: IntArray,
        gram: FloatArray,
        progress: Callable[[float], None] | None = None,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        """Write the K songs of greatest likeness to each of these songs, ties by row.

        In a ridge regression of song j the gain of one neighbour i alone is G_ij² / Λ_i, so
        likeness ranks them by what they explain. rows, gram: as in ``Neighbours``, of all songs.
        """
        kept, find = checkpoints or Forgetful(), partial(self._near, k=rows.shape[1])
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for start in range(0, len(songs), _PIECE):
                piece, name = songs[start : start + _PIECE], f"neighbours-{start}"
                if found := kept.load(name):
                    rows[piece], gram[piece] = found["rows"], found["gram"]
                else:
                    blocks = [piece[at : at + _BLOCK] for at in range(0, len(piece), _BLOCK)]
                    for block, near in zip(blocks, pool.map(find, blocks), strict=True):
                        rows[block], gram[block] = near
                    kept.save(name, {"rows": rows[piece], "gram": gram[piece]})
                if progress:
                    progress((start + len(piece)) / len(songs))

    def neighbours(self, rows: IntArray, gram: FloatArray) -> Neighbours:
        """Songs with their entries of G, and how like they are."""
        return Neighbours(rows, gram, gram * self.scale[rows] * self.scale[:, None])

    def _near(self, songs: IntArray, k: int) -> tuple[IntArray, FloatArray]:
        """The rows and entries of the songs nearest to these, by row: (len(songs), k) each."""
        n_songs = self.likes.shape[1]
        rows, gram = np.full((len(songs), k), _END, np.int32), np.zeros((len(songs), k), np.float32)
        _choose(
            self.columns.indptr,
            self.columns.indices,
            self.likes.indptr,
            self.likes.indices,
            self.weights,
            self.scale,
            songs,
            np.zeros(n_songs, np.float32),
            np.empty(n_songs, np.int32),
            np.empty(k, np.float32),
            rows,
            gram,
        )
        order = np.argsort(rows, axis=1)
        rows = np.take_along_axis(rows, order, axis=1)
        gram = np.take_along_axis(gram, order, axis=1)
        rows[rows == _END] = -1
        return rows, gram


def nearest(gram: Gram, k: int, progress: Callable[[float], None] | None = None) -> Neighbours:
    """The k songs of greatest likeness to each song."""
    n_songs = len(gram.diagonal)
    rows, entries = np.full((n_songs, k), -1, np.int32), np.zeros((n_songs, k), np.float32)
    gram.find_nearest(np.arange(n_songs, dtype=np.int32), rows, entries, progress)
    return gram.neighbours(rows, entries)
