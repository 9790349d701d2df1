"""Where few users answer, a blend's parts are asked on more cuts than one."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from recommendations.engine import algorithms, selection, several_cuts
from recommendations.engine.blending import Weighed
from recommendations.engine.cutting import Cut, cut
from recommendations.engine.model import Model, Recipe, TrainingFailed
from recommendations.engine.several_cuts import MOST_CUTS, ask_all, on_cuts
from recommendations.engine.trial import Trial
from recommendations.engine.trials import Trials
from recommendations.tests.engine.worlds import interactions, two_camps

RECIPES = [Recipe("judged_knn", {}), Recipe("item_knn", {})]
WORLD = two_camps(users=120)


def tried(**changed: Any) -> Trials:
    trials = Trials(WORLD, budget_seconds=600.0, seed=0, progress=None, blending=True)
    for name, value in changed.items():
        setattr(trials, name, value)
    return trials


def parts_of(trials: Trials) -> list[several_cuts.Part]:
    found: list[several_cuts.Part] = []
    for recipe in RECIPES:
        trial = trials.run(recipe)
        found.append((trial, trials.made(recipe)))
    return found


def test_parts_are_fitted_on_the_training_side_of_every_cut() -> None:
    trials = tried()
    parts = parts_of(trials)

    found = on_cuts(trials, parts, 0)

    assert len(found) == MOST_CUTS
    assert found[0].cut is trials.cut
    assert found[0].models == [model for _, model in parts]
    hidden = {each.cut.held_out.songs.tobytes() for each in found}
    assert len(hidden) == MOST_CUTS
    for each in found[1:]:
        for recipe, model in zip(RECIPES, each.models, strict=True):
            expected = algorithms.fit(recipe, each.cut.train)
            for name, array in model.arrays().items():
                assert np.array_equal(array, expected.arrays()[name])
    asked = ask_all(found, [0, 1], 0)
    alone = ask_all(found[:1], [0, 1], 0)
    assert len(asked.relevant) == MOST_CUTS * len(alone.relevant)
    assert ask_all(found, [1], 0).n_parts == 1


def test_who_are_many_are_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    trials = tried()
    parts = parts_of(trials)
    held = trials.cut.held_out
    users = len(np.unique(held.users[held.values > 0]))

    monkeypatch.setattr(several_cuts, "MOST_USERS", users)
    assert len(on_cuts(trials, parts, 0)) == 1
    monkeypatch.setattr(several_cuts, "MOST_USERS", 2 * users)
    assert len(on_cuts(trials, parts, 0)) == 2


def test_there_is_one_latest_past() -> None:
    rows = [(u, s, 1) for s in range(10) for u in range(600)]
    times = [1 + s * 600 + u for s in range(10) for u in range(600)]
    timed = cut(interactions(rows, users=600, songs=10, times=times))
    assert timed.kind == "time"

    assert len(on_cuts(tried(cut=timed), parts_of(tried()), 0)) == 1


def test_what_would_take_the_time_of_the_final_training_is_not_repeated() -> None:
    trials = tried()
    parts = parts_of(trials)
    assert trials.can_repeat(RECIPES)

    # What is left is what deciding, the blend's trial and the final training take.
    trials._ends = 0.0
    assert not trials.can_repeat(RECIPES)
    assert len(on_cuts(trials, parts, 0)) == 1


def test_a_part_that_another_cut_cannot_train_ends_the_repeating() -> None:
    trials = tried()
    parts = parts_of(trials)

    def fails(other: Cut, recipe: Recipe) -> Model:
        raise TrainingFailed("nothing to learn")

    trials.fit_on = fails  # type: ignore[method-assign]
    assert len(on_cuts(trials, parts, 0)) == 1


@pytest.mark.parametrize(("gain", "helps"), [(0.006, True), (0.004, False)])
def test_several_cuts_say_whether_a_blend_helps(
    monkeypatch: pytest.MonkeyPatch, gain: float, helps: bool
) -> None:
    trials = tried()
    parts_of(trials)
    monkeypatch.setattr(selection, "weigh", lambda _: Weighed([1.0, 0.5], gain))

    assert selection._try_blend(trials, 0) is helps


def test_what_several_cuts_say_goes_before_the_one_of_the_trials() -> None:
    def scored(algorithm: str, score: float) -> Trial:
        return Trial(Recipe(algorithm, {}), {"ndcg@10": score, "ndcg@100": 0.0})

    def chosen(helps: bool | None, *, blend: float, alone: float) -> str:
        by_kind = {True: scored("blend", blend), False: scored("item_knn", alone)}
        trials = SimpleNamespace(best_in_time=lambda blends: by_kind[blends])
        found = selection._best(trials, "auto", helps)  # type: ignore[arg-type]
        assert found is not None
        return found.recipe.algorithm

    assert chosen(True, blend=0.1, alone=0.2) == "blend"
    assert chosen(False, blend=0.2, alone=0.1) == "item_knn"
    assert chosen(None, blend=0.2, alone=0.1) == "blend"
    assert chosen(None, blend=0.1004, alone=0.1) == "item_knn"
