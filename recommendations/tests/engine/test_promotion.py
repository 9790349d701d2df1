"""What a challenger has to stand up to, by the users who decide."""

import json
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from recommendations.engine import promotion
from recommendations.engine.model import Recipe
from recommendations.engine.promotion import Asked, Standing, Verdict, fall_back, judge

MANY, FEW = 600, promotion.ENOUGH_USERS - 1


def taste(users: int = MANY, *, seed: int = 0) -> npt.NDArray[np.float64]:
    """What a good model is worth to each user: 0.2 in the mean, very different among them."""
    return np.random.default_rng(seed).gamma(1.0, 0.2, users)


def asked(name: str, values: npt.NDArray[np.float64]) -> Asked:
    """A recipe that is told from others by its name alone."""
    return Asked(Recipe("popularity" if name == "popularity" else "ials", {"name": name}), values)


def standing(
    live: Asked | None, *last: Asked, users: int = MANY, popularity: float = 0.3
) -> Standing:
    """Popularity at this part of what the good model is worth, and what was live."""
    best = max(last, key=lambda each: each.mean, default=None)
    return Standing(asked("popularity", taste(users) * popularity), live, best)


def judged(challenger: Asked, live: Asked | None, *last: Asked, users: int = MANY) -> Verdict:
    return judge(challenger, standing(live, *last, users=users), seed=0)


def test_a_challenger_that_is_the_live_recipe_goes_live() -> None:
    live = asked("live", taste())

    found = judged(live, live)

    assert (found.promote, found.recipe) == (True, live.recipe)
    assert "the live procedure, trained on the data as they are now" in found.reason


def test_one_that_answers_as_the_live_recipe_does_goes_live() -> None:
    assert judged(asked("new", taste()), asked("live", taste())).promote


def test_one_that_is_clearly_worse_is_refused_and_the_reason_has_the_figures() -> None:
    found = judged(asked("new", taste() * 0.9), asked("live", taste()))

    assert (found.promote, found.recipe.parameters) == (False, {"name": "new"})
    assert "over 1% of what the live procedure is worth could be lost" in found.reason
    live = found.record["guards"][1]
    assert f"live ials ({live['ndcg@10']:.4f}) {live['delta']:+.4f}" in found.reason


def test_the_interval_decides_and_not_the_difference() -> None:
    # A thousandth better in the mean, and as uncertain as users who find other songs make it.
    noise = np.random.default_rng(1).normal(0, 0.2, MANY)
    close, loose = taste() * 1.001, taste() * 1.001 + noise - noise.mean()

    assert judged(asked("new", close), asked("live", taste())).promote
    assert not judged(asked("new", loose), asked("live", taste())).promote


@pytest.mark.parametrize(("part", "passes"), [(0.991, True), (0.989, False)])
def test_one_percent_may_be_lost_to_the_live_recipe(part: float, passes: bool) -> None:
    # Lost by each user alike, so that there is no uncertainty.
    live = np.full(MANY, 0.2)

    assert judged(asked("new", live * part), asked("live", live)).promote is passes


@pytest.mark.parametrize(("part", "passes"), [(0.981, True), (0.979, False)])
def test_two_percent_may_be_lost_to_the_best_of_the_last(part: float, passes: bool) -> None:
    best, live = np.full(MANY, 0.2), np.full(MANY, 0.197)

    found = judged(
        asked("new", best * part), asked("live", live), asked("worse", live), asked("best", best)
    )

    assert found.promote is passes
    [guard] = [each for each in found.record["guards"] if each["against"] == promotion.BEST]
    assert (guard["parameters"], guard["passed"]) == ({"name": "best"}, passes)


def test_small_losses_do_not_add_up_over_ten_trainings() -> None:
    first = live = asked("0", np.full(MANY, 0.2))
    last = [first]
    for n in range(1, 11):
        challenger = asked(str(n), live.values * 0.992)
        if judged(challenger, live, *last).promote:
            live = challenger
            last = [*last, live][-10:]

    assert live.recipe.parameters == {"name": "2"}
    assert live.mean >= 0.98 * first.mean


def test_popularity_goes_live_where_the_challenger_is_not_surely_better() -> None:
    popular = asked("popularity", taste())
    noise = np.random.default_rng(2).normal(0, 0.2, MANY)
    challenger = asked("new", taste() + noise - noise.mean() + 0.001)

    found = judge(challenger, Standing(popular, None, None), seed=0)

    assert (found.promote, found.recipe) == (True, popular.recipe)
    assert found.record["algorithm"] == "ials"


def test_neither_goes_live_where_the_live_recipe_is_better_than_both() -> None:
    challenger, live = asked("new", taste() * 0.29), asked("live", taste())

    found = judged(challenger, live)

    assert (found.promote, found.recipe) == (False, challenger.recipe)


def test_the_live_recipe_is_trained_anew_where_popularity_is_not_good_enough_to_replace_it() -> (
    None
):
    noise = np.random.default_rng(2).normal(0, 0.2, MANY)
    live = asked("live", taste() + noise - noise.mean() + 0.001)

    found = judge(live, Standing(asked("popularity", taste()), live, None), seed=0)

    assert (found.promote, found.recipe) == (True, live.recipe)


def test_popularity_need_not_surpass_itself() -> None:
    popular = asked("popularity", taste())

    assert judge(popular, Standing(popular, None, None), seed=0).promote


