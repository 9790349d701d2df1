"""The best of each kind together: which of them, what each weighs, and whether that helps."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from recommendations.engine.blend_questions import Said, ask
from recommendations.engine.blend_training import blend_recipe
from recommendations.engine.blending import good, weigh
from recommendations.engine.item_model import ItemModel
from recommendations.engine.model import Model
from recommendations.engine.several_cuts import ask_again
from recommendations.engine.trial import Trial
from recommendations.engine.trials import Trials

# What a blend must gain over its best part to be worth its requests' time.
LEAST_BLEND_GAIN: Final = 0.005

Part = tuple[Trial, Model]


@dataclass(frozen=True, slots=True)
class Blended:
    """A blend that was tried.

    helps: whether several cuts say that it is clearly better than its parts; None where there was
    one, and its trial tells.
    """

    trial: Trial
    helps: bool | None


def try_blend(trials: Trials, seed: int) -> Blended | None:
    """Try a blend of the best of each kind, by what was held back of those who choose.

    What answers too late gives up its part of most factors. None where one part is as good as all.
    """
    parts = _not_past_the_best(trials.kept())
    # An item model comes first: it says which songs are looked at.
    parts.sort(key=lambda each: not isinstance(each[1], ItemModel))
    if len(parts) < 2 or not isinstance(parts[0][1], ItemModel):
        return None
    asked, parts, cuts = _asked(trials, parts, seed)
    left = list(range(len(parts)))
    while True:
        weighed = weigh(asked.of(left))
        weights = {part: w for part, w in zip(left, weighed.weights, strict=True) if w}
        if len(weights) < 2:
            return None
        blended = trials.run(
            blend_recipe([(parts[part][0].recipe, w) for part, w in weights.items()], seed)
        )
        # Item models are added up into one: only those of factors can be saved.
        dear = [part for part in weights if not isinstance(parts[part][1], ItemModel)]
        if not blended.measured:
            return None
        if trials.in_time(blended) or not dear:
            helps = _helps(trials, parts, asked, weighed.worth) if cuts > 1 else None
            return Blended(blended, helps)
        left.remove(max(dear, key=lambda part: parts[part][0].recipe.parameters.get("factors", 0)))


def _asked(trials: Trials, parts: list[Part], seed: int) -> tuple[Said, list[Part], int]:
    """What those that are good alone say, on as many cuts as it takes, and how many these are."""
    first = ask([model for _, model in parts], trials.cut, seed)
    places = good(first)
    parts = [parts[place] for place in places]
    if len(parts) == 1:
        return first.of(places), parts, 1
    asked, cuts = ask_again(trials, [trial.recipe for trial, _ in parts], first.of(places), seed)
    return asked, parts, cuts


def _helps(trials: Trials, parts: list[Part], asked: Said, worth: float) -> bool:
    """Whether it is worth clearly more than the best part that answers in time alone."""
    alone = [asked.worth(one) for one in np.eye(len(parts))]
    best_first = np.argsort(alone)[::-1].tolist()
    best = next((alone[part] for part in best_first if trials.in_time(parts[part][0])), 0.0)
    return worth > best * (1 + LEAST_BLEND_GAIN)


def _not_past_the_best(kept: list[Part]) -> list[Part]:
    """Without those of more factors than the best of their algorithm: dear, and no gain."""
    most: dict[str, int] = {}
    for trial, _ in kept:  # the best first
        most.setdefault(trial.recipe.algorithm, trial.recipe.parameters.get("factors", 0))
    return [
        (trial, model)
        for trial, model in kept
        if trial.recipe.parameters.get("factors", 0) <= most[trial.recipe.algorithm]
    ]
