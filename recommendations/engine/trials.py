"""Fitting candidates on one side of a cut and asking them about the other, within a time budget."""

import time
from dataclasses import dataclass, field
from typing import Any

from recommendations.engine import algorithms
from recommendations.engine.cutting import Cut, cut
from recommendations.engine.evaluation import evaluate
from recommendations.engine.interactions import Interactions
from recommendations.engine.model import Progress, Recipe, TrainingFailed

KS = (10, 20, 100)
# Candidates are asked about the same users, so that this many tell apart what differs by 0.5 %.
MOST_USERS = 5_000


@dataclass(frozen=True, slots=True)
class Trial:
    """How a candidate did on the cut, or why it was left out.

    seconds: of fitting and asking. fit_seconds: of fitting alone.
    """

    recipe: Recipe
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    fit_seconds: float = 0.0
    left_out: str = ""

    @property
    def measured(self) -> bool:
        """Whether there are figures to compare."""
        return bool(self.metrics)

    @property
    def score(self) -> float:
        """What procedures are compared by: NDCG@10 + NDCG@100."""
        return self.metrics["ndcg@10"] + self.metrics["ndcg@100"]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "algorithm": self.recipe.algorithm,
            "parameters": dict(self.recipe.parameters),
            "metrics": dict(self.metrics),
            "seconds": round(self.seconds, 3),
            "left_out": self.left_out,
        }


class Trials:
    """Every candidate tried so far on one cut, none of them twice."""

    def __init__(
        self,
        interactions: Interactions,
        *,
        budget_seconds: float,
        seed: int,
        progress: Progress | None,
    ) -> None:
        self.done: list[Trial] = []
        self.cut: Cut = cut(interactions, seed=seed)
        self._ends = time.perf_counter() + budget_seconds
        self._seed, self._progress = seed, progress
        # How much longer than projected each algorithm's last fit took, and what asking costs.
        self._slowness: dict[str, float] = {}
        self._asking_seconds = 0.0

    @property
    def askable(self) -> bool:
        """Whether the cut holds anything back."""
        return bool((self.cut.held_out.values > 0).any())

    def best(self, algorithm: str | None = None) -> Trial | None:
        """The best one measured, of this algorithm or of all; of equals the one tried first."""
        measured = [
            each
            for each in self.done
            if each.measured and algorithm in (None, each.recipe.algorithm)
        ]
        return max(measured, key=lambda trial: trial.score, default=None)

    def rivals(self, algorithm: str) -> list[Trial]:
        """Those measured of other algorithms than this and popularity."""
        own = (algorithm, "popularity")
        return [each for each in self.done if each.measured and each.recipe.algorithm not in own]

    def run(self, recipe: Recipe, *, whatever_it_takes: bool = False) -> Trial:
        """Try a candidate, unless it was tried before or would not fit into the time left."""
        for earlier in self.done:
            if earlier.recipe == recipe:
                return earlier
        trial = self._left_out(recipe) if not whatever_it_takes else None
        self.done.append(trial or self._run(recipe))
        return self.done[-1]

    def _left_out(self, recipe: Recipe) -> Trial | None:
        """The candidate as left out, if trying and then training it is over the time left."""
        fitting = self._projected(recipe)
        best = self.best()
        training = max(fitting, best.fit_seconds if best else 0.0)
        needed = fitting + self._asking_seconds + training
        left = self._ends - time.perf_counter()
        if needed <= left:
            return None
        why = f"needs about {needed:.0f} s, {max(0.0, left):.0f} s of the training budget are left"
        return Trial(recipe, left_out=why)

    def _run(self, recipe: Recipe) -> Trial:
        projected = self._projected(recipe)
        started = time.perf_counter()
        try:
            model = algorithms.fit(recipe, self.cut.train, self._named_progress(recipe))
        except TrainingFailed as error:
            return Trial(recipe, seconds=time.perf_counter() - started, left_out=str(error))
        fitted = time.perf_counter()
        found = evaluate(
            model,
            self.cut.train,
            self.cut.held_out,
            ks=KS,
            seed=self._seed,
            intervals=False,
            most_users=MOST_USERS,
        )
        ended = time.perf_counter()
        self._asking_seconds = ended - fitted
        if projected > 0:
            self._slowness[recipe.algorithm] = (
                self._slowness.get(recipe.algorithm, 1.0) * (fitted - started) / projected
            )
        return Trial(recipe, found.metrics, ended - started, fitted - started)

    def _projected(self, recipe: Recipe) -> float:
        """Seconds that fitting will take, corrected by how the last of its kind went."""
        seconds = algorithms.projected_seconds(recipe, self.cut.train)
        return seconds * self._slowness.get(recipe.algorithm, 1.0)

    def _named_progress(self, recipe: Recipe) -> Progress | None:
        """Progress of a fit that says which trial it belongs to."""
        if self._progress is None:
            return None
        report, name = self._progress, f"trial {len(self.done) + 1}, {recipe.algorithm}"
        return lambda _, share: report(name, share)
