"""Which procedure to train with: every candidate held against the others on one cut of the data.

Procedures are compared, never artifacts: each is fitted on the training side of the cut and asked
what was held back. The live model's procedure takes part in the same way.
"""

import time
from dataclasses import dataclass, replace

from recommendations.engine import algorithms
from recommendations.engine.blend_training import blend_recipe
from recommendations.engine.blending import weigh
from recommendations.engine.interactions import Interactions
from recommendations.engine.item_model import ItemModel
from recommendations.engine.model import Model, Progress, Recipe
from recommendations.engine.searching import AXES, search
from recommendations.engine.trials import Trial, Trials

AUTO = "auto"
# An algorithm whose defaults score under this part of the leader's is not tuned any further; of one
# whose defaults are small on purpose more is expected.
WORTH_TUNING = 0.95
WORTH_GROWING = {"ials": 0.5}
# What a blend must gain over its best part to be worth its requests' time.
LEAST_BLEND_GAIN = 0.005


@dataclass(frozen=True)
class Choice:
    """What to train with on all data, and whether the result should go live.

    metrics, popularity_metrics, live_metrics: on the cut; empty where nothing could be asked,
    live_metrics None where there is no live procedure. trials: every candidate, as tried.
    """

    recipe: Recipe
    metrics: dict[str, float]
    popularity_metrics: dict[str, float]
    live_metrics: dict[str, float] | None
    trials: tuple[Trial, ...]
    promote: bool
    reason: str
    tune_seconds: float


def choose(
    interactions: Interactions,
    *,
    algorithm: str = AUTO,
    budget_seconds: float,
    live: Recipe | None = None,
    pinned: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
) -> Choice:
    """Tune and compare on a cut, and say what to train with on all data.

    algorithm: "auto" compares all that fit into the budget; a name tunes that one alone, beside
    popularity. budget_seconds: for the trials and the final training together; a candidate that
    is projected to need more than what is left is not tried, and its trial says so; what is named
    is tried at least once.
    live: what the live model was made with; it stays live if it scores better. pinned: a named
    algorithm goes live even then, because it was named to.
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
    )
    popularity = trials.run(_defaults_of("popularity", seed), whatever_it_takes=True)
    reference: Trial | None = None
    if trials.askable:
        reference, best = _tried(trials, algorithm, live, seed)
        winner, promote, reason = _verdict(trials, best, reference, algorithm, pinned=pinned)
    else:
        winner, reason = _unasked(interactions, algorithm, popularity, seed)
        promote = True
    return Choice(
        recipe=winner.recipe,
        metrics=winner.metrics,
        popularity_metrics=popularity.metrics,
        live_metrics=reference.metrics if reference is not None else None,
        trials=tuple(trials.done),
        promote=promote,
        reason=reason,
        tune_seconds=time.perf_counter() - started,
    )


def _tried(
    trials: Trials, algorithm: str, live: Recipe | None, seed: int
) -> tuple[Trial | None, Trial | None]:
    """Run the trials; the live procedure's, and the best of those that were asked for."""
    # Before the candidates, so that it is sure to be compared; they may start from it too.
    reference = trials.run(_completed(live)) if live is not None else None
    named = algorithm not in (AUTO, "blend")
    for name in AXES:
        if algorithm == name or not named:
            worth = 0.0 if named else WORTH_GROWING.get(name, WORTH_TUNING)
            search(trials, name, seed=seed, worth=worth, named=named)
    if not named:
        _try_blend(trials, seed)
    return reference, _best(trials, algorithm)


def _try_blend(trials: Trials, seed: int) -> None:
    """Try the best of each kind together, weighed by what was held back."""
    kept = _not_past_the_best(trials.kept())
    # An item model comes first: it says which songs are looked at.
    kept.sort(key=lambda each: not isinstance(each[1], ItemModel))
    if len(kept) < 2 or not isinstance(kept[0][1], ItemModel):
        return
    weights = weigh([model for _, model in kept], trials.cut, seed)
    parts = [
        (trial.recipe, weight) for (trial, _), weight in zip(kept, weights, strict=True) if weight
    ]
    if len(parts) > 1:
        trials.run(blend_recipe(parts, seed))


def _not_past_the_best(kept: list[tuple[Trial, Model]]) -> list[tuple[Trial, Model]]:
    """Without those of more factors than the best of their algorithm: dear, and no gain."""
    most: dict[str, int] = {}
    for trial, _ in kept:  # the best first
        most.setdefault(trial.recipe.algorithm, trial.recipe.parameters.get("factors", 0))
    return [
        (trial, model)
        for trial, model in kept
        if trial.recipe.parameters.get("factors", 0) <= most[trial.recipe.algorithm]
    ]


def _best(trials: Trials, algorithm: str) -> Trial | None:
    """The best that was asked for; with "auto" a blend must be clearly better than its parts."""
    if algorithm == "blend":
        # Where one part is as good as all, that is the blend.
        return trials.best(algorithm) or trials.best()
    if algorithm != AUTO:
        return trials.best(algorithm)
    best = trials.best()
    alone = max(
        (each for each in trials.done if each.measured and each.recipe.algorithm != "blend"),
        key=lambda trial: trial.score,
        default=None,
    )
    if best is None or alone is None or best.score > alone.score * (1 + LEAST_BLEND_GAIN):
        return best
    return alone


def _verdict(
    trials: Trials, best: Trial | None, reference: Trial | None, algorithm: str, *, pinned: bool
) -> tuple[Trial, bool, str]:
    """The winner, whether it goes live, and why."""
    popularity = trials.done[0]
    if best is None:
        left_out = next(each for each in trials.done if each.recipe.algorithm == algorithm)
        reason = f"{algorithm} was left out ({left_out.left_out}): popularity"
        if reference and reference.measured and reference.score > popularity.score:
            return popularity, False, f"{reason}, and the live {_figure(reference)}"
        return popularity, True, reason
    scored = f"{_figure(best)}, popularity {_figure(popularity, name=False)}"
    if reference is None:
        return best, True, scored
    if not reference.measured:
        return best, True, f"{scored}; the live procedure was left out ({reference.left_out})"
    if best.recipe == reference.recipe:
        return best, True, f"{scored}: the live procedure, trained on the data as they are now"
    compared = f"{scored}, live {_figure(reference)}"
    if reference.score <= best.score:
        return best, True, compared
    if pinned and algorithm != AUTO:
        return best, True, f"{compared}; {algorithm} is pinned by the settings"
    return best, False, f"{compared}: the live procedure scores better on the cut"


def _unasked(
    interactions: Interactions, algorithm: str, popularity: Trial, seed: int
) -> tuple[Trial, str]:
    """What to train where no like can be held back: popularity, or what is pinned if it can be."""
    why = "too few likes to hold any back for a comparison"
    if algorithm in (AUTO, "popularity") or not (interactions.values > 0).any():
        return popularity, f"{why}: popularity"
    return Trial(_defaults_of(algorithm, seed)), f"{why}: {algorithm} as named, not tuned"


def _defaults_of(algorithm: str, seed: int) -> Recipe:
    return Recipe(algorithm, algorithms.defaults(algorithm), seed)


def _completed(recipe: Recipe) -> Recipe:
    """The recipe with every parameter: one that was recorded before a parameter came lacks it."""
    return replace(recipe, parameters=algorithms.defaults(recipe.algorithm) | recipe.parameters)


def _figure(trial: Trial, *, name: bool = True) -> str:
    """NDCG@10 in words."""
    figure = f"NDCG@10 {trial.metrics['ndcg@10']:.4f}"
    return f"{trial.recipe.algorithm} {figure}" if name else figure
