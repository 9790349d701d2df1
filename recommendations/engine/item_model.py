"""Item models: a song's score is the sum of what each judged song of the profile lends it.

The score is β_j + Σ W_ij over the liked songs i + Σ V_ij over the disliked ones, V ≤ 0: a dislike
lowers scores or leaves them. Taking a judgement back takes exactly its W_ij or V_ij away. The
algorithms of this kind differ only in how W and V are made: local_ridge_training.py,
turbo_cf_training.py, item_knn_training.py, judged_knn_training.py; V is empty in all but the last.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recommendations.engine import sparse_rows
from recommendations.engine.interactions import BoolArray, FloatArray, IntArray, Profile
from recommendations.engine.model import Arrays, BrokenModel, Model, NoKnownSongs
from recommendations.engine.sparse_rows import Gathered, SparseRows
from recommendations.engine.stored import checked, checked_rows


@dataclass(frozen=True)
class ItemModel(Model):
    """Weights by judged song: row i holds the songs that liking, or disliking, i moves.

    liking: W. disliking: V, nowhere over 0.
    base: β, float32 (n_songs,), a trace of popularity that orders what no like speaks for.
    similar_rows: int32 (n_songs, s), best first, padded with -1; likeness: float32, the same.
    """

    algorithm: str
    liking: SparseRows
    disliking: SparseRows
    base: FloatArray
    similar_rows: IntArray
    likeness: FloatArray
    # The rows of the profile that was folded in last: its list is explained right after it is
    # scored. One tuple in a list, swapped whole, so that threads never see half of it.
    _last: list[tuple[Profile, Gathered, Gathered]] = field(
        default_factory=list, init=False, repr=False
    )

    @property
    def n_songs(self) -> int:
        """How many songs it ranks."""
        return len(self.base)

    def scores(self, profile: Profile) -> FloatArray:
        """β plus the weights of the judged songs, float32 (n_songs,).

        Raises NoKnownSongs when no liked song has a weight: dislikes alone say what not to play,
        and not what to.
        """
        liked, disliked = self._rows_of(profile)
        if not len(liked.columns):
            raise NoKnownSongs
        moved = np.bincount(liked.columns, liked.weights, minlength=self.n_songs)
        if len(disliked.columns):
            moved += np.bincount(disliked.columns, disliked.weights, minlength=self.n_songs)
        # Added in double and rounded once. To make β double takes longer: it is kept so.
        return np.add(moved, self._double_base, out=moved).astype(np.float32)

    def score_block(
        self, likes: sparse.csr_array, dislikes: sparse.csr_array
    ) -> tuple[FloatArray, BoolArray]:
        """The same for many profiles: sparse products. β alone for one that is not known."""
        moved = likes @ self.liking.matrix
        known: BoolArray = likes @ self.liking.filled().astype(np.float32) > 0
        if len(self.disliking.weights):
            heard = sparse.diags_array(known.astype(np.float32)).tocsr()
            moved = moved + heard @ dislikes @ self.disliking.matrix
        scores: FloatArray = moved.toarray()
        scores += self.base
        return scores, known

    def removal_effects(self, profile: Profile, song: int) -> npt.NDArray[np.float64]:
        """W_ij of each liked song i, V_ij of each disliked one: (m,); see ``effects_on``."""
        return self.effects_on(profile, np.array([song], np.int32))[:, 0]

    def effects_on(self, profile: Profile, songs: IntArray) -> npt.NDArray[np.float64]:
        """W_ij or V_ij of each judged song i and each song j asked about: (m, len(songs)).

        Dislikes count beside a known like only: where there is but one, what they take away
        goes with it.
        """
        liked, disliked = self._rows_of(profile)
        lifted = liked.at(songs, self.n_songs)
        known = np.flatnonzero(self.liking.filled()[profile.liked])
        if not len(known) or not len(disliked.columns):
            return np.vstack([lifted, np.zeros((len(profile.disliked), len(songs)))])
        sunk = disliked.at(songs, self.n_songs)
        if len(known) == 1:
            lifted[known[0]] += sunk.sum(axis=0)
        return np.vstack([lifted, sunk])

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
            **self.liking.arrays(),
            **self.disliking.arrays("dislike_"),
            "base": self.base,
            "similar_rows": self.similar_rows,
            "likeness": self.likeness,
        }

    @cached_property
    def _double_base(self) -> npt.NDArray[np.float64]:
        return self.base.astype(np.float64)

    def _rows_of(self, profile: Profile) -> tuple[Gathered, Gathered]:
        for folded, liked, disliked in self._last:
            if folded.liked is profile.liked and folded.disliked is profile.disliked:
                return liked, disliked
        found = self.liking.gathered(profile.liked), self.disliking.gathered(profile.disliked)
        self._last[:] = [(profile, *found)]
        return found


def load(algorithm: str, arrays: Arrays) -> ItemModel:
    """The model of stored arrays, which may be read-only memory maps; raises BrokenModel."""
    base = checked(arrays, "base", np.float32, 1)
    n_songs = len(base)
    liking = sparse_rows.load(arrays, n_songs)
    disliking = sparse_rows.load(arrays, n_songs, "dislike_")
    if disliking.weights.max(initial=0) > 0:
        raise BrokenModel("array 'dislike_weights' lifts songs for being disliked")
    likeness = checked(arrays, "likeness", np.float32, 2, shape=(n_songs, None))
    return ItemModel(
        algorithm=algorithm,
        liking=liking,
        disliking=disliking,
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
