"""What every trained model can do, and what it is made of when it is stored."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recommendations.engine.interactions import BoolArray, FloatArray, IntArray, Profile
from recommendations.engine.ranking import Ranking, Scored

Parameters = dict[str, Any]
Arrays = dict[str, npt.NDArray[Any]]
# Called with what is being done and which part of it is done, 0 to 1.
Progress = Callable[[str, float], None]


class NoKnownSongs(Exception):
    """Nothing in the profile says anything to this model: the caller falls back to popularity."""


class BrokenModel(Exception):
    """Stored arrays that do not make a model: they are damaged, or of another format."""


class TrainingFailed(Exception):
    """The recipe does not make a usable model of these interactions, and why."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is made: with the same interactions it makes the same model again."""

    algorithm: str
    parameters: Parameters
    seed: int = 0

    def in_words(self) -> str:
        """The algorithm with its parameters; of a blend, its parts with their weights."""
        said = [
            f"{name} {value:g}" for name, value in self.parameters.items() if name != "parts"
        ] + [
            f"{weight:.3g} {Recipe(algorithm, given).in_words()}"
            for algorithm, given, weight in self.parameters.get("parts", [])
        ]
        return f"{self.algorithm} ({', '.join(said)})" if said else self.algorithm


class Model(Protocol):
    """A trained model over song rows 0 … n_songs-1. It holds nothing of any user."""

    algorithm: str  # the name in the table of algorithms

    @property
    def n_songs(self) -> int:
        """How many songs it ranks."""

    def scores(self, profile: Profile) -> FloatArray:
        """Score every song for a profile, float32 (n_songs,): the user is folded in here.

        Raises NoKnownSongs when the profile gives it nothing to go by.
        """

    def ranking(self, profile: Profile) -> Ranking:
        """The songs in the order in which the profile is served them. Raises NoKnownSongs."""
        return Scored(self.scores(profile))

    def candidate_block(
        self,
        likes: sparse.csr_array,
        dislikes: sparse.csr_array,
    ) -> BoolArray | None:
        """Which songs are ranked by their scores when served, (b, n_songs); None for all."""
        return None

    def score_block(
        self, likes: sparse.csr_array, dislikes: sparse.csr_array
    ) -> tuple[FloatArray, BoolArray]:
        """Score every song for many profiles at once, as ``scores`` does for one.

        likes, dislikes: one profile a row, (b, n_songs).
        Returns float32 (b, n_songs), and (b,) whether the profile gives the model anything to
        go by; the scores of a profile that does not are to be ignored.
        """

    def removal_effects(self, profile: Profile, song: int) -> npt.NDArray[np.float64]:
        """By how much the song's score falls when one judgement is taken out of the profile.

        Returns (m,), in the order of ``profile.judged``, exact (docs/engine.md).
        """

    def effects_on(self, profile: Profile, songs: IntArray) -> npt.NDArray[np.float64]:
        """``removal_effects`` of many songs at once: (m, len(songs))."""

    def empty_scores(self) -> FloatArray:
        """Every song's score for a profile with nothing in it: what no judgement explains.

        float32 (n_songs,), not to be written to.
        """

    def similar(self, song: int, k: int) -> tuple[IntArray, FloatArray]:
        """Up to k rows of the songs most alike, best first, and how alike they are."""

    def arrays(self) -> Arrays:
        """All that must be stored to have this model again, by file name."""
