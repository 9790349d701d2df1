"""Whether lists of a model are made within the time that a request may take."""

from collections.abc import Callable
from typing import Final

import numpy as np

from recommendations.engine.cutting import Cut
from recommendations.engine.model import Model, Recipe
from recommendations.engine.score_time import score_microseconds
from recommendations.engine.trial import key

# Users whose lists are timed, and how often each: the fastest of the repeats counts.
TIMED_USERS: Final = 200
TIMED_REPEATS: Final = 3


class ServingBudget:
    """What a list may take, each recipe timed once on the users who are asked about the cut.

    microseconds: of 99 of 100 lists; None for as long as they take. slow: what took longer, in
    words.
    """

    def __init__(self, microseconds: float | None, on: Cut, *, seed: int) -> None:
        self.slow: list[str] = []
        self._allowed, self._on, self._seed = microseconds, on, seed
        self._known: dict[str, bool] = {}

    def allows(self, recipe: Recipe, made: Callable[[], Model]) -> bool:
        """Whether 99 of 100 lists take no longer; ``made`` gives the model where it is timed."""
        if self._allowed is None:
            return True
        name = key(recipe)
        if name not in self._known:
            taken = self._microseconds(made())
            self._known[name] = taken <= self._allowed
            if taken > self._allowed:
                told = f"{recipe.algorithm} was left out (a list takes {taken:.0f} µs"
                self.slow.append(f"{told}, {self._allowed:.0f} are allowed)")
        return self._known[name]

    def _microseconds(self, model: Model) -> float:
        found = score_microseconds(
            model,
            self._on.train,
            np.unique(self._on.held_out.users),
            seed=self._seed,
            most_users=TIMED_USERS,
            repeats=TIMED_REPEATS,
        )
        return found.get("p99", 0.0)
