"""Stopped trainings: what they finished is not done again, and they end as if never stopped."""

import numpy as np
import pytest

from recommendations.engine import algorithms, local_solving, neighbours
from recommendations.engine.checkpoints import Checkpoints, Within
from recommendations.engine.model import Model, Recipe
from recommendations.tests.engine.in_memory import Kept
from recommendations.tests.engine.worlds import listeners_with_taste

WORLD = listeners_with_taste(users=120, songs=60)
FACTORS = {"factors": 4, "epochs": 6}
RECIPES = {
    "local_ridge": Recipe("local_ridge", {"neighbours": 8}, 3),
    "ials": Recipe("ials", FACTORS, 3),
    "blend": Recipe(
        "blend",
        {"parts": [["item_knn", {}, 1.0], ["local_ridge", {}, 1.0], ["ials", FACTORS, 1.0]]},
    ),
}


class Stopped(Exception):
    """The training was stopped here."""


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of a few songs, solved alone and together."""
    monkeypatch.setattr(neighbours, "_PIECE", 16)
    monkeypatch.setattr(local_solving, "_PIECE", 8)
    monkeypatch.setattr(local_solving, "MOST_TOGETHER", 24)


def trained(recipe: Recipe, kept: Checkpoints | None = None, *, stop_after: int = 0) -> Model:
    """Train, and stop at so many reports of progress."""
    reports = 0

    def report(what: str, share: float) -> None:
        nonlocal reports
        reports += 1
        if reports == stop_after:
            raise Stopped

    return algorithms.fit(recipe, WORLD, report, kept)


@pytest.mark.parametrize(
    ("name", "stops"), [("local_ridge", (3, 6)), ("ials", (3, 2)), ("blend", (10, 4))]
)
def test_a_stopped_training_goes_on_where_it_was_and_ends_the_same_to_the_bit(
    name: str, stops: tuple[int, int]
) -> None:
    recipe = RECIPES[name]
    whole, kept = Kept(), Kept()
    expected = trained(recipe, whole)
    for stop_after in stops:
        with pytest.raises(Stopped):
            trained(recipe, kept, stop_after=stop_after)
    before = len(kept.saved)

    model = trained(recipe, kept)

    assert 0 < before < len(whole.saved)
    # Nothing was made twice.
    assert kept.saved == whole.saved
    for each, array in trained(recipe).arrays().items():
        assert np.array_equal(expected.arrays()[each], array), each
        assert np.array_equal(model.arrays()[each], array), each


def test_a_part_of_a_blend_that_is_finished_is_not_trained_again() -> None:
    kept = Kept()
    trained(RECIPES["blend"], kept)
    saved = list(kept.saved)

    trained(RECIPES["blend"], kept)

    assert kept.saved == saved
    assert {name for name in saved if name.endswith("whole")} == {
        "part-0.whole",
        "part-1.whole",
        "part-2.whole",
    }


def test_the_parts_of_a_whole_do_not_mix_their_names() -> None:
    kept = Kept()
    Within(kept, "a").save("x", {"n": np.arange(2)})

    assert Within(kept, "b").load("x") is None
    assert Within(kept, "a").load("x") is not None
