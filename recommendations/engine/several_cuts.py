"""Asking on several cuts where few users answer: one alone says too little of them.

Some hundred users have some thousand songs held back, and what is best for these need not be for
the next. Drawing other songs of the same users, and fitting again without them, multiplies what is
asked; that is cheap where users are few. The weights of a blend are found so, by the users who
choose, and what goes live is decided so, by those who decide.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from recommendations.engine.blend_questions import MOST_USERS, Said, ask, together
from recommendations.engine.blend_training import blend_of, parts_of
from recommendations.engine.cutting import Cut, cut_again
from recommendations.engine.model import Model, Recipe, TrainingFailed
from recommendations.engine.trial import PerUser, key
from recommendations.engine.trials import Trials

MOST_CUTS: Final = 4


def ask_again(
    trials: Trials, recipes: Sequence[Recipe], first: Said, seed: int
) -> tuple[Said, int]:
    """What parts of a blend say on the trials' cut, given first, and on others; how many these are.

    As many as are needed and time lasts. A cut by time is the only one: there is one latest past.
    """
    said = [first]
    users, budget = len(first.relevant), trials.budget
    while _too_few(trials.cut, users, len(said)) and budget.can_repeat(recipes):
        other = cut_again(trials.cut, seed=seed + len(said))
        try:
            models = [trials.fit_on(other, recipe) for recipe in recipes]
        except TrainingFailed:
            break
        said.append(ask(models, other, seed))
    return together(said), len(said)


def decide(
    trials: Trials,
    recipes: Sequence[Recipe],
    chosen: Recipe,
    seed: int,
    *,
    most_cuts: int = MOST_CUTS,
) -> tuple[list[PerUser], int]:
    """What the deciding users say of each recipe, and on how many cuts they were asked.

    Of each user the mean over all of them: those who are asked are the same on each. Where too
    few could be parted they chose as well, so that the cuts are others than those of the weights.
    """
    distinct = {key(each): each for each in recipes}
    said = {name: [trials.decide(each)] for name, each in distinct.items()}
    users, cuts = len(said[key(chosen)][0]["ndcg@10"]), 1
    while (
        cuts < most_cuts
        and _too_few(trials.cut, users, cuts)
        and trials.budget.can_decide_again(list(distinct.values()), chosen)
    ):
        other = trials.deciding_again(seed + MOST_CUTS + cuts)
        try:
            fitted = _fitted_on(trials, other, distinct.values())
        except TrainingFailed:
            break
        for name, model in fitted.items():
            said[name].append(trials.decide_on(other, model))
        cuts += 1
    return [_means(said[key(each)]) for each in recipes], cuts


def _fitted_on(trials: Trials, other: Cut, recipes: Iterable[Recipe]) -> dict[str, Model]:
    """Each recipe's model by its key, what several share fitted once. Raises TrainingFailed."""
    known: dict[str, Model] = {}

    def fitted(recipe: Recipe) -> Model:
        if key(recipe) not in known:
            known[key(recipe)] = made(recipe)
        return known[key(recipe)]

    def made(recipe: Recipe) -> Model:
        if not (parts := parts_of(recipe)):
            return trials.fit_on(other, recipe)
        weights = [weight for *_, weight in recipe.parameters["parts"]]
        return blend_of([fitted(part) for part in parts], weights, other.train, recipe.seed)

    return {key(recipe): fitted(recipe) for recipe in recipes}


def _too_few(cut: Cut, users: int, cuts: int) -> bool:
    """Whether so many users on so many cuts say too little, and another can be made."""
    return cut.kind == "random" and cuts < MOST_CUTS and (cuts + 0.5) * users <= MOST_USERS


def _means(said: Sequence[PerUser]) -> PerUser:
    """Of each metric each user's mean over the cuts."""
    return {name: np.mean([each[name] for each in said], axis=0) for name in said[0]}
