"""Fitting candidates on one side of a cut and asking them about the other, within a time budget."""

import time
from dataclasses import dataclass, field
from typing import Any

from recommendations.engine import algorithms
from recommendations.engine.blend_training import BLENDED, blend_of, parts_of
from recommendations.engine.cutting import Cut, cut
from recommendations.engine.evaluation import evaluate
from recommendations.engine.interactions import Interactions
from recommendations.engine.model import Model, Progress, Recipe, TrainingFailed

KS = (10, 20, 100)
# Candidates are asked about the same users, so that this many tell apart what differs by 0.5 %.
MOST_USERS = 5_000
# What finding a blend's weights and asking it take, in askings of one candidate.
BLEND_ASKS = 4


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
    """Every candidate tried so far on one cut, none of them twice.

    blending: whether time is to be left for a blend of the best.
    """

    def __init__(
        self,
        interactions: Interactions,
        *,
        budget_seconds: float,
        seed: int,
        progress: Progress | None,
        blending: bool = False,
    ) -> None:
        self.blending = blending
        self.done: list[Trial] = []
        self.cut: Cut = cut(interactions, seed=seed)
        self._ends = time.perf_counter() + budget_seconds
        self._seed, self._progress = seed, progress
        # The best model of each kind so far, for a blend to be made of.
        self._kept: dict[tuple[str, Any], tuple[Trial, Model]] = {}
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
        own = (algorithm, "popularity", "blend")
        return [each for each in self.done if each.measured and each.recipe.algorithm not in own]

    def kept(self) -> list[tuple[Trial, Model]]:
        """The best trial of each kind with its model, the best first.

        Models of another number of factors are of another kind: they see finer or coarser, and a
        blend may want both.
        """
        return sorted(self._kept.values(), key=lambda each: -each[0].score)

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
        needed = fitting + self._asking_seconds + self._afterwards(recipe, fitting)
        left = self._ends - time.perf_counter()
        if needed <= left:
            return None
        why = f"needs about {needed:.0f} s, {max(0.0, left):.0f} s of the training budget are left"
        return Trial(recipe, left_out=why)

    def _afterwards(self, recipe: Recipe, fitting: float) -> float:
        """Seconds of what follows if this candidate is taken: the final training, at the least."""
        if parts := parts_of(recipe):
            return sum(self._fit_seconds(part) for part in parts)
        best = self.best()
        alone = max(fitting, best.fit_seconds if best else 0.0)
        if not self.blending:
            return alone
        # A blend may take all that was kept; before that its weights are found, and it is asked.
        others = sum(trial.fit_seconds for trial, _ in self._kept.values())
        return max(alone, fitting + others) + BLEND_ASKS * self._asking_seconds

    def _run(self, recipe: Recipe) -> Trial:
        projected = self._projected(recipe)
        started = time.perf_counter()
        try:
            model = self._fitted(recipe)
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
        fit_seconds = fitted - started
        if parts := parts_of(recipe):
            # The parts were fitted before; the final training fits them all again.
            fit_seconds = sum(self._fit_seconds(part) for part in parts)
        elif projected > 0:
            self._slowness[recipe.algorithm] = (
                self._slowness.get(recipe.algorithm, 1.0) * fit_seconds / projected
            )
        trial = Trial(recipe, found.metrics, ended - started, fit_seconds)
        self._keep(trial, model)
        return trial

    def _fitted(self, recipe: Recipe) -> Model:
        """The model of the recipe on the training side; a blend's parts are trials of their own."""
        parts = parts_of(recipe)
        if not parts:
            return algorithms.fit(recipe, self.cut.train, self._named_progress(recipe))
        for part in parts:
            self.run(part, whatever_it_takes=True)
        models = {str(trial.recipe): model for trial, model in self._kept.values()}
        fitted = [models.get(str(part)) or algorithms.fit(part, self.cut.train) for part in parts]
        weights = [weight for *_, weight in recipe.parameters["parts"]]
        return blend_of(fitted, weights, self.cut.train, recipe.seed)

    def _keep(self, trial: Trial, model: Model) -> None:
        """Keep the model if it is the best of its kind."""
        kind = (trial.recipe.algorithm, trial.recipe.parameters.get("factors"))
        if trial.recipe.algorithm in BLENDED and (
            kind not in self._kept or self._kept[kind][0].score < trial.score
        ):
            self._kept[kind] = (trial, model)

    def _fit_seconds(self, recipe: Recipe) -> float:
        """What fitting took, or may take."""
        for trial in self.done:
            if trial.recipe == recipe and trial.measured:
                return trial.fit_seconds
        return self._projected(recipe)

    def _projected(self, recipe: Recipe) -> float:
        """Seconds that fitting will take, corrected by how the last of its kind went."""
        if parts := parts_of(recipe):
            tried = [each.recipe for each in self.done]
            return sum(self._projected(part) for part in parts if part not in tried)
        seconds = algorithms.projected_seconds(recipe, self.cut.train)
        return seconds * self._slowness.get(recipe.algorithm, 1.0)

    def _named_progress(self, recipe: Recipe) -> Progress | None:
        """Progress of a fit that says which trial it belongs to."""
        if self._progress is None:
            return None
        report, name = self._progress, f"trial {len(self.done) + 1}, {recipe.algorithm}"
        return lambda _, share: report(name, share)
