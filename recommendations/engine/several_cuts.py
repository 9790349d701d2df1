"""The parts of a blend on several cuts, where few users answer: one alone says too little of them.

Some hundred users have some thousand songs held back, and weights that are best for these need
not be for the next. Drawing other songs of the same users, and fitting the parts again without
them, multiplies what is asked; that is cheap where users are few.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from recommendations.engine.blend_questions import MOST_USERS, Asked, ask, together
from recommendations.engine.cutting import Cut, cut_again
from recommendations.engine.model import Model, TrainingFailed
from recommendations.engine.trial import Trial
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
    while (
        trials.cut.kind == "random"
        and len(found) < min(MOST_CUTS, MOST_USERS / max(1, users))
        and trials.can_repeat(recipes)
    ):
        other = cut_again(trials.cut, seed=seed + len(found))
        try:
            found.append(Fitted(other, [trials.fit_on(other, recipe) for recipe in recipes]))
        except TrainingFailed:
            break
    return found


def ask_all(fitted: Sequence[Fitted], parts: Sequence[int], seed: int) -> Asked:
    """What these of the parts, by their places, say of all that the cuts held back."""
    return together([ask([each.models[part] for part in parts], each.cut, seed) for each in fitted])
