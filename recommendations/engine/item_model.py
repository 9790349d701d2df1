"""Item models: a song's score is the sum of what each liked song of the profile lends it.

The score is β_j + Σ W_ij over the liked songs i, so taking a like back takes exactly W_ij away.
The algorithms of this kind differ only in how W is made: local_ridge_training.py, turbo_cf.py and
item_knn.py.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recommendations.engine.interactions import BoolArray, FloatArray, IntArray, Profile
from recommendations.engine.model import Arrays, Model, NoKnownSongs
from recommendations.engine.stored import checked, checked_offsets, checked_rows

_Rows: TypeAlias = tuple[IntArray, FloatArray, npt.NDArray[np.int64]]


@dataclass(frozen=True)
class ItemModel(Model):
    """Weights W by liked song, in compressed rows: row i holds the songs that liking i lifts.

    offsets: int64 (n_songs + 1,). rows: int32 and weights: float32, both (nonzeros,).
    base: β, float32 (n_songs,), a trace of popularity that orders what no like speaks for.
    similar_rows: int32 (n_songs, s), best first, padded with -1; likeness: float32, the same.
    """

    algorithm: str
    offsets: npt.NDArray[np.int64]
    rows: IntArray
    weights: FloatArray
    base: FloatArray
    similar_rows: IntArray
    likeness: FloatArray
    # The rows of the profile that was folded in last: its list is explained right after it is
    # scored. One tuple in a list, swapped whole, so that threads never see half of it.
    _last: list[tuple[IntArray, _Rows]] = field(default_factory=list, init=False, repr=False)

    @property
    def n_songs(self) -> int:
        """How many songs it ranks."""
        return len(self.base)

    def scores(self, profile: Profile) -> FloatArray:
        """β plus the weights of the liked songs, float32 (n_songs,).

        A dislike only takes its song out of what may be recommended, which is the caller's part.
        Raises NoKnownSongs when no liked song has a weight.
        """
        rows, weights, _ = self._rows_of(profile.liked)
        if not len(rows):
            raise NoKnownSongs
        lifted = np.bincount(rows, weights, minlength=self.n_songs)
        # Added in double and rounded once, in one pass over the songs.
        scores = np.empty(self.n_songs, np.float32)
        return np.add(lifted, self.base, out=scores, casting="same_kind")

    def score_block(
        self, likes: sparse.csr_array, dislikes: sparse.csr_array
    ) -> tuple[FloatArray, BoolArray]:
        """The same for many profiles: a sparse product."""
        scores = (likes @ self._matrix).toarray()
        scores += self.base
        known: BoolArray = likes @ (np.diff(self.offsets) > 0).astype(np.float32) > 0
        return scores, known

    def removal_effects(self, profile: Profile, song: int) -> npt.NDArray[np.float64]:
        """W_ij of each liked song i, 0 of each disliked one: (m,)."""
        return self.effects_on(profile, np.array([song], np.int32))[:, 0]

    def effects_on(self, profile: Profile, songs: IntArray) -> npt.NDArray[np.float64]:
        """W_ij of each liked song i and each song j asked about: (m, len(songs))."""
        effects = np.zeros((len(profile.liked) + len(profile.disliked), len(songs)))
        rows, weights, ends = self._rows_of(profile.liked)
        column = np.full(self.n_songs, -1, np.int32)
        column[songs] = np.arange(len(songs), dtype=np.int32)
        columns = column[rows]
        asked = np.flatnonzero(columns >= 0)
        owners = np.searchsorted(ends, asked, side="right")
        effects[owners, columns[asked]] = weights[asked]
        return effects

    def empty_scores(self) -> FloatArray:
        """β of every song."""
        return self.base

    def similar(self, song: int, k: int) -> tuple[IntArray, FloatArray]:
        """The songs liked by the same users, by a cosine that is drawn to 0 for rare songs."""
        rows = self.similar_rows[song, :k]
        known = rows >= 0
        return rows[known], self.likeness[song, :k][known]

    def arrays(self) -> Arrays:
        """Every array by its name."""
        return {
            "offsets": self.offsets,
            "rows": self.rows,
            "weights": self.weights,
            "base": self.base,
            "similar_rows": self.similar_rows,
            "likeness": self.likeness,
        }

    @cached_property
    def _matrix(self) -> sparse.csr_array:
        """W as a sparse matrix (n_songs, n_songs)."""
        shape = (self.n_songs, self.n_songs)
        return sparse.csr_array((self.weights, self.rows, self.offsets), shape=shape)

    def _rows_of(self, liked: IntArray) -> _Rows:
        for folded, rows in self._last:
            if folded is liked:
                return rows
        found = self._gathered(liked)
        self._last[:] = [(liked, found)]
        return found

    def _gathered(self, liked: IntArray) -> _Rows:
        """W's rows of these songs, end to end: targets, weights, and where each song's row ends."""
        starts, stops = self.offsets[liked], self.offsets[liked + 1]
        # Slices, not an index array: a row lies in one piece, and copying pieces is cheaper.
        spans = list(zip(starts.tolist(), stops.tolist(), strict=True))
        if not spans:
            return self.rows[:0], self.weights[:0], starts
        rows = np.concatenate([self.rows[start:stop] for start, stop in spans])
        weights = np.concatenate([self.weights[start:stop] for start, stop in spans])
        return rows, weights, np.cumsum(stops - starts)


def load(algorithm: str, arrays: Arrays) -> ItemModel:
    """The model of stored arrays, which may be read-only memory maps; raises BrokenModel."""
    base = checked(arrays, "base", np.float32, 1)
    n_songs = len(base)
    weights = checked(arrays, "weights", np.float32, 1)
    likeness = checked(arrays, "likeness", np.float32, 2, shape=(n_songs, None))
    return ItemModel(
        algorithm=algorithm,
        offsets=checked_offsets(arrays, "offsets", n_songs + 1, len(weights)),
        rows=checked_rows(arrays, "rows", n_songs, shape=(len(weights),)),
        weights=weights,
        base=base,
        similar_rows=checked_rows(
            arrays,
            "similar_rows",
            n_songs,
            n_dimensions=2,
            shape=likeness.shape,
            missing_allowed=True,
        ),
        likeness=likeness,
    )
