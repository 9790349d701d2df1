"""What every trained model can do, and what it is made of when it is stored."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from recommendations.engine.interactions import FloatArray, IntArray, Profile

Parameters = dict[str, Any]
Arrays = dict[str, npt.NDArray[Any]]


class NoKnownSongs(Exception):
    """Nothing in the profile says anything to this model: the caller falls back to popularity."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is made: with the same interactions it makes the same model again."""

    algorithm: str
    parameters: Parameters
    seed: int = 0


class Model(Protocol):
    """A trained model over song rows 0 … n_songs-1. It holds nothing of any user."""

    algorithm: str
    n_songs: int

    def scores(self, profile: Profile) -> FloatArray:
        """Score every song for a profile, float32 (n_songs,): the user is folded in here.

        Raises NoKnownSongs when the profile gives it nothing to go by.
        """

    def removal_effects(self, profile: Profile, song: int) -> npt.NDArray[np.float64]:
        """By how much the song's score falls when one judgement is taken out of the profile.

        Returns (m,), in the order of ``profile.judged``, exact (docs/engine.md).
        """

    def empty_score(self, song: int) -> float:
        """The song's score for a profile with nothing in it: what no judgement explains."""

    def similar(self, song: int, k: int) -> tuple[IntArray, FloatArray]:
        """Up to k rows of the songs most alike, best first, and how alike they are."""

    def arrays(self) -> Arrays:
        """All that must be stored to have this model again, by file name."""
