"""SVD: biased matrix factorisation, with each user folded in at request time.

The model is r ≈ μ + b_u + b_j + q_j·p_u. What is kept of the training is about songs only; a user,
also one who was not there, is found by ridge regression on the songs' fixed factors. With
q̃_j = (1, q_j) and p̃ = (b_u, p_u) the regression minimises, over the liked songs S,

    Σ_S (t_i − q̃_i·p̃)² + α Σ_j (−μ − b_j − q̃_j·p̃)² + ρ|p̃|²,      t_i = r_i − μ − b_i

The middle term stands for the songs not judged, taken as ratings of 0, as the sampled negatives
of the training are; without it every song would look as good as a liked one. Neither α nor ρ
depends on the size of S, so that taking a judgement out changes one term only. A dislike i then
takes (μ + b_i − r_i)⁺ max(0, q_j G⁻¹ q_i) from song j, G the system's part of the factors that no
judgement changes: by how much it lies under what is expected of its song (sinking.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recommendations.engine.interactions import BoolArray, FloatArray, IntArray, Profile
from recommendations.engine.model import Arrays, BrokenModel, Model, NoKnownSongs
from recommendations.engine.ranking import top_k
from recommendations.engine.sinking import falls, sink
from recommendations.engine.stored import checked

Matrix = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class SVD(Model):
    """Songs' factors and biases, and what the songs not judged say about any user.

    factors: q, float32 (n_songs, f). biases: b, float32 (n_songs,).
    gram: α Σ q̃ q̃ᵀ + ρI, float64 (f + 1, f + 1). right: −α Σ q̃ (μ + b), float64 (f + 1,).
    ratings: μ and the ratings of a like and of a dislike, float64 (3,).
    algorithm: who found them, svd_training.py or vbmf_training.py.
    """

    factors: FloatArray
    biases: FloatArray
    gram: Matrix
    right: Matrix
    ratings: Matrix
    algorithm: str = "svd"

    @property
    def n_songs(self) -> int:
        """How many songs it ranks."""
        return len(self.biases)

    def scores(self, profile: Profile) -> FloatArray:
        """Foretold ratings, float32 (n_songs,). Raises NoKnownSongs for an empty profile."""
        if not len(profile.judged):
            raise NoKnownSongs
        user = np.linalg.solve(*self._equations(profile))
        found: FloatArray = self._ratings_of(user[None])[0]
        sink(found, self.factors, self._pulls(profile.disliked))
        return found

    def folded(self, profile: Profile) -> Callable[[IntArray], FloatArray]:
        """The same as a question: the ratings of some songs. Raises NoKnownSongs."""
        # Of all of them at once: the factors are few.
        scores = self.scores(profile)
        return lambda songs: scores[songs]

    def score_block(
        self, likes: sparse.csr_array, dislikes: sparse.csr_array
    ) -> tuple[FloatArray, BoolArray]:
        """The same for many profiles: a solve each, then one product for all."""
        systems = [
            self._equations(Profile(_row(likes, at), _row(dislikes, at)))
            for at in range(likes.shape[0])
        ]
        A = np.stack([left for left, _ in systems])
        users = np.linalg.solve(A, np.stack([right for _, right in systems])[..., None])[..., 0]
        known: BoolArray = np.diff(likes.indptr) + np.diff(dislikes.indptr) > 0
        scores = self._ratings_of(users)
        for at, row in enumerate(scores):
            sink(row, self.factors, self._pulls(_row(dislikes, at)))
        return scores, known

    def removal_effects(self, profile: Profile, song: int) -> npt.NDArray[np.float64]:
        """What the song's score loses without each judgement, (m,): see ``effects_on``."""
        return self.effects_on(profile, np.array([song], np.int32))[:, 0]

    def effects_on(self, profile: Profile, songs: IntArray) -> npt.NDArray[np.float64]:
        """What each score loses without each judgement, (m, len(songs)).

        With g_ij = q̃_j A⁻¹ q̃_i and h_i = g_ii: g_ij (t_i − q̃_i·p̃) / (1 − h_i), which is what
        solving again without i comes to (Sherman & Morrison 1950); of a dislike, what it takes.
        """
        A, right = self._equations(profile)
        liked, targets = self._liked(profile)
        inverted = np.linalg.solve(A, np.column_stack([liked.T, right]))
        influence, user = inverted[:, :-1], inverted[:, -1]
        own = np.einsum("if,fi->i", liked, influence)
        missed = (targets - liked @ user) / (1.0 - own)
        effects: npt.NDArray[np.float64] = (
            (self._extended(songs) @ influence).T * missed[:, None]
        ).astype(np.float64)
        taken = falls(self.factors[songs], self._pulls(profile.disliked))
        return np.vstack([effects, -taken])

    def empty_scores(self) -> FloatArray:
        """The ratings foretold for a user who has judged nothing."""
        return self._nobodys_scores

    def similar(self, song: int, k: int) -> tuple[IntArray, FloatArray]:
        """The songs whose factors point the same way: their cosine, where it is positive."""
        rows, cosines = top_k(
            self._directions @ self._directions[song], k, excluded=np.array([song], np.int32)
        )
        return rows[cosines > 0], cosines[cosines > 0]

    def arrays(self) -> Arrays:
        """Every array by its name."""
        return {
            "factors": self.factors,
            "biases": self.biases,
            "gram": self.gram,
            "right": self.right,
            "ratings": self.ratings,
        }

    @cached_property
    def _nobodys_scores(self) -> FloatArray:
        """Of p̃ of a user who has judged nothing."""
        found: FloatArray = self._ratings_of(np.linalg.solve(self.gram, self.right)[None])[0]
        return found

    @cached_property
    def _directions(self) -> FloatArray:
        """Factors scaled to length 1, or 0 where a song has none."""
        lengths = np.linalg.norm(self.factors, axis=1, keepdims=True)
        directions: FloatArray = (self.factors / np.maximum(lengths, 1e-12)).astype(np.float32)
        return directions

    def _equations(self, profile: Profile) -> tuple[Matrix, Matrix]:
        """A and the right side of A p̃ = right."""
        liked, targets = self._liked(profile)
        return self.gram + liked.T @ liked, self.right + liked.T @ targets

    def _liked(self, profile: Profile) -> tuple[Matrix, Matrix]:
        """q̃ of the liked songs (m, f + 1), and their targets t (m,)."""
        mean, like, _ = self.ratings
        return self._extended(profile.liked), like - mean - self.biases[profile.liked]

    def _pulls(self, disliked: IntArray) -> FloatArray:
        """(μ + b_i − r_i)⁺ G⁻¹ q_i of each disliked song, (m, f)."""
        mean, _, dislike = self.ratings
        missed = np.maximum(mean + self.biases[disliked] - dislike, 0.0)
        solved = np.linalg.solve(self.gram[1:, 1:], self.factors[disliked].T).T
        pulls: FloatArray = (missed[:, None] * solved).astype(np.float32)
        return pulls

    def _extended(self, rows: IntArray) -> Matrix:
        """q̃ = (1, q) of these songs, float64 (m, f + 1)."""
        return np.column_stack([np.ones(len(rows)), self.factors[rows]])

    def _ratings_of(self, users: Matrix) -> FloatArray:
        """μ + b_u + b_j + q_j·p_u of every song for each p̃ (m, f + 1): (m, n_songs)."""
        found: FloatArray = users[:, 1:].astype(np.float32) @ self.factors.T
        found += self.biases
        found += (self.ratings[0] + users[:, :1]).astype(np.float32)
        return found


def load(algorithm: str, arrays: Arrays) -> SVD:
    """The model of stored arrays, which may be read-only memory maps; raises BrokenModel."""
    biases = checked(arrays, "biases", np.float32, 1)
    factors = checked(arrays, "factors", np.float32, 2, shape=(len(biases), None))
    size = factors.shape[1] + 1
    gram = checked(arrays, "gram", np.float64, 2, shape=(size, size))
    if not np.allclose(gram, gram.T):
        raise BrokenModel("array 'gram' is not symmetric")
    try:
        np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        raise BrokenModel("array 'gram' is not positive definite") from None
    return SVD(
        factors=factors,
        biases=biases,
        gram=gram,
        right=checked(arrays, "right", np.float64, 1, shape=(size,)),
        ratings=checked(arrays, "ratings", np.float64, 1, shape=(3,)),
        algorithm=algorithm,
    )


def _row(matrix: sparse.csr_array, at: int) -> IntArray:
    """The columns of one row."""
    columns: IntArray = matrix.indices[matrix.indptr[at] : matrix.indptr[at + 1]]
    return columns
