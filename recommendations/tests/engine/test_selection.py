"""What is chosen to train with, and whether it goes live."""

import numpy as np
import pytest

from recommendations.engine import algorithms, local_ridge_training, searching, selection
from recommendations.engine.interactions import Interactions
from recommendations.engine.model import Model, Recipe, TrainingFailed
from recommendations.engine.selection import Choice, choose
from recommendations.engine.trials import Trial
from recommendations.tests.engine.worlds import interactions, listeners_with_taste

# SVD is left out of searches that are not about it: it takes seconds.
AXES = {"local_ridge": {"ridge": (3.0, 10.0, 30.0), "kappa": (0.4, 1.0)}}
ALL_AXES = searching.AXES
SVD_AXES = {"svd": {"epochs": (3,)}}
ENOUGH = 60.0


@pytest.fixture(scope="module")
def world() -> Interactions:
    return listeners_with_taste(users=300, songs=80, dislikes=False)


@pytest.fixture(autouse=True)
def _short_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recommendations.engine.selection.AXES", AXES)
    monkeypatch.setattr("recommendations.engine.searching.AXES", AXES | SVD_AXES)


def tried(choice: Choice) -> list[str]:
    return [trial.recipe.algorithm for trial in choice.trials]


def test_where_taste_has_structure_local_ridge_wins_over_popularity(world: Interactions) -> None:
    choice = choose(world, budget_seconds=ENOUGH)

    assert choice.recipe.algorithm == "local_ridge"
    assert choice.recipe.parameters.keys() == algorithms.defaults("local_ridge").keys()
    assert choice.metrics["ndcg@10"] > 1.2 * choice.popularity_metrics["ndcg@10"]
    assert choice.promote
    assert choice.live_metrics is None
    assert "popularity NDCG@10" in choice.reason


def test_the_winner_has_the_greatest_sum_of_both_ndcgs(world: Interactions) -> None:
    choice = choose(world, budget_seconds=ENOUGH)

    scores = [t.metrics["ndcg@10"] + t.metrics["ndcg@100"] for t in choice.trials if t.metrics]
    assert choice.metrics["ndcg@10"] + choice.metrics["ndcg@100"] == max(scores)
    assert len(scores) >= 4


def test_the_same_data_and_seed_make_the_same_choice(world: Interactions) -> None:
    first, second = (choose(world, budget_seconds=ENOUGH, seed=5) for _ in range(2))

    assert (first.recipe, first.metrics) == (second.recipe, second.metrics)
    assert first.recipe.seed == 5


def test_a_named_algorithm_is_tuned_alone_beside_popularity(world: Interactions) -> None:
    choice = choose(world, algorithm="local_ridge", budget_seconds=ENOUGH)

    assert set(tried(choice)) == {"popularity", "local_ridge"}


def test_popularity_by_name_is_not_tuned(world: Interactions) -> None:
    choice = choose(world, algorithm="popularity", budget_seconds=ENOUGH)

    assert choice.recipe == Recipe("popularity", {})
    assert len(choice.trials) == 1


def test_the_live_procedure_on_new_data_is_promoted_when_it_is_still_the_best(
    world: Interactions,
) -> None:
    live = choose(world, budget_seconds=ENOUGH).recipe

    choice = choose(world, budget_seconds=ENOUGH, live=live)

    assert choice.recipe == live
    assert choice.promote
    assert choice.live_metrics == choice.metrics
    assert "the live procedure" in choice.reason


def test_a_better_live_procedure_stays_where_a_named_one_is_only_tried(
    world: Interactions,
) -> None:
    live = Recipe("local_ridge", algorithms.defaults("local_ridge"))

    choice = choose(world, algorithm="popularity", budget_seconds=9, live=live, pinned=False)

    assert not choice.promote
    assert choice.recipe.algorithm == "popularity"
    assert choice.live_metrics is not None
    assert choice.live_metrics["ndcg@10"] > choice.metrics["ndcg@10"]
    assert "scores better" in choice.reason


def test_a_pinned_algorithm_goes_live_over_a_better_one(world: Interactions) -> None:
    live = Recipe("local_ridge", algorithms.defaults("local_ridge"))

    choice = choose(world, algorithm="popularity", budget_seconds=ENOUGH, live=live)

    assert choice.promote
    assert "pinned" in choice.reason


def test_a_worse_live_procedure_is_replaced(world: Interactions) -> None:
    live = Recipe("local_ridge", algorithms.defaults("local_ridge") | {"ridge": 1e6})

    choice = choose(world, budget_seconds=ENOUGH, live=live)

    assert choice.promote
    assert choice.recipe != live
    assert choice.live_metrics is not None


