"""Which procedure to train with: every candidate held against the others on one cut of the data.

Procedures are compared, never artifacts: each is fitted on the training side of the cut and asked
what was held back. The live model's procedure takes part in the same way, and those that were live
before it. One half of the users chooses and tunes; the other half decides what goes live. Where
users are few, a blend is weighed and the decision made on several cuts (several_cuts.py).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from recommendations.engine import algorithms
from recommendations.engine.blend_training import blend_recipe, parts_of
from recommendations.engine.evaluation import Answers
from recommendations.engine.interactions import Interactions
from recommendations.engine.model import Progress, Recipe, TrainingFailed
from recommendations.engine.promotion import Asked, Standing, Verdict, fall_back, judge
from recommendations.engine.searching import AXES, search
from recommendations.engine.several_cuts import MOST_CUTS, decide
from recommendations.engine.trial import Trial, key
from recommendations.engine.trials import Trials
from recommendations.engine.trying_blends import LEAST_BLEND_GAIN, Blended, try_blend
from recommendations.engine.trying_new_songs import try_new_songs

AUTO = "auto"
# An algorithm whose defaults score under this part of the leader's is not tuned any further; of one
# whose defaults are small on purpose more is expected.
WORTH_TUNING = 0.95
WORTH_GROWING = {"ials": 0.5}
# How many recipes that were live the challenger is held against, and the part of the budget that
# fitting and asking them may take: the search needs the rest.
LAST: Final = 10
LAST_SHARE: Final = 0.2


@dataclass(frozen=True)
class Choice:
    """What to train with on all data, and whether the result should go live.

    metrics, popularity_metrics, live_metrics: of the users who choose; empty where nothing could
    be asked, live_metrics None where there is no live procedure. trials: every candidate, as tried.
    promotion: what the deciding users said, and what it was held to; empty where none was asked.
    answers: what they were given by the recipe, fitted on ``cut_train``, of their cuts the first;
    None where none was asked.
    """

    recipe: Recipe
    metrics: dict[str, float]
    popularity_metrics: dict[str, float]
    live_metrics: dict[str, float] | None
    trials: tuple[Trial, ...]
    promote: bool
    reason: str
    tune_seconds: float
    promotion: dict[str, Any] = field(default_factory=dict)
    answers: Answers | None = None
    cut_train: Interactions | None = None


def choose(
    interactions: Interactions,
    *,
    algorithm: str = AUTO,
    budget_seconds: float,
    live: Recipe | None = None,
    last: Sequence[Recipe] = (),
    pinned: bool = True,
    serving_microseconds: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Choice:
    """Tune and compare on a cut, and say what to train with on all data.

    algorithm: "auto" compares all that fit into the budget; a name tunes that one alone, beside
    popularity. budget_seconds: for the trials and the final training together; a candidate that
    is projected to need more than what is left is not tried, and its trial says so; what is named
    is tried at least once.
    live: what the live model was made with. last: what went live most lately, the most promising
    first; the first ten are tried as far as a fifth of the budget reaches. What is chosen is held
    against both (promotion.py). pinned: a named algorithm goes live whatever comes of that,
    because it was named to. serving_microseconds: what is slower, 99 of 100 lists of 100 songs
    taken, is not chosen unless it was named; a blend is made of fewer parts then.
    Raises UnknownAlgorithm.
    """
    started = time.perf_counter()
    if algorithm != AUTO:
        algorithms.must_exist(algorithm)
    trials = Trials(
        interactions,
        budget_seconds=budget_seconds,
        seed=seed,
        progress=progress,
        blending=algorithm in (AUTO, "blend"),
        serving_microseconds=serving_microseconds,
    )
    popularity = trials.run(_defaults_of("popularity", seed), whatever_it_takes=True, deciding=True)
    reference: Trial | None = None
    if trials.askable:
        pinned = pinned and algorithm != AUTO
        reference, before = _before(trials, live, () if pinned else last, budget_seconds)
        best = _lending(trials, _tried(trials, algorithm, seed), algorithm, seed, progress)
        verdict = _verdict(trials, best, reference, before, algorithm, pinned=pinned, seed=seed)
    else:
        verdict = _unasked(interactions, algorithm, popularity, seed)
    return _as_chosen(trials, verdict, popularity, reference, time.perf_counter() - started)


def _as_chosen(
    trials: Trials, verdict: Verdict, popularity: Trial, reference: Trial | None, seconds: float
) -> Choice:
    """What the verdict comes to, with the figures of those who chose."""
    # Measured: for want of time it may have been left out when it was first asked for.
    tried = (each for each in trials.done if each.recipe == verdict.recipe and each.measured)
    winner = next(tried, Trial(verdict.recipe))
    return Choice(
        recipe=verdict.recipe,
        metrics=winner.metrics,
        popularity_metrics=popularity.metrics,
        live_metrics=reference.metrics if reference is not None else None,
        trials=tuple(trials.done),
        promote=verdict.promote,
        reason=verdict.reason,
        tune_seconds=seconds,
        promotion=verdict.record,
        answers=trials.answers(verdict.recipe),
        cut_train=trials.cut.train,
    )


def _before(
    trials: Trials, live: Recipe | None, last: Sequence[Recipe], budget_seconds: float
) -> tuple[Trial | None, list[Trial]]:
    """The trials of the live procedure and of the last ones.

    Before the candidates, so that they are sure to be compared; these may start from them too.
    """
    known = [_completed(each) for each in last if _known(each)][:LAST]
    completed = _completed(live) if live is not None and _known(live) else None
    trials.expect([*([completed] if completed else []), *known])
    reference = trials.run(completed, deciding=True) if completed else None
    ends = time.perf_counter() + LAST_SHARE * budget_seconds
    before = [trials.run(each, deciding=True, ends=ends) for each in known]
    trials.expect(())
    return reference, before


def _tried(trials: Trials, algorithm: str, seed: int) -> Trial | None:
    """Run the trials; the best of those that were asked for."""
    named = algorithm not in (AUTO, "blend")
    for name in AXES:
        if algorithm == name or not named:
            worth = 0.0 if named else WORTH_GROWING.get(name, WORTH_TUNING)
            search(trials, name, seed=seed, worth=worth, named=named)
    blended = None if named else try_blend(trials, seed)
    return _best(trials, algorithm, blended)


def _best(trials: Trials, algorithm: str, blended: Blended | None) -> Trial | None:
    """The best that was asked for; with "auto" a blend must be clearly better than its parts.

    blended: the blend that was made of them. What several cuts say of it goes before the trials'
    one, of it alone: a live blend is another.
    """
    if algorithm == "blend":
        # Where one part is as good as all, that is the blend.
        return trials.best(algorithm) or trials.best()
    if algorithm != AUTO:
        return trials.best(algorithm)
    if blended is not None and blended.helps:
        return blended.trial
    alone, blend = trials.best_in_time(blends=False), trials.best_in_time(blends=True)
    if blend is None or alone is None:
        return blend or alone
    refused = blended is not None and blended.helps is False and blend is blended.trial
    return alone if refused or blend.score <= alone.score * (1 + LEAST_BLEND_GAIN) else blend


def _lending(
    trials: Trials, best: Trial | None, algorithm: str, seed: int, progress: Progress | None
) -> Trial | None:
    """With what new songs are best lent; with "auto" as it was where that answers too late.

    What is lent makes the rows of songs longer that stand for an artist or a genre.
    """
    lent = try_new_songs(trials, best, seed=seed, progress=progress)
    if algorithm == AUTO and lent is not None and not trials.in_time(lent):
        return best
    return lent


def _verdict(
    trials: Trials,
    best: Trial | None,
    reference: Trial | None,
    before: list[Trial],
    algorithm: str,
    *,
    pinned: bool,
    seed: int,
) -> Verdict:
    """What the deciding users say of the best, against popularity and what was live."""

    notes = [
        f"{which} {each.recipe.algorithm} was left out ({each.left_out})"
        for which, each in [("the live", reference), *(("an earlier", each) for each in before)]
        if each is not None and not each.measured
    ]
    if not trials.halved:
        notes.append("too few users to part, so that those who chose decide")
    notes += trials.slow
    popularity, chosen = trials.done[0], best or trials.done[0]
    live = reference if reference and reference.measured else None
    leader = _leader(trials, before)
    held = [each for each in (popularity, live, leader, chosen) if each is not None]
    # What is pinned goes live whatever is said of it.
    recipes, most = [each.recipe for each in held], 1 if pinned else MOST_CUTS
    said, cuts = decide(trials, recipes, chosen.recipe, seed, most_cuts=most)
    asked = {
        key(each.recipe): Asked(each.recipe, found["ndcg@10"], found["auc"])
        for each, found in zip(held, said, strict=True)
    }
    standing = Standing(
        popularity=asked[key(popularity.recipe)],
        live=asked[key(live.recipe)] if live else None,
        best=asked[key(leader.recipe)] if leader else None,
        notes=notes,
        cuts=cuts,
    )
    if best is None:
        left_out = next(each for each in trials.done if each.recipe.algorithm == algorithm)
        why = f"{algorithm} was left out ({left_out.left_out})"
        return fall_back(standing, why, seed=seed)
    return judge(asked[key(best.recipe)], standing, pinned=pinned, seed=seed)


def _leader(trials: Trials, before: Sequence[Trial]) -> Trial | None:
    """The best of those that were live before, by the deciding users on the trials' cut.

    By those who choose, it would be the one that their half flatters most: a drift that only
    flatters would take the measure along with it.
    """
    measured = [each for each in before if each.measured]
    return max(
        measured, key=lambda each: trials.decide(each.recipe)["ndcg@10"].mean(), default=None
    )


def _unasked(interactions: Interactions, algorithm: str, popularity: Trial, seed: int) -> Verdict:
    """What to train where no like can be held back: popularity, or what is pinned if it can be."""
    why = "too few likes to hold any back for a comparison"
    if algorithm in (AUTO, "popularity") or not (interactions.values > 0).any():
        return Verdict(popularity.recipe, True, f"{why}: popularity", {})
    return Verdict(
        _defaults_of(algorithm, seed), True, f"{why}: {algorithm} as named, not tuned", {}
    )


def _defaults_of(algorithm: str, seed: int) -> Recipe:
    return Recipe(algorithm, algorithms.defaults(algorithm), seed)


def _completed(recipe: Recipe) -> Recipe:
    """The recipe with every parameter: one that was recorded before a parameter came lacks it."""
    parameters = algorithms.defaults(recipe.algorithm) | recipe.parameters
    if parts := parts_of(recipe):
        weights = [weight for *_, weight in parameters["parts"]]
        return blend_recipe(list(zip(map(_completed, parts), weights, strict=True)), recipe.seed)
    return replace(recipe, parameters=parameters)


def _known(recipe: Recipe) -> bool:
    """Whether this code can still make it."""
    try:
        names = [recipe.algorithm, *(part.algorithm for part in parts_of(recipe))]
    except TrainingFailed:
        return False
    return all(name in algorithms.ALGORITHMS for name in names)
