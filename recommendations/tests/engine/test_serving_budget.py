"""What is chosen answers within the time that a request may take."""

from collections.abc import Callable
from typing import Any

import pytest

from recommendations.engine import algorithms, serving_budget, trying_blends
from recommendations.engine.interactions import Interactions
from recommendations.engine.model import Recipe
from recommendations.engine.selection import Choice, choose
from recommendations.engine.trial import Trial
from recommendations.tests.engine.worlds import listeners_with_taste

AXES = {"local_ridge": {"ridge": (30.0,)}, "ials": {"factors": (4, 8)}}
ALLOWED = 1_000.0


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Interactions:
    """Two kinds of models, and a blend takes all of them whatever they are worth together."""
    monkeypatch.setattr("recommendations.engine.blending.GOOD", 0.0)
    monkeypatch.setattr("recommendations.engine.blending.LEAST_MISSED", -1.0)
    monkeypatch.setattr("recommendations.engine.trying_blends.LEAST_BLEND_GAIN", -1.0)
    monkeypatch.setattr(trying_blends, "_not_past_the_best", lambda kept: kept)
    monkeypatch.setattr("recommendations.engine.searching.LEAST_GAINS", {"factors": -1.0})
    for module in ("selection", "searching"):
        monkeypatch.setattr(f"recommendations.engine.{module}.AXES", AXES)
    default = algorithms.defaults

    def few_factors(algorithm: str) -> dict[str, Any]:
        return default(algorithm) | ({"factors": 4} if algorithm == "ials" else {})

    monkeypatch.setattr(algorithms, "defaults", few_factors)
    monkeypatch.setattr(Trial, "better_than", lambda *_: True)
    return listeners_with_taste(users=300, songs=80, groups=8, dislikes=False)


def chosen(
    world: Interactions,
    monkeypatch: pytest.MonkeyPatch,
    taken: Callable[[Any], float],
    **options: Any,
) -> Choice:
    monkeypatch.setattr(
        serving_budget, "score_microseconds", lambda model, *_, **__: {"p99": taken(model)}
    )
    options = {"serving_microseconds": ALLOWED} | options
    return choose(world, budget_seconds=60.0, **options)


def factors_of(recipe: Recipe) -> list[int]:
    return sorted(part[1].get("factors", 0) for part in recipe.parameters.get("parts", []))


def test_within_the_budget_a_blend_has_all_its_parts(
    world: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = chosen(world, monkeypatch, lambda _: ALLOWED)

    assert factors_of(choice.recipe) == [0, 4, 8]
    assert "are allowed" not in choice.reason


def test_a_blend_that_takes_too_long_gives_up_its_part_of_most_factors(
    world: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = chosen(world, monkeypatch, lambda model: 600.0 * len(getattr(model, "dear", ())))

    assert factors_of(choice.recipe) == [0, 4]
    assert "blend was left out (a list takes 1200 µs, 1000 are allowed)" in choice.reason


def test_what_is_too_slow_alone_leaves_its_place_to_the_next(
    world: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow_but_the_ridge(model: Any) -> float:
        return 0.0 if model.algorithm == "local_ridge" else 2_000.0

    assert chosen(world, monkeypatch, slow_but_the_ridge).recipe.algorithm == "local_ridge"


def test_what_is_named_may_take_its_time(
    world: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = chosen(world, monkeypatch, lambda _: 2_000.0, algorithm="ials")

    assert choice.recipe.algorithm == "ials"


def test_without_a_budget_nothing_is_timed(
    world: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def timed(_: Any) -> float:
        raise AssertionError

    choice = chosen(world, monkeypatch, timed, serving_microseconds=None)

    assert choice.recipe.algorithm == "blend"


def test_lists_are_timed_by_the_processor(world: Interactions) -> None:
    assert choose(world, budget_seconds=60.0, serving_microseconds=1e9).recipe.algorithm == "blend"
    slow = choose(world, budget_seconds=60.0, serving_microseconds=1e-3)

    assert slow.recipe.algorithm != "blend"
    assert "µs, 0 are allowed)" in slow.reason
