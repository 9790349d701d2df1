"""Which songs are close enough to a song to take part in its regression."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recommendations.engine.interactions import FloatArray, IntArray

_BLOCK = 256


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


def nearest(
    likes: sparse.csr_array,
    weights: FloatArray,
    diagonal: FloatArray,
    k: int,
    progress: Callable[[float], None] | None = None,
) -> Neighbours:
    """The k songs of greatest likeness to each song, ties by row.

    likes: X (n_users, n_songs). weights: of each user, (n_users,), G = Xᵀ diag(weights) X.
    diagonal: Λ + diag G, the regularised diagonal (n_songs,). Among songs of equal likeness to j
    none alone explains more of j in a ridge regression: the gain of one neighbour i is
    G_ij² / Λ_i. The Gram matrix is made a block of songs at a time and never whole.
    """
    n_songs = likes.shape[1]
    columns = likes.T.tocsr()
    weighted = columns.copy()
    weighted.data = weights[columns.indices]
    found = Neighbours(
        np.full((n_songs, k), -1, np.int32),
        np.zeros((n_songs, k), np.float32),
        np.zeros((n_songs, k), np.float32),
    )
    scale = (1.0 / np.sqrt(diagonal)).astype(np.float32)
    starts = range(0, n_songs, _BLOCK)

    def fill(start: int) -> None:
        block = (weighted[start : start + _BLOCK] @ likes).tocsr()
        for at in range(block.shape[0]):
            span = slice(block.indptr[at], block.indptr[at + 1])
            _keep_nearest(found, start + at, block.indices[span], block.data[span], scale)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for at, _ in enumerate(pool.map(fill, starts)):
            if progress:
                progress((at + 1) / len(starts))
    return found


def _keep_nearest(
    found: Neighbours, song: int, rows: IntArray, gram: FloatArray, scale: FloatArray
) -> None:
    """Write the nearest of the songs that share a user with this one."""
    likeness = gram * scale[rows] * scale[song]
    kept = _greatest(np.where(rows == song, np.float32(0), likeness), rows, found.rows.shape[1])
    kept = kept[np.argsort(rows[kept])]
    found.rows[song, : len(kept)] = rows[kept]
    found.gram[song, : len(kept)] = gram[kept]
    found.likeness[song, : len(kept)] = likeness[kept]


def _greatest(values: FloatArray, rows: IntArray, k: int) -> npt.NDArray[np.intp]:
    """Positions of the k greatest positive values, of equal ones those of the lowest rows."""
    positive = np.flatnonzero(values > 0)
    if len(positive) <= k:
        return positive
    least = np.partition(values, len(values) - k)[len(values) - k]
    above, equal = np.flatnonzero(values > least), np.flatnonzero(values == least)
    # A partition alone may take any of the equal values, and which depends on the processor.
    equal = equal[np.argsort(rows[equal])][: k - len(above)]
    return np.concatenate([above, equal])
