"""A sparse matrix between songs whose rows are asked for a few at a time."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recommendations.engine.interactions import FloatArray, IntArray
from recommendations.engine.model import Arrays
from recommendations.engine.stored import checked, checked_offsets, checked_rows

# Up to so many, rows are sooner cut out one by one than by scipy, which takes 25 µs to begin.
_FEW_ROWS: Final = 50


class Gathered(NamedTuple):
    """Some rows end to end: columns and weights (m,), and where each row ends (len(rows),)."""

    columns: IntArray
    weights: FloatArray
    ends: npt.NDArray[np.int64]

    def at(self, songs: IntArray, n_songs: int) -> npt.NDArray[np.float64]:
        """The entries of these columns, (rows, len(songs))."""
        found = np.zeros((len(self.ends), len(songs)))
        place = np.full(n_songs, -1, np.int32)
        place[songs] = np.arange(len(songs), dtype=np.int32)
        places = place[self.columns]
        asked = np.flatnonzero(places >= 0)
        owners = np.searchsorted(self.ends, asked, side="right")
        found[owners, places[asked]] = self.weights[asked]
        return found


@dataclass(frozen=True)
class SparseRows:
    """Compressed rows of a square matrix over songs.

    offsets: int64 (n_songs + 1,). columns: int32 and weights: float32, both (nonzeros,).
    """

    offsets: npt.NDArray[np.int64]
    columns: IntArray
    weights: FloatArray

    @classmethod
    def of(cls, matrix: sparse.csr_array) -> "SparseRows":
        """The rows of a matrix."""
        matrix.sort_indices()
        return cls(
            matrix.indptr.astype(np.int64),
            matrix.indices.astype(np.int32),
            matrix.data.astype(np.float32, copy=False),
        )

    @classmethod
    def empty(cls, n_songs: int) -> "SparseRows":
        """Rows of nothing."""
        none = np.empty(0, np.int32)
        return cls(np.zeros(n_songs + 1, np.int64), none, none.astype(np.float32))

    @cached_property
    def matrix(self) -> sparse.csr_array:
        """The same for products, (n_songs, n_songs)."""
        return self._with(self.weights)

    def scaled(self, constant: float) -> sparse.csr_array:
        """The matrix times a constant."""
        return self._with((self.weights * constant).astype(np.float32))

    def _with(self, weights: FloatArray) -> sparse.csr_array:
        """The matrix with these weights."""
        n_songs = len(self.offsets) - 1
        # Of offsets in 64 bits scipy would make a copy of all columns in as many.
        offsets = self.offsets.astype(np.int32) if len(weights) < 2**31 else self.offsets
        return sparse.csr_array((weights, self.columns, offsets), shape=(n_songs, n_songs))

    def filled(self) -> npt.NDArray[np.bool_]:
        """Which rows hold anything, (n_songs,)."""
        found: npt.NDArray[np.bool_] = np.diff(self.offsets) > 0
        return found

    def gathered(self, rows: IntArray) -> Gathered:
        """These rows end to end."""
        if len(rows) > _FEW_ROWS:
            found = self.matrix[rows]
            return Gathered(found.indices, found.data, found.indptr[1:].astype(np.int64))
        starts, stops = self.offsets[rows], self.offsets[rows + 1]
        # Slices, not an index array: a row lies in one piece, and copying pieces is cheaper.
        spans = list(zip(starts.tolist(), stops.tolist(), strict=True))
        if not spans:
            return Gathered(self.columns[:0], self.weights[:0], starts)
        columns = np.concatenate([self.columns[start:stop] for start, stop in spans])
        weights = np.concatenate([self.weights[start:stop] for start, stop in spans])
        return Gathered(columns, weights, np.cumsum(stops - starts))

    def arrays(self, prefix: str = "") -> Arrays:
        """All three by their names."""
        return {
            f"{prefix}offsets": self.offsets,
            f"{prefix}rows": self.columns,
            f"{prefix}weights": self.weights,
        }


def load(arrays: Arrays, n_songs: int, prefix: str = "") -> SparseRows:
    """The rows of stored arrays; raises BrokenModel."""
    weights = checked(arrays, f"{prefix}weights", np.float32, 1)
    return SparseRows(
        checked_offsets(arrays, f"{prefix}offsets", n_songs + 1, len(weights)),
        checked_rows(arrays, f"{prefix}rows", n_songs, shape=(len(weights),)),
        weights,
    )
