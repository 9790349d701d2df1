"""The search for parameters: how far it steps, over scores that a test gives."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from recommendations.engine import searching
from recommendations.engine.model import Recipe
from recommendations.engine.searching import search
from recommendations.engine.trial import Trial


class GivenScores:
    """Trials of which nothing is trained: a function of the parameters says how each did."""

    def __init__(self, score: Callable[[dict[str, Any]], float]) -> None:
        self._score = score
        self.cut = SimpleNamespace(train=SimpleNamespace(share_of_dislikes=0.0))
        self.done: list[Trial] = []

    def run(self, recipe: Recipe, *, whatever_it_takes: bool = False) -> Trial:
        half = self._score(recipe.parameters) / 2
        self.done.append(Trial(recipe, {"ndcg@10": half, "ndcg@100": half}))
        return self.done[-1]

    def best(self, _algorithm: str) -> Trial:
        return max(self.done, key=lambda trial: trial.score)

    def rivals(self, _algorithm: str) -> list[Trial]:
        return []


@pytest.fixture(autouse=True)
def two_axes(monkeypatch: pytest.MonkeyPatch) -> None:
    axes = {"regularisation": (0.0005, 0.0015, 0.005), "factors": (128, 256, 512)}
    monkeypatch.setattr(searching, "AXES", {"ials": axes})


def tried(name: str, gain: float) -> list[Any]:
    """The values of a parameter that are tried where each step up gains this part of the score."""
    steps = {value: at for at, value in enumerate(searching.AXES["ials"][name])}
    trials = GivenScores(lambda given: (1 + gain) ** steps[given[name]])
    search(trials, "ials", seed=0)  # type: ignore[arg-type]
    return sorted({trial.recipe.parameters[name] for trial in trials.done})


def test_a_step_is_taken_for_a_gain_over_three_in_a_thousand() -> None:
    assert tried("regularisation", gain=0.002) == [0.0005, 0.0015]
    assert tried("regularisation", gain=0.004) == [0.0005, 0.0015, 0.005]


def test_twice_the_factors_must_gain_over_one_in_a_hundred() -> None:
    assert tried("factors", gain=0.009) == [128, 256]
    assert tried("factors", gain=0.011) == [128, 256, 512]
