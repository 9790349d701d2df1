"""The songs with most likes, the same for everybody: what every other model has to beat."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recommendations.engine.interactions import (
    BoolArray,
    FloatArray,
    IntArray,
    Interactions,
    Profile,
)
from recommendations.engine.model import Arrays, BrokenModel, Model, Parameters, Progress
from recommendations.engine.ranking import top_k
from recommendations.engine.refusals import Ranges
from recommendations.engine.stored import checked

DEFAULTS: Parameters = {}
RANGES: Ranges = {}


@dataclass(frozen=True)
class Popularity(Model):
    """A song's score is its number of likes. No profile changes it, so it gives no reasons."""

    counts: FloatArray
    algorithm: str = field(default="popularity", init=False)

    @property
    def n_songs(self) -> int:
        """How many songs it ranks."""
        return len(self.counts)

    def scores(self, profile: Profile) -> FloatArray:
        """The like counts, float32 (n_songs,), whatever the profile."""
        return np.array(self.counts)

    def score_block(
        self, likes: sparse.csr_array, dislikes: sparse.csr_array
    ) -> tuple[FloatArray, BoolArray]:
        """The like counts, once a profile."""
        n = likes.shape[0]
        return np.tile(self.counts, (n, 1)), np.ones(n, np.bool_)

    def removal_effects(self, profile: Profile, song: int) -> npt.NDArray[np.float64]:
        """Nothing that a user takes back changes the score: zeros (m,)."""
        return np.zeros(len(profile.judged))

    def effects_on(self, profile: Profile, songs: IntArray) -> npt.NDArray[np.float64]:
        """Zeros (m, len(songs))."""
        return np.zeros((len(profile.judged), len(songs)))

    def empty_scores(self) -> FloatArray:
        """The like counts: they need no profile."""
        return self.counts

    def similar(self, song: int, k: int) -> tuple[IntArray, FloatArray]:
        """The most popular other songs; it knows nothing of likeness, so that is 0."""
        rows, scores = top_k(self.counts, k, excluded=np.array([song], np.int32))
        return rows, np.zeros_like(scores)

    def arrays(self) -> Arrays:
        """The like counts."""
        return {"counts": self.counts}


def fit(
    interactions: Interactions,
    parameters: Parameters,  # noqa: ARG001 - every fit takes these
    seed: int,  # noqa: ARG001
    progress: Progress | None = None,  # noqa: ARG001
) -> Popularity:
    """Count likes. It has no parameters."""
    return Popularity(interactions.like_counts.astype(np.float32))


def projected_seconds(
    interactions: Interactions,  # noqa: ARG001 - every projection takes these
    parameters: Parameters,  # noqa: ARG001
) -> float:
    """Nothing worth counting."""
    return 0.0


def load(arrays: Arrays) -> Popularity:
    """The model of stored arrays; raises BrokenModel."""
    counts = checked(arrays, "counts", np.float32, 1)
    if counts.min(initial=0) < 0:
        raise BrokenModel("array 'counts' holds numbers of likes under 0")
    return Popularity(counts)
