"""Where few users answer, a blend's parts are asked on more cuts than one."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from recommendations.engine import algorithms, selection, several_cuts
from recommendations.engine.blending import Weighed
from recommendations.engine.cutting import Cut, cut
from recommendations.engine.model import Model, Recipe, TrainingFailed
from recommendations.engine.several_cuts import MOST_CUTS, ask_all, decide, on_cuts
from recommendations.engine.trial import Trial, key
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


def test_who_decides_is_asked_on_several_cuts_and_answers_by_the_mean() -> None:
    trials = tried()
    parts_of(trials)
    first = {recipe.algorithm: trials.decide(recipe) for recipe in RECIPES}
    others = [trials.deciding_again(seed) for seed in range(1, MOST_CUTS)]

    (judged, items, same), cuts = decide(trials, [*RECIPES, RECIPES[0]], RECIPES[0], 0)

    assert cuts == MOST_CUTS
    for recipe, said in zip(RECIPES, (judged, items), strict=True):
        each = [first[recipe.algorithm], *(trials.decide_on(other, recipe) for other in others)]
        for name in ("ndcg@10", "auc"):
            means = np.mean([one[name] for one in each], axis=0)
            assert np.allclose(said[name], means, equal_nan=True)
    assert np.allclose(judged["ndcg@10"], same["ndcg@10"])


def test_who_decides_is_asked_about_nobody_else_on_any_cut() -> None:
    trials = tried()
    deciding = set(trials.deciding_again(1).held_out.users.tolist())

    assert deciding
    assert not deciding & set(trials.cut.held_out.users.tolist())
    # What those who choose are asked about is not learnt from on these cuts either.
    chosen = zip(trials.cut.held_out.users, trials.cut.held_out.songs, strict=True)
    train = trials.deciding_again(1).train
    assert not set(chosen) & set(zip(train.users, train.songs, strict=True))


def test_recipes_are_decided_on_one_cut_where_time_is_short_or_another_fails() -> None:
    trials = tried()
    parts_of(trials)
    once = trials.decide(RECIPES[0])

    def fails(other: Cut, recipe: Recipe) -> Model:
        raise TrainingFailed("nothing to learn")

    trials.fit_on = fails  # type: ignore[method-assign]
    said, cuts = decide(trials, RECIPES, RECIPES[0], 0)
    assert cuts == 1
    assert np.array_equal(said[0]["ndcg@10"], once["ndcg@10"])

    late = tried(_ends=0.0)
    parts_of(late)
    assert decide(late, RECIPES, RECIPES[0], 0)[1] == 1


def test_the_best_that_was_live_is_so_by_those_who_decide() -> None:
    trials = tried()
    by_choosers = [trial for trial, _ in parts_of(trials)]
    means = {key(each.recipe): trials.decide(each.recipe)["ndcg@10"].mean() for each in by_choosers}

    leader = selection._leader(trials, by_choosers)

    assert leader is not None
    assert means[key(leader.recipe)] == max(means.values())
    assert selection._leader(trials, [Trial(RECIPES[0], left_out="no time")]) is None
