"""Where few users answer, they are asked on more cuts than one."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from recommendations.engine import selection, several_cuts, trying_blends
from recommendations.engine.blend_questions import Said, ask
from recommendations.engine.blend_training import blend_recipe
from recommendations.engine.blending import Weighed
from recommendations.engine.cutting import Cut, cut_again
from recommendations.engine.model import Model, Recipe, TrainingFailed
from recommendations.engine.several_cuts import MOST_CUTS, ask_again, decide
from recommendations.engine.trial import Trial, key
from recommendations.engine.trials import Trials
from recommendations.engine.trying_blends import Blended, try_blend
from recommendations.tests.engine.worlds import two_camps

RECIPES = [Recipe("judged_knn", {}), Recipe("item_knn", {})]
WORLD = two_camps(users=120)


def begun(**changed: Any) -> Trials:
    """The recipes are tried."""
    found = Trials(WORLD, budget_seconds=600.0, seed=0, progress=None, blending=True)
    for recipe in RECIPES:
        found.run(recipe)
    for name, value in changed.items():
        setattr(found, name, value)
    return found


def first_of(tried: Trials) -> Said:
    return ask([tried.made(recipe) for recipe in RECIPES], tried.cut, 0)


def test_parts_are_asked_on_other_cuts_by_models_that_were_fitted_there() -> None:
    tried = begun()

    asked, cuts = ask_again(tried, RECIPES, first_of(tried), 0)

    assert cuts == MOST_CUTS
    expected = [first_of(tried)]
    for seed in range(1, MOST_CUTS):
        other = cut_again(tried.cut, seed=seed)
        expected.append(ask([tried.fit_on(other, recipe) for recipe in RECIPES], other, 0))
    for weights in (np.array([1.0, 0.0]), np.array([1.0, 0.7])):
        ranked = np.concatenate([each._ranked(weights) for each in expected])
        assert asked._ranked(weights).tolist() == ranked.tolist()
    assert asked.of([1]).worth(np.ones(1)) == asked.worth(np.array([0.0, 1.0]))


def test_who_are_many_are_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = begun()
    first = first_of(tried)
    for users, cuts in ((1.0, 1), (1.4, 1), (1.6, 2), (2.6, 3), (100.0, MOST_CUTS)):
        monkeypatch.setattr(several_cuts, "MOST_USERS", users * len(first.relevant))
        assert ask_again(tried, RECIPES, first, 0)[1] == cuts


def test_there_is_one_latest_past() -> None:
    timed = replace(begun().cut, kind="time")

    assert ask_again(begun(cut=timed), RECIPES, first_of(begun()), 0)[1] == 1
    assert decide(begun(cut=timed), RECIPES, RECIPES[0], 0)[1] == 1


def test_where_another_cut_cannot_be_trained_on_the_first_alone_counts() -> None:
    tried = begun()
    once = tried.decide(RECIPES[0])

    def fails(other: Cut, recipe: Recipe) -> Model:
        raise TrainingFailed("nothing to learn")

    tried.fit_on = fails  # type: ignore[method-assign]
    assert ask_again(tried, RECIPES, first_of(tried), 0)[1] == 1
    said, cuts = decide(tried, RECIPES, RECIPES[0], 0)
    assert cuts == 1
    assert np.array_equal(said[0]["ndcg@10"], once["ndcg@10"])


def test_who_decides_answers_by_the_mean_of_several_cuts() -> None:
    tried = begun()
    blend = blend_recipe([(RECIPES[0], 1.0), (RECIPES[1], 0.5)], 0)
    tried.run(blend)
    others = [tried.deciding_again(MOST_CUTS + cuts) for cuts in range(1, MOST_CUTS)]
    recipes = [*RECIPES, blend, RECIPES[0]]

    said, cuts = decide(tried, recipes, blend, 0)

    assert cuts == MOST_CUTS
    for recipe, found in zip(recipes, said, strict=True):
        each = [tried.decide(recipe)]
        each += [tried.decide_on(other, tried.fit_on(other, recipe)) for other in others]
        for name in ("ndcg@10", "auc"):
            means = np.mean([one[name] for one in each], axis=0)
            assert np.allclose(found[name], means, equal_nan=True)
    assert decide(tried, recipes, blend, 0, most_cuts=1)[1] == 1


def test_what_recipes_share_is_fitted_once_on_each_cut() -> None:
    tried = begun()
    blend = blend_recipe([(RECIPES[0], 1.0), (RECIPES[1], 0.5)], 0)
    tried.run(blend)
    fitted: list[str] = []
    fit_on = tried.fit_on

    def counted(other: Cut, recipe: Recipe) -> Model:
        fitted.append(key(recipe))
        return fit_on(other, recipe)

    tried.fit_on = counted  # type: ignore[method-assign]
    _, cuts = decide(tried, [*RECIPES, blend], blend, 0)

    assert sorted(fitted) == sorted(key(each) for each in RECIPES * (cuts - 1))


def test_who_decides_is_asked_about_nobody_else_on_any_cut() -> None:
    tried = begun()
    again = tried.deciding_again(1)

    assert len(again.held_out.users)
    assert not np.isin(again.held_out.users, tried.cut.held_out.users).any()
    # What those who choose are asked about is not learnt from on these cuts either.
    chosen = zip(tried.cut.held_out.users, tried.cut.held_out.songs, strict=True)
    assert not set(chosen) & set(zip(again.train.users, again.train.songs, strict=True))


def test_the_best_that_was_live_is_so_by_those_who_decide() -> None:
    tried = begun()
    before = [tried.run(recipe) for recipe in RECIPES]
    means = {key(each.recipe): tried.decide(each.recipe)["ndcg@10"].mean() for each in before}

    leader = selection._leader(tried, before)

    assert leader is not None
    assert means[key(leader.recipe)] == max(means.values())
    assert selection._leader(tried, [Trial(RECIPES[0], left_out="no time")]) is None


@pytest.mark.parametrize(("gain", "helps"), [(1.006, True), (1.004, False)])
def test_several_cuts_say_whether_a_blend_helps(
    monkeypatch: pytest.MonkeyPatch, gain: float, helps: bool
) -> None:
    tried = begun()
    asked, _ = ask_again(tried, RECIPES, first_of(tried), 0)
    best = max(asked.worth(np.array([1.0, 0.0])), asked.worth(np.array([0.0, 1.0])))
    monkeypatch.setattr("recommendations.engine.blending.GOOD", 0.0)
    monkeypatch.setattr(trying_blends, "weigh", lambda _: Weighed([1.0, 0.5], gain * best))

    found = try_blend(tried, 0)

    assert found is not None
    assert found.helps is helps
    assert found.trial.measured


def test_a_blend_is_held_against_parts_that_answer_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = begun()
    asked, _ = ask_again(tried, RECIPES, first_of(tried), 0)
    worse = min(asked.worth(np.array([1.0, 0.0])), asked.worth(np.array([0.0, 1.0])))
    better = tried.kept()[0][0]
    monkeypatch.setattr("recommendations.engine.blending.GOOD", 0.0)
    monkeypatch.setattr(trying_blends, "weigh", lambda _: Weighed([1.0, 0.5], 1.01 * worse))
    assert (found := try_blend(tried, 0)) is not None
    assert found.helps is False

    tried.in_time = lambda trial: trial is not better  # type: ignore[method-assign]
    assert (found := try_blend(tried, 0)) is not None
    assert found.helps is True


def scored(algorithm: str, score: float) -> Trial:
    return Trial(Recipe(algorithm, {}), {"ndcg@10": score, "ndcg@100": 0.0})


def test_what_several_cuts_say_of_a_blend_goes_before_the_trials_one() -> None:
    def chosen(helps: bool | None, *, blend: float, alone: float) -> str:
        by_kind = {True: scored("blend", blend), False: scored("item_knn", alone)}
        tried = SimpleNamespace(best_in_time=lambda blends: by_kind[blends])
        found = selection._best(tried, "auto", Blended(by_kind[True], helps))  # type: ignore[arg-type]
        assert found is not None
        return found.recipe.algorithm

    assert chosen(True, blend=0.1, alone=0.2) == "blend"
    assert chosen(False, blend=0.2, alone=0.1) == "item_knn"
    assert chosen(None, blend=0.2, alone=0.1) == "blend"
    assert chosen(None, blend=0.1004, alone=0.1) == "item_knn"


@pytest.mark.parametrize("helps", [True, False])
def test_what_they_say_is_of_that_blend_and_not_of_the_live_one(helps: bool) -> None:
    weighed, live, alone = scored("blend", 0.15), scored("blend", 0.2), scored("item_knn", 0.1)
    tried = SimpleNamespace(best_in_time=lambda blends: live if blends else alone)

    found = selection._best(tried, "auto", Blended(weighed, helps))  # type: ignore[arg-type]

    assert found is (weighed if helps else live)
