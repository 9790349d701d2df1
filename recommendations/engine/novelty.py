"""How familiar or adventurous a list is: its candidates put in another order by popularity."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from recommendations.engine.interactions import BoolArray, FloatArray, IntArray
from recommendations.engine.metrics import percentiles
from recommendations.engine.ranking import Ranking

CANDIDATES: Final = 500
# Standard deviations of the candidates' scores by which novelty 1 lifts the least popular of them.
REACH: Final = 2.0

Likes = npt.NDArray[np.number[Any]]


@dataclass(frozen=True, slots=True)
class Turned:
    """A ranking whose first songs stand in the order that a novelty asks for.

    likes: of each song, (n_songs,). novelty: from -1, familiar, to 1, adventurous. judged: rows
    of the profile. The candidates are the best songs but those, whatever else a call excludes:
    who asks on with the songs of the first list excluded gets what came after them.
    """

    ranking: Ranking
    likes: Likes
    novelty: float
    judged: IntArray

    def best(
        self, k: int, *, excluded: IntArray, allowed: BoolArray | None = None
    ) -> tuple[IntArray, FloatArray]:
        """The k first songs with the scores that the ranking gave them, as ``Ranking.best``.

        Past the candidates the order is the ranking's own. The judged are excluded anyway.
        """
        rows, scores = self.ranking.best(CANDIDATES, excluded=self.judged, allowed=allowed)
        order = turned(scores, self.likes[rows], self.novelty)
        # A mask: np.isin takes several times as long for lists as short as these.
        left = np.ones(len(self.likes), np.bool_)
        left[excluded] = False
        order = order[left[rows[order]]][:k]
        first, of_first = rows[order], scores[order]
        if len(first) == k or len(rows) < CANDIDATES:
            return first, of_first
        done = np.concatenate([self.judged, excluded, rows])
        rest, of_rest = self.ranking.best(k - len(first), excluded=done, allowed=allowed)
        return np.concatenate([first, rest]), np.concatenate([of_first, of_rest])


def turned(scores: FloatArray, likes: Likes, novelty: float) -> npt.NDArray[np.intp]:
    """The places of a ranking's songs in the order that a novelty asks for, equals as they were.

    Sorted by s_j + novelty · REACH · σ · (1 - 2 p_j), where σ is the standard deviation of the
    scores and p_j, 0 to 1, the popularity percentile of song j among these songs. σ makes it the
    same request of every model, whatever its scores are measured in, and lets a song that the
    model puts far above the others keep its place.
    scores, likes: (m,), best first.
    """
    if not len(scores):
        return np.empty(0, np.intp)
    rarity = 1.0 - percentiles(likes) / 50.0
    sought = scores + novelty * REACH * float(scores.std()) * rarity
    return np.argsort(-sought, kind="stable")
