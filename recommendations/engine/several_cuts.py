"""Asking on several cuts where few users answer: one alone says too little of them.

Some hundred users have some thousand songs held back, and what is best for these need not be for
the next. Drawing other songs of the same users, and fitting again without them, multiplies what is
asked; that is cheap where users are few. The weights of a blend are found so, by the users who
choose, and what goes live is decided so, by those who decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from recommendations.engine.blend_questions import MOST_USERS, Asked, ask, together
from recommendations.engine.cutting import Cut, cut_again
from recommendations.engine.model import Model, Recipe, TrainingFailed
from recommendations.engine.trial import PerUser, Trial, key
from recommendations.engine.trials import Trials

MOST_CUTS: Final = 4

Part = tuple[Trial, Model]


@dataclass(frozen=True)
class Fitted:
    """A cut, and the model of each part on its training side."""

    cut: Cut
    models: list[Model]


def on_cuts(trials: Trials, parts: Sequence[Part], seed: int) -> list[Fitted]:
    """The parts on the cut of the trials, and on others as far as they are needed and time lasts.

    A cut by time is the only one: there is one latest past.
    """
    held = trials.cut.held_out
    users = len(np.unique(held.users[held.values > 0]))
    found = [Fitted(trials.cut, [model for _, model in parts])]
    recipes = [trial.recipe for trial, _ in parts]
    while _too_few(trials.cut, users, len(found)) and trials.can_repeat(recipes):
        other = cut_again(trials.cut, seed=seed + len(found))
        try:
            found.append(Fitted(other, [trials.fit_on(other, recipe) for recipe in recipes]))
        except TrainingFailed:
            break
    return found


def ask_all(fitted: Sequence[Fitted], parts: Sequence[int], seed: int) -> Asked:
    """What these of the parts, by their places, say of all that the cuts held back."""
    return together([ask([each.models[part] for part in parts], each.cut, seed) for each in fitted])


def decide(
    trials: Trials, recipes: Sequence[Recipe], chosen: Recipe, seed: int
) -> tuple[list[PerUser], int]:
    """What the deciding users say of each recipe, and on how many cuts they were asked.

    Of each user the mean over all of them: those who are asked are the same on each.
    """
    distinct = {key(each): each for each in recipes}
    said = {name: [trials.decide(each)] for name, each in distinct.items()}
    users, cuts = len(said[key(chosen)][0]["ndcg@10"]), 1
    while _too_few(trials.cut, users, cuts) and trials.can_decide_again(distinct.values(), chosen):
        other = trials.deciding_again(seed + cuts)
        try:
            more = {name: trials.decide_on(other, each) for name, each in distinct.items()}
        except TrainingFailed:
            break
        for name, found in more.items():
            said[name].append(found)
        cuts += 1
    return [_means(said[key(each)]) for each in recipes], cuts


def _too_few(cut: Cut, users: int, cuts: int) -> bool:
    """Whether so many users on so many cuts say too little, and another can be made."""
    return cut.kind == "random" and cuts < min(MOST_CUTS, MOST_USERS / max(1, users))


def _means(said: Sequence[PerUser]) -> PerUser:
    """Of each metric each user's mean over the cuts."""
    return {name: np.mean([each[name] for each in said], axis=0) for name in said[0]}
