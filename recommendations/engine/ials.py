"""iALS: songs as factors, with each user folded in at request time by an exact small solve.

A user's factors minimise, over all songs j and the liked songs L,

    Σ_L (1 − v_i·u)² + α Σ_j (v_j·u)² + ρ|u|²

so that u = (A₀ + Σ_L v vᵀ)⁻¹ Σ_L v with A₀ = α VᵀV + ρI. Kept are the factors with A₀ worked into
them, z = L⁻¹v where A₀ = L Lᵀ: what remains is I + Σ z zᵀ, and a system as large as the profile,
(I + Z_S Z_Sᵀ) y = 1, answers everything. ρ does not depend on the profile, so that taking a
judgement out changes one term only and its effect is known in closed form. Dislikes are learnt
from in training; here they move nothing, because solved for they would lift songs, too.
Source: Rendle et al. 2021, "Revisiting the performance of iALS"; effects: docs/engine.md.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.linalg import lapack

from recommendations.engine.interactions import BoolArray, FloatArray, IntArray, Profile
from recommendations.engine.model import Arrays, Model, NoKnownSongs
from recommendations.engine.ranking import top_k
from recommendations.engine.stored import checked

_Double = npt.NDArray[np.float64]
_Real = npt.NDArray[Any]


@dataclass(frozen=True)
class IALS(Model):
    """Factors of songs.

    factors: z, float32 (n_songs, d); a row of zeros for a song that nobody in training judged.
    """

    factors: FloatArray
    algorithm: str = field(default="ials", init=False)

    @property
    def n_songs(self) -> int:
        """How many songs it ranks."""
        return len(self.factors)

    def user_factors(self, profile: Profile) -> FloatArray:
        """The user's side of every score: float32 (d,). Raises NoKnownSongs."""
        if not self._knows(profile.liked):
            raise NoKnownSongs
        z = self.factors[profile.liked]
        if len(z) <= z.shape[1]:
            user = z.T @ _solved(_by_judgements(z), np.ones(len(z), np.float32))
        else:
            user = _solved(_by_factors(z), z.sum(axis=0))
        return user

    def scores(self, profile: Profile) -> FloatArray:
        """z_j·u of every song, float32 (n_songs,). Raises NoKnownSongs without a known like."""
        found: FloatArray = self.factors @ self.user_factors(profile)
        return found

    def folded(self, profile: Profile) -> Callable[[IntArray], FloatArray]:
        """The same as a question: the scores of some songs. Raises NoKnownSongs."""
        user = self.user_factors(profile)
        return lambda songs: self.factors[songs] @ user

    def score_block(
        self, likes: sparse.csr_array, dislikes: sparse.csr_array
    ) -> tuple[FloatArray, BoolArray]:
        """The same for many profiles: a solve each and one product."""
        users, known = self.user_block(likes, dislikes)
        return users @ self.factors.T, known

    def user_block(
        self, likes: sparse.csr_array, dislikes: sparse.csr_array
    ) -> tuple[FloatArray, BoolArray]:
        """``user_factors`` of many profiles, (b, d), and (b,) whether each has a known like."""
        users = np.zeros((likes.shape[0], self.factors.shape[1]), np.float32)
        known = np.zeros(likes.shape[0], np.bool_)
        for at in range(len(users)):
            profile = Profile(_row(likes, at), _row(dislikes, at))
            known[at] = self._knows(profile.liked)
            if known[at]:
                users[at] = self.user_factors(profile)
        return users, known

    def removal_effects(self, profile: Profile, song: int) -> _Double:
        """By how much the song's score falls without each judgement: (m,)."""
        return self.effects_on(profile, np.array([song], np.int32))[:, 0]

    def effects_on(self, profile: Profile, songs: IntArray) -> _Double:
        """g_ij (1 − ŝ_i) / (1 − h_i) of each like i on each song j; 0 of a dislike.

        With A = I + Z_Sᵀ Z_S and P = A⁻¹ Z_Sᵀ = Z_Sᵀ (I + Z_S Z_Sᵀ)⁻¹: z_j·P_i is g_ij and z_i·P_i
        is h_i. Returns (m, len(songs)).
        """
        effects = np.zeros((len(profile.liked) + len(profile.disliked), len(songs)))
        z = self.factors[profile.liked].astype(np.float64)
        if not len(z):
            return effects
        if len(z) <= z.shape[1]:
            pulls = z.T @ np.linalg.inv(_by_judgements(z))
        else:
            pulls = np.asarray(np.linalg.solve(_by_factors(z), z.T), np.float64)
        missed = 1.0 - z @ pulls.sum(axis=1)
        missed /= 1.0 - np.einsum("if,fi->i", z, pulls)
        effects[: len(z)] = (self.factors[songs].astype(np.float64) @ pulls).T * missed[:, None]
        return effects

    def empty_scores(self) -> FloatArray:
        """0: without a profile nothing is said."""
        return np.zeros(self.n_songs, np.float32)

    def similar(self, song: int, k: int) -> tuple[IntArray, FloatArray]:
        """The songs whose factors point the same way: cosines of z."""
        if not self._lengths[song]:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        cosines = self.factors @ (self.factors[song] / self._lengths[song])
        cosines /= np.where(self._lengths > 0, self._lengths, np.float32(np.inf))
        return top_k(cosines, k, excluded=np.array([song], np.int32), allowed=cosines > 0)

    def arrays(self) -> Arrays:
        """The factors."""
        return {"factors": self.factors}

    @cached_property
    def _lengths(self) -> FloatArray:
        found: FloatArray = np.linalg.norm(self.factors, axis=1)
        return found

    def _knows(self, liked: IntArray) -> bool:
        return bool(self.factors[liked].any())


def _by_judgements(z: _Real) -> _Real:
    """I + Z Zᵀ, (m, m): for a profile of fewer likes than there are factors."""
    system = z @ z.T
    system[np.diag_indices_from(system)] += 1.0
    return system


def _by_factors(z: _Real) -> _Real:
    """I + Zᵀ Z, (d, d): for one of more."""
    system = z.T @ z
    system[np.diag_indices_from(system)] += 1.0
    return system


def _solved(system: _Real, right: _Real) -> FloatArray:
    """A positive definite system, by Cholesky; well-conditioned enough for 32 bits.

    Straight from LAPACK: its wrappers take longer than most of these systems.
    """
    _, found, _ = lapack.sposv(system, right, overwrite_a=True)
    return np.asarray(found, np.float32)


def _row(matrix: sparse.csr_array, at: int) -> IntArray:
    row: IntArray = matrix.indices[matrix.indptr[at] : matrix.indptr[at + 1]]
    return row


def load(arrays: Arrays) -> IALS:
    """The model of stored arrays, which may be read-only memory maps; raises BrokenModel."""
    return IALS(factors=checked(arrays, "factors", np.float32, 2))