def test_what_does_not_fit_into_the_budget_is_left_out_and_says_so(
    world: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        algorithms,
        "projected_seconds",
        lambda recipe, _: 0.0 if recipe.algorithm == "popularity" else 1000.0,
    )

    choice = choose(world, budget_seconds=5)

    assert choice.recipe.algorithm == "popularity"
    left_out = [trial for trial in choice.trials if trial.left_out]
    assert [trial.recipe.algorithm for trial in left_out] == ["local_ridge"]
    assert "needs about 2000 s" in left_out[0].left_out
    assert left_out[0].as_dict()["metrics"] == {}


def test_a_named_algorithm_is_tried_once_whatever_the_budget(world: Interactions) -> None:
    choice = choose(world, algorithm="local_ridge", budget_seconds=0)

    assert choice.recipe.parameters == algorithms.defaults("local_ridge")
    assert choice.metrics
    assert sum(trial.measured for trial in choice.trials) == 2


def test_a_named_algorithm_that_cannot_be_trained_falls_back_to_popularity(
    world: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverges(*_: object) -> None:
        raise TrainingFailed("diverged")

    monkeypatch.setattr(local_ridge_training, "fit", diverges)

    choice = choose(world, algorithm="local_ridge", budget_seconds=ENOUGH)

    assert choice.recipe.algorithm == "popularity"
    assert "local_ridge was left out (diverged)" in choice.reason


@pytest.mark.parametrize(
    "rows",
    [[], [(0, 0, 1)], [(0, s, -1) for s in range(5)], [(0, 0, 1), (0, 1, 1)]],
    ids=["nothing", "one like", "dislikes only", "two likes"],
)
def test_too_little_to_compare_on_means_popularity(rows: list[tuple[int, int, int]]) -> None:
    world = interactions(rows, users=1 if rows else 0, songs=5 if rows else 0)

    choice = choose(world, budget_seconds=ENOUGH, live=Recipe("local_ridge", {}))

    assert choice.recipe.algorithm == "popularity"
    assert choice.promote
    assert "too few likes" in choice.reason
    assert choice.metrics == {}
    algorithms.fit(choice.recipe, world)


def test_one_user_with_enough_likes_is_asked() -> None:
    world = interactions([(0, s, 1) for s in range(8)], users=1, songs=9)

    choice = choose(world, budget_seconds=ENOUGH)

    assert choice.metrics["recall@20"] == 1.0


def test_a_pinned_algorithm_is_used_untuned_where_nothing_can_be_compared() -> None:
    world = interactions([(0, 0, 1), (0, 1, 1)], users=1, songs=3)

    choice = choose(world, algorithm="svd", budget_seconds=ENOUGH)

    assert choice.recipe == Recipe("svd", algorithms.defaults("svd"))


def test_svd_is_trained_where_it_is_pinned(
    world: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommendations.engine.selection.AXES", AXES | SVD_AXES)
    live = Recipe("local_ridge", algorithms.defaults("local_ridge"))

    choice = choose(world, algorithm="svd", budget_seconds=ENOUGH, live=live)

    assert choice.recipe.algorithm == "svd"
    assert choice.promote
    assert {"popularity", "svd", "local_ridge"} == set(tried(choice))


def test_an_algorithm_that_does_not_exist_is_refused_before_any_work() -> None:
    with pytest.raises(algorithms.UnknownAlgorithm):
        choose(interactions([], users=0, songs=0), algorithm="best", budget_seconds=1)


def test_progress_names_the_trial(world: Interactions) -> None:
    seen: list[tuple[str, float]] = []

    choose(world, budget_seconds=ENOUGH, progress=lambda what, share: seen.append((what, share)))

    assert ("trial 2, local_ridge", 1.0) in seen


def test_metrics_are_plain_numbers(world: Interactions) -> None:
    choice = choose(world, algorithm="popularity", budget_seconds=ENOUGH)

    assert all(type(value) is float and np.isfinite(value) for value in choice.metrics.values())


def test_a_pinned_algorithm_that_fails_does_not_put_popularity_in_the_place_of_a_better_model(
    world: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Recipe("local_ridge", algorithms.defaults("local_ridge"))
    fit = algorithms.fit

    def failing(recipe: Recipe, *args: object) -> object:
        if recipe.algorithm == "svd":
            raise TrainingFailed("it diverged")
        return fit(recipe, *args)  # type: ignore[arg-type]

    monkeypatch.setattr("recommendations.engine.selection.AXES", SVD_AXES)
    monkeypatch.setattr(algorithms, "fit", failing)
    choice = choose(world, algorithm="svd", budget_seconds=ENOUGH, live=live)

    assert not choice.promote
    assert "it diverged" in choice.reason
    assert "live local_ridge" in choice.reason


def test_a_live_recipe_from_before_a_parameter_came_takes_part(world: Interactions) -> None:
    choice = choose(world, budget_seconds=ENOUGH, live=Recipe("local_ridge", {"ridge": 3.0}))

    assert choice.live_metrics is not None


FEW_AXES = {
    "local_ridge": {"ridge": (10.0, 30.0)},
    "ials": {"factors": (4, 8, 16)},
}


@pytest.fixture
def blendable(monkeypatch: pytest.MonkeyPatch) -> Interactions:
    """Two kinds of models, and whatever they are worth together is tried."""
    monkeypatch.setattr("recommendations.engine.blending.LEAST_PART_GAIN", -1.0)
    monkeypatch.setattr("recommendations.engine.selection.AXES", FEW_AXES)
    monkeypatch.setattr("recommendations.engine.searching.AXES", FEW_AXES)
    return listeners_with_taste(users=900, songs=120, groups=8)


def test_auto_tries_a_blend_of_the_best_and_takes_it_where_it_gains(
    blendable: Interactions,
) -> None:
    choice = choose(blendable, budget_seconds=ENOUGH)

    [blended] = [each for each in choice.trials if each.recipe.algorithm == "blend"]
    parts = [each for each in choice.trials if each.measured and each is not blended]
    best = max(each.score for each in parts)
    taken = choice.recipe == blended.recipe
    assert taken == (blended.score > best * (1 + selection.LEAST_BLEND_GAIN))
    names = {name for name, _, _ in blended.recipe.parameters["parts"]}
    assert names == {"local_ridge", "ials"}
    algorithms.fit(choice.recipe, blendable)


def test_a_blend_that_is_named_is_the_best_part_where_no_blend_is_better() -> None:
    world = interactions(
        [(user, song, 1) for user in range(20) for song in range(10)], users=20, songs=10
    )

    choice = choose(world, algorithm="blend", budget_seconds=ENOUGH)

    assert choice.promote
    algorithms.fit(choice.recipe, world)


def test_the_live_blend_is_compared_without_its_parts_being_fitted_twice(
    blendable: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = choose(blendable, algorithm="blend", budget_seconds=ENOUGH).recipe
    assert live.algorithm == "blend"
    fitted: list[str] = []
    fit = algorithms.fit

    def counting(recipe: Recipe, *args: object) -> object:
        fitted.append(str(recipe))
        return fit(recipe, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(algorithms, "fit", counting)
    choice = choose(blendable, budget_seconds=ENOUGH, live=live)

    assert choice.live_metrics is not None
    assert len(fitted) == len(set(fitted))


@pytest.mark.parametrize("algorithm", ["auto", "blend", "ials", "item_knn", "turbo_cf", "svd"])
@pytest.mark.parametrize(
    ("rows", "users", "songs"),
    [
        ([], 0, 0),
        ([], 3, 4),
        ([(0, 0, 1)], 1, 1),
        ([(0, song, 1) for song in range(20)], 1, 30),
        ([(user, user % 11, -1) for user in range(30)], 30, 11),
        ([(user, 0, 1) for user in range(40)], 40, 1),
        ([(user, song, 1) for user in range(20) for song in range(10)], 20, 10),
        ([(user, user, 1) for user in range(60)], 60, 60),
    ],
    ids=[
        "nothing",
        "songs that nobody judged",
        "one like",
        "one user",
        "dislikes alone",
        "one song",
        "everybody likes everything",
        "nobody shares a song",
    ],
)
def test_odd_data_get_a_model_and_never_an_error(
    monkeypatch: pytest.MonkeyPatch,
    algorithm: str,
    rows: list[tuple[int, int, int]],
    users: int,
    songs: int,
) -> None:
    monkeypatch.setattr("recommendations.engine.selection.AXES", ALL_AXES)
    monkeypatch.setattr("recommendations.engine.searching.AXES", ALL_AXES)
    world = interactions(rows, users=users, songs=songs)

    choice = choose(world, algorithm=algorithm, budget_seconds=ENOUGH)

    algorithms.fit(choice.recipe, world)


def test_a_blend_takes_no_more_factors_than_the_best_of_them_has(world: Interactions) -> None:
    def kept(algorithm: str, **parameters: int) -> tuple[Trial, Model]:
        model = algorithms.fit(Recipe("popularity", {}), world)
        return Trial(Recipe(algorithm, dict(parameters))), model

    best_first = [
        kept("ials", factors=8),
        kept("local_ridge"),
        kept("ials", factors=16),
        kept("ials", factors=4),
    ]

    left = [trial.recipe for trial, _ in selection._not_past_the_best(best_first)]

    assert left == [
        Recipe("ials", {"factors": 8}),
        Recipe("local_ridge", {}),
        Recipe("ials", {"factors": 4}),
    ]