def test_what_the_settings_name_goes_live_whatever_is_said_against_it() -> None:
    challenger = asked("new", taste() * 0.1)

    found = judge(challenger, standing(asked("live", taste())), seed=0, pinned=True)

    assert (found.promote, found.recipe) == (True, challenger.recipe)
    assert "ials is pinned by the settings" in found.reason
    assert not any(guard["passed"] for guard in found.record["guards"])


def test_with_few_users_the_difference_decides_and_it_is_marked() -> None:
    noise = np.random.default_rng(1).normal(0, 0.2, FEW)
    live = taste(FEW)
    challenger = live + noise - noise.mean()

    found = judged(asked("new", challenger), asked("live", live), users=FEW)

    guard = found.record["guards"][1]
    assert found.promote
    assert guard["delta"] == pytest.approx(0, abs=1e-9)
    assert guard["interval"][0] < guard["at_least"] < guard["interval"][1]
    assert found.record["underpowered"] and guard["underpowered"]
    assert f"{FEW} deciding users (underpowered" in found.reason
    assert not judged(asked("new", live * 0.98), asked("live", live), users=FEW).promote


def test_where_nothing_could_be_made_popularity_goes_live_unless_what_is_live_is_better() -> None:
    live = asked("live", taste())

    better = fall_back(standing(live), "svd was left out (it diverged)", seed=0)
    alone = fall_back(standing(None), "svd was left out (it diverged)", seed=0)

    assert (better.promote, alone.promote) == (False, True)
    assert alone.recipe.algorithm == "popularity"
    assert "svd was left out (it diverged): popularity" in alone.reason


def test_the_same_answers_make_the_same_record_which_is_json() -> None:
    noise = np.random.default_rng(3).normal(0, 0.1, MANY)
    first, second = (
        judged(asked("new", taste() + noise), asked("live", taste()), asked("best", taste() * 1.1))
        for _ in range(2)
    )

    assert first.record == second.record == json.loads(json.dumps(first.record))
    assert [guard["against"] for guard in first.record["guards"]] == [
        "popularity",
        "live",
        "best of the last",
    ]
    assert first.record["users"] == MANY


def test_what_did_not_fit_is_told() -> None:
    live = asked("live", taste())
    noted = Standing(
        asked("popularity", taste() * 0.3), live, None, ["an earlier svd was left out"]
    )

    found = judge(live, noted, seed=0)

    assert found.record["left_out"] == ["an earlier svd was left out"]
    assert "an earlier svd was left out" in found.reason


def test_what_did_not_fit_for_the_same_reason_is_told_once_with_its_number() -> None:
    slow = "an earlier svd was left out"
    noted = Standing(asked("popularity", taste() * 0.3), None, None, [slow, slow, "another"])

    found = judge(asked("new", taste()), noted, seed=0)

    assert found.reason.endswith(f"; 2 × {slow}; another")
    assert found.record["left_out"] == [slow, slow, "another"]


def telling(name: str, values: npt.NDArray[np.float64], auc: float, judges: int = MANY) -> Asked:
    """A recipe with an AUC of its first users, of whom one or the other is told much better."""
    aucs = np.full(len(values), np.nan)
    noise = np.random.default_rng([judges, *name.encode()]).normal(0, 0.1, judges)
    aucs[:judges] = auc + noise - noise.mean()
    return Asked(asked(name, values).recipe, values, aucs)


def against_popularity(challenger: Asked) -> Verdict:
    """Against a popularity that is as good a list, in the mean, and tells likes by .6."""
    popular = telling("popularity", np.roll(taste(), 1), 0.6)
    return judge(challenger, Standing(popular, None, None), seed=0)


def test_a_sure_gain_of_auc_stands_up_to_popularity_where_lists_are_as_good() -> None:
    found = against_popularity(telling("new", taste(), 0.7))

    guard = found.record["guards"][0]
    assert guard["interval"][0] < 0 < guard["auc"]["interval"][0]
    assert (found.promote, found.recipe.algorithm) == (True, "ials")
    assert f", AUC {guard['auc']['delta']:+.4f} [" in found.reason


@pytest.mark.parametrize(
    "challenger",
    [
        pytest.param(telling("new", taste(), 0.601), id="a gain of AUC that is not sure"),
        pytest.param(telling("new", taste() * 0.5, 0.9), id="lists that are surely worse"),
        pytest.param(telling("new", taste(), 0.9, judges=99), id="too few users who tell"),
        pytest.param(asked("new", taste()), id="nobody who tells"),
    ],
)
def test_without_both_popularity_stays(challenger: Asked) -> None:
    assert against_popularity(challenger).recipe.algorithm == "popularity"


def test_auc_does_not_help_against_the_live_recipe() -> None:
    live = telling("live", taste(), 0.6)

    found = judge(telling("new", taste() * 0.9, 0.9), standing(live), seed=0)

    assert not found.promote


def test_it_says_on_how_many_cuts_who_decides_was_asked() -> None:
    once = judge(asked("new", taste()), standing(None), seed=0)
    thrice = judge(asked("new", taste()), replace(standing(None), cuts=3), seed=0)

    assert (once.record["cuts"], thrice.record["cuts"]) == (1, 3)
    assert f"of {MANY} deciding users on 3 cuts" in thrice.reason
    assert "cuts" not in once.reason
