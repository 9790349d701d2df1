"""Fitting candidates on one side of a cut and asking them about the other, within a time budget.

Half of the users who are asked choose; what the other half says is kept apart and only ever given
out to decide what goes live (promotion.py).
"""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from recommendations.engine import algorithms
from recommendations.engine.blend_training import BLENDED, blend_of, parts_of
from recommendations.engine.cutting import Cut, cut, cut_again, halves
from recommendations.engine.evaluation import Answers, Evaluation, evaluate
from recommendations.engine.interactions import Interactions
from recommendations.engine.model import Model, Progress, Recipe, TrainingFailed
from recommendations.engine.serving_budget import ServingBudget
from recommendations.engine.time_budget import TimeBudget
from recommendations.engine.trial import PerUser, Trial, key, pulls_of

KS = (10, 20, 100)
# Candidates are asked about the same users, so that this many tell apart what differs by 0.5 %.
MOST_USERS = 5_000
# Few are asked to decide about, and what decides is an interval, which more users make narrower.
MOST_DECIDING = 10_000


class Trials:
    """Every candidate tried so far on one cut, none of them twice.

    blending: whether time is to be left for a blend of the best. serving_microseconds: what a
    list may take; None for as long as it takes.
    """

    def __init__(
        self,
        interactions: Interactions,
        *,
        budget_seconds: float,
        seed: int,
        progress: Progress | None,
        blending: bool = False,
        serving_microseconds: float | None = None,
    ) -> None:
        self.blending = blending
        started = time.perf_counter()
        self.done: list[Trial] = []
        whole = cut(interactions, seed=seed)
        choosing, self._deciding = halves(whole.held_out)
        # Whether they are other users; a handful cannot be parted.
        self.halved = choosing is not whole.held_out
        self.cut: Cut = replace(whole, held_out=choosing)
        ends, asks = started + budget_seconds, MOST_DECIDING / MOST_USERS
        self.budget = TimeBudget(ends, self.cut.train, self.done, deciding_asks=asks)
        self._serving = ServingBudget(serving_microseconds, self.cut, seed=seed)
        # Of a song that nobody has judged no cut can tell whether it is liked: shown, it would
        # count as wrong. How many of those lists may hold is found otherwise (new songs).
        self.judged = np.bincount(interactions.songs, minlength=interactions.n_songs) > 0
        self._seed, self._progress = seed, progress
        # The best trial of each algorithm so far: a later one has to be better beyond the noise.
        self._leading: dict[str, Trial] = {}
        # The best model of each kind so far, for a blend to be made of, and the best blend.
        self._kept: dict[tuple[str, Any], tuple[Trial, Model]] = {}
        # Models that the next trials will need again, and what the deciding users said.
        self._shared: dict[str, Model] = {}
        self._again: set[str] = set()
        self._decided: dict[str, Evaluation] = {}

    @property
    def askable(self) -> bool:
        """Whether the cut holds anything back."""
        return bool((self.cut.held_out.values > 0).any())

    def best(self, *algorithms: str) -> Trial | None:
        """The best one measured, of these algorithms or of all; of equals the one tried first.

        Of one algorithm a later trial leads only if it is better by more than the users' noise.
        """
        leading = [
            trial for name, trial in self._leading.items() if not algorithms or name in algorithms
        ]
        return max(leading, key=lambda trial: trial.score, default=None)

    def best_in_time(self, *, blends: bool) -> Trial | None:
        """The best one that answers in time: of the blends, or of what leads each algorithm."""
        measured = (
            [each for each in self.done if each.measured and each.recipe.algorithm == "blend"]
            if blends
            else [each for name, each in self._leading.items() if name != "blend"]
        )
        ordered = sorted(measured, key=lambda trial: -trial.score)
        return next((trial for trial in ordered if self.in_time(trial)), None)

    def in_time(self, trial: Trial) -> bool:
        """Whether 99 of 100 lists take no longer than serving may; ``slow`` says which do.

        Popularity always: it is what answers where nothing else does.
        """
        if trial.recipe.algorithm == "popularity" or not trial.measured:
            return True
        return self._serving.allows(trial.recipe, lambda: self.made(trial.recipe))

    @property
    def slow(self) -> list[str]:
        """Whose lists take longer than serving may, and how long."""
        return self._serving.slow

    def rivals(self, algorithm: str) -> list[Trial]:
        """Those measured of other algorithms than this and popularity."""
        own = (algorithm, "popularity", "blend")
        return [each for each in self.done if each.measured and each.recipe.algorithm not in own]

    def kept(self) -> list[tuple[Trial, Model]]:
        """The best trial of each kind that a blend can hold with its model, the best first.

        Models of another number of factors are of another kind: they see finer or coarser, and a
        blend may want both.
        """
        parts = [each for each in self._kept.values() if each[0].recipe.algorithm in BLENDED]
        return sorted(parts, key=lambda each: -each[0].score)

    def expect(self, recipes: Iterable[Recipe]) -> None:
        """Keep what several of these recipes share, until the next call: it is fitted once."""
        wanted = [key(each) for recipe in recipes for each in (recipe, *parts_of(recipe))]
        self._again = {name for name, times in Counter(wanted).items() if times > 1}
        self._shared.clear()

    def run(
        self,
        recipe: Recipe,
        *,
        whatever_it_takes: bool = False,
        deciding: bool = False,
        ends: float | None = None,
    ) -> Trial:
        """Try a candidate, unless it was tried before or would not fit into the time left.

        deciding: it is sure to be asked for by ``decide``, which then costs no second fit.
        ends: an instant of ``time.perf_counter`` by which the trial itself has to be over.
        """
        earlier = next((each for each in self.done if each.recipe == recipe), None)
        if earlier is not None:
            if deciding and earlier.measured:
                self.decide(recipe)
            return earlier
        left_out = None if whatever_it_takes else self._left_out(recipe, deciding, ends)
        if left_out is not None and ends is not None:
            # For want of time until then; it may still be tried as a candidate like any other.
            return left_out
        self.done.append(left_out or self._run(recipe, deciding=deciding))
        return self.done[-1]

    def decide(self, recipe: Recipe) -> PerUser:
        """Metrics of each deciding user, (users,), the same users in one order for all recipes.

        The recipe must have been measured. Nothing that chooses or tunes may look at this.
        """
        if key(recipe) not in self._decided:
            self._ask_deciding(recipe, self.made(recipe))
        return self._decided[key(recipe)].per_user

    def answers(self, recipe: Recipe) -> Answers | None:
        """What the deciding users were given by the recipe; None where they were not asked."""
        decided = self._decided.get(key(recipe))
        return decided.answers if decided else None

    def made(self, recipe: Recipe) -> Model:
        """Its model on the training side; fitted now if it is not at hand, as it then stays."""
        found = self._model(recipe)
        if found is None:
            found = self._shared[key(recipe)] = self._fitted(recipe)
        return found

    def missing_seconds(self, recipes: Iterable[Recipe]) -> float:
        """What ``made`` will take for those of these whose model is not at hand."""
        return self.budget.fit_seconds(*(each for each in recipes if self._model(each) is None))

    def run_made(self, recipe: Recipe, model: Model, fit_seconds: float) -> Trial:
        """Try what was made elsewhere on the training side, and keep it for deciding.

        fit_seconds: what fitting it by the recipe takes.
        """
        started = time.perf_counter()
        self._shared[key(recipe)] = model
        found = self._evaluated(model, self.cut, MOST_USERS)
        asking = time.perf_counter() - started
        trial = Trial(
            recipe,
            found.metrics,
            asking,
            fit_seconds,
            judges=found.judges,
            pulls=pulls_of(found) if found.users else None,
        )
        self.done.append(trial)
        return trial

    def deciding_again(self, seed: int) -> Cut:
        """Another cut for the deciding users; nobody else is asked about on it."""
        return cut_again(replace(self.cut, held_out=self._deciding), seed=seed)

    def decide_on(self, other: Cut, model: Model) -> PerUser:
        """What ``decide`` gives, on another cut for the deciding users, of a model fitted there."""
        return self._evaluated(model, other, MOST_DECIDING).per_user

    def fit_on(self, other: Cut, recipe: Recipe) -> Model:
        """The model of the recipe on another cut's training side. Raises TrainingFailed."""
        report = self._progress
        named = f"another cut, {recipe.algorithm}"
        progress = None if report is None else lambda _, share: report(named, share)
        return algorithms.fit(recipe, other.train, progress)

    def _left_out(self, recipe: Recipe, deciding: bool, ends: float | None) -> Trial | None:
        """The candidate as left out, if trying and then training it is over the time left."""
        fitting = self.budget.projected(recipe)
        if parts := parts_of(recipe):
            afterwards = self.budget.after_blend(parts)
        else:
            best = self.best()
            longest = max(fitting, best.fit_seconds if best else 0.0)
            # A blend may take all that was kept; before that its weights are found.
            others = [trial.fit_seconds for trial, _ in self.kept()]
            blended = fitting + sum(others) if self.blending else None
            afterwards = self.budget.after_single(longest, blended)
        why = self.budget.too_short_for(fitting, afterwards, deciding=deciding, ends=ends)
        return Trial(recipe, left_out=why) if why else None

    def _run(self, recipe: Recipe, *, deciding: bool) -> Trial:
        projected = self.budget.projected(recipe)
        started = time.perf_counter()
        try:
            model = self._fitted(recipe)
        except TrainingFailed as error:
            return Trial(recipe, seconds=time.perf_counter() - started, left_out=str(error))
        fitted = time.perf_counter()
        found = self._evaluated(model, self.cut, MOST_USERS)
        ended = time.perf_counter()
        self.budget.asking_seconds = ended - fitted
        fit_seconds = fitted - started
        if parts := parts_of(recipe):
            # The parts were fitted before; the final training fits them all again.
            fit_seconds = self.budget.fit_seconds(*parts)
        else:
            self.budget.learn(recipe, projected, fit_seconds)
        trial = Trial(
            recipe,
            found.metrics,
            ended - started,
            fit_seconds,
            judges=found.judges,
            pulls=pulls_of(found) if found.users else None,
        )
        self._keep(trial, model)
        if deciding and trial.measured:
            self._ask_deciding(recipe, model)
        return trial

    def _evaluated(self, model: Model, on: Cut, most_users: int) -> Evaluation:
        return evaluate(
            model,
            on.train,
            on.held_out,
            ks=KS,
            seed=self._seed,
            intervals=False,
            most_users=most_users,
            ranked=self.judged,
        )

    def _ask_deciding(self, recipe: Recipe, model: Model) -> None:
        on = replace(self.cut, held_out=self._deciding)
        self._decided[key(recipe)] = self._evaluated(model, on, MOST_DECIDING)

    def _fitted(self, recipe: Recipe) -> Model:
        """The model of the recipe on the training side; a blend's parts are trials of their own."""
        parts = parts_of(recipe)
        if parts:
            fitted = [self._part(part) for part in parts]
            weights = [weight for *_, weight in recipe.parameters["parts"]]
            return blend_of(fitted, weights, self.cut.train, recipe.seed)
        model = algorithms.fit(recipe, self.cut.train, self._named_progress(recipe))
        if key(recipe) in self._again:
            self._shared[key(recipe)] = model
        return model

    def _part(self, part: Recipe) -> Model:
        """Its model, by a trial if there was none yet: one fit, also where it is not kept."""
        name = key(part)
        found, again = self._model(part), name in self._again
        if found is None:
            self._again.add(name)
            self.run(part, whatever_it_takes=True)
            found = self._model(part) or algorithms.fit(part, self.cut.train)
            if not again:
                self._again.discard(name)
                self._shared.pop(name, None)
        return found

    def _model(self, recipe: Recipe) -> Model | None:
        """Its model, where it is still at hand."""
        kept = {key(trial.recipe): model for trial, model in self._kept.values()}
        return kept.get(key(recipe)) or self._shared.get(key(recipe))

    def _keep(self, trial: Trial, model: Model) -> None:
        """Keep the model if it is the best of its kind, and the trial if it leads."""
        if not trial.measured:
            return
        name = trial.recipe.algorithm
        if name not in self._leading or trial.better_than(self._leading[name]):
            self._leading[name] = trial
        kind = (name, trial.recipe.parameters.get("factors"))
        if kind not in self._kept or trial.better_than(self._kept[kind][0]):
            self._kept[kind] = (trial, model)

    def _named_progress(self, recipe: Recipe) -> Progress | None:
        """Progress of a fit that says which trial it belongs to."""
        if self._progress is None:
            return None
        report, name = self._progress, f"trial {len(self.done) + 1}, {recipe.algorithm}"
        return lambda _, share: report(name, share)
