"""What one candidate was worth to the users who were asked about it, and what is better."""

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from recommendations.engine.evaluation import ENOUGH_JUDGES, Evaluation
from recommendations.engine.model import Recipe

# Metrics by name, each of every user asked, (users,).
PerUser = dict[str, npt.NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Trial:
    """How a candidate did on the cut, or why it was left out.

    seconds: of fitting and asking. fit_seconds: of fitting alone. judges: how many users had
    both likes and dislikes held back. pulls: what each user moves the score by, (users,).
    """

    recipe: Recipe
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    fit_seconds: float = 0.0
    left_out: str = ""
    judges: int = 0
    pulls: npt.NDArray[np.float64] | None = field(default=None, compare=False, repr=False)

    @property
    def measured(self) -> bool:
        """Whether there are figures to compare."""
        return bool(self.metrics)

    def better_than(self, other: "Trial", least_gain: float = 0.0) -> bool:
        """Whether it gains this part of the other's score, and more than a standard error.

        The same users answered for both, so that the error is that of their differences: what
        only a few happened to like better does not count.
        """
        gain = self.score - other.score
        if gain <= least_gain * other.score:
            return False
        if self.pulls is None or other.pulls is None or len(self.pulls) < 2:
            return True
        error = (self.pulls - other.pulls).std(ddof=1) / np.sqrt(len(self.pulls))
        return bool(gain > error)

    @property
    def score(self) -> float:
        """What procedures are compared by: NDCG@10 + NDCG@100, times the AUC where it is known."""
        ranked = self.metrics["ndcg@10"] + self.metrics["ndcg@100"]
        return ranked * self.metrics["auc"] if self.judges >= ENOUGH_JUDGES else ranked

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "algorithm": self.recipe.algorithm,
            "parameters": dict(self.recipe.parameters),
            "metrics": dict(self.metrics),
            "seconds": round(self.seconds, 3),
            "left_out": self.left_out,
        }


def pulls_of(found: Evaluation) -> npt.NDArray[np.float64]:
    """By how much each user moves a trial's score, (users,): the score's influence function.

    Of a mean it is the user's own value; of NDCG times AUC, that of each factor times the other.
    """
    ranked = found.per_user["ndcg@10"] + found.per_user["ndcg@100"]
    if found.judges < ENOUGH_JUDGES:
        return ranked
    auc = found.per_user["auc"]
    told = np.nan_to_num(auc - np.nanmean(auc)) * (len(auc) / found.judges)
    pulls: npt.NDArray[np.float64] = ranked * np.nanmean(auc) + ranked.mean() * told
    return pulls


def key(recipe: Recipe) -> str:
    """The recipe as text, the same whatever order a database gives its parameters back in."""
    return json.dumps([recipe.algorithm, recipe.parameters, recipe.seed], sort_keys=True)
