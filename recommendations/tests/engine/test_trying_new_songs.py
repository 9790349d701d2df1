"""How much new songs are lent is found by hiding songs, and held to what it costs."""

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recommendations.engine import algorithms, new_songs, serving_budget, trying_new_songs
from recommendations.engine.cutting import Cut, HeldOut, cut, halves
from recommendations.engine.interactions import Interactions
from recommendations.engine.item_model import ItemModel
from recommendations.engine.model import Model, Parameters, Recipe
from recommendations.engine.selection import Choice, choose
from recommendations.engine.trials import Trials
from recommendations.engine.trying_new_songs import (
    NOTHING,
    STARTS,
    lending,
    lost,
    made_new,
    try_new_songs,
)
from recommendations.tests.engine.worlds import fans

WORLD = fans(users=150)


def chosen(world: Interactions, *, budget_seconds: float = 60.0) -> Choice:
    return choose(world, algorithm="item_knn", budget_seconds=budget_seconds, seed=3)


def tried(world: Interactions, recipe: Recipe) -> tuple[Trials, Recipe]:
    """What comes of one recipe that was chosen."""
    bench = Trials(world, budget_seconds=60.0, seed=0, progress=None)
    found = try_new_songs(bench, bench.run(recipe), seed=0)
    assert found is not None
    return bench, found.recipe


def shuffled(world: Interactions) -> Interactions:
    order = np.random.default_rng(5).permutation(len(world))
    return replace(
        world,
        users=world.users[order],
        songs=world.songs[order],
        values=world.values[order],
        times=world.times[order],
    )


def test_where_artists_tell_new_songs_are_lent_by_the_recipe_that_is_chosen() -> None:
    choice = chosen(WORLD)

    assert choice.recipe.algorithm == "item_knn"
    assert choice.recipe.parameters["rare"] > 0
    assert choice.recipe.parameters["same_artist"] > 0
    # It is a trial like any other, and what its parameters say: fitted by them it is the same.
    trial = next(each for each in choice.trials if each.recipe == choice.recipe)
    bench = Trials(WORLD, budget_seconds=60.0, seed=3, progress=None)
    assert bench.run(choice.recipe).metrics == pytest.approx(trial.metrics)


def test_a_new_song_is_listed_by_what_is_chosen_and_was_not_before() -> None:
    choice = chosen(WORLD)
    nothing = lending(choice.recipe, NOTHING)
    world = WORLD.where(WORLD.songs != 0)

    shown = []
    for recipe in (nothing, choice.recipe):
        scores, _ = algorithms.fit(recipe, world).score_block(world.likes, world.dislikes)
        scores[world.likes.toarray() > 0] = -np.inf
        shown.append(int((np.argsort(-scores, axis=1)[:, :10] == 0).any(axis=1).sum()))

    assert shown[0] == 0
    assert shown[1] >= 10


def test_songs_that_nobody_has_judged_yet_do_not_count_against_lending() -> None:
    # Every artist has a new song. No like of it can be held back: listed, it would only be wrong.
    unheard = np.arange(0, 60, 5)
    world = WORLD.where(~np.isin(WORLD.songs, unheard))

    choice = chosen(world)

    assert choice.recipe.parameters["rare"] > 0
    reached = {str(trial.recipe): trial.metrics["ndcg@10"] for trial in choice.trials}
    nothing = lending(choice.recipe, NOTHING)
    assert reached[str(choice.recipe)] >= 0.99 * reached[str(nothing)]
    model = algorithms.fit(choice.recipe, world)
    scores, _ = model.score_block(world.likes, world.dislikes)
    assert np.isin(np.argsort(-scores, axis=1)[:, :20], unheard).any()


def test_without_traits_nothing_is_tried_and_nothing_lent() -> None:
    choice = chosen(replace(WORLD, traits=None))

    given = [trial.recipe.parameters for trial in choice.trials[1:]]
    assert given
    assert all(each["rare"] == each["same_artist"] == 0 for each in given)


def test_the_same_is_found_however_the_judgements_are_ordered() -> None:
    recipes = [tried(world, Recipe("item_knn", {}))[1] for world in (WORLD, shuffled(WORLD))]

    assert recipes[0] == recipes[1]
    assert recipes[0].parameters["rare"] > 0


def test_every_part_of_a_blend_that_can_is_lent_the_same() -> None:
    parts = [["item_knn", {}, 1.0], ["ials", {"factors": 8}, 0.3], ["svd", {"epochs": 2}, 0.1]]

    _, found = tried(WORLD, Recipe("blend", {"parts": parts}))

    knn, ials, svd = (parameters for _, parameters, _ in found.parameters["parts"])
    assert knn["rare"] == ials["rare"] > 0
    assert knn["same_artist"] > 0
    assert "same_artist" not in ials
    assert svd["rare"] == knn["rare"]


def test_popularity_lends_nothing() -> None:
    bench, found = tried(WORLD, Recipe("popularity", {}))

    assert found == Recipe("popularity", {})
    assert len(bench.done) == 1


def test_what_is_lost_counts_beyond_what_is_uncertain() -> None:
    before = np.full(400, 0.5)
    little, much = before - 0.001, before - 0.002
    # One in ten loses .1, which is 2 % on the whole, with a standard error of .3 %.
    some = before - np.where(np.arange(400) % 10 == 0, 0.1, 0.0)
    # As many gain as lose.
    either = before + np.where(np.arange(400) % 2 == 0, 0.4, -0.41)
    unknown = np.append(before, np.nan)

    assert not lost(before, little, errors=1.0)
    assert lost(before, much, errors=1.0)
    assert lost(before, some, errors=1.0)
    assert not lost(before, either, errors=1.0)
    assert lost(before, either, errors=0.0)
    assert lost(unknown, np.append(much, np.nan), errors=1.0)


def test_what_costs_the_songs_that_are_there_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    # As if whatever is lent made the model worthless where no song was made new.
    whole = cut(WORLD).train

    def spoiling(model: Model, interactions: Interactions, given: Parameters) -> Model:
        if len(interactions) == len(whole) and given["rare"]:
            return algorithms.fit(Recipe("popularity", {}), interactions)
        return new_songs.lend(model, interactions, given)

    monkeypatch.setattr(trying_new_songs, "lend", spoiling)
    plain = Recipe("item_knn", {})

    assert tried(WORLD, plain)[1] == plain
    # Also by a recipe that lends: what was found on other data is no reason to go on.
    assert tried(WORLD, lending(plain, STARTS[0]))[1] == lending(plain, NOTHING)


def test_the_search_starts_from_what_is_lent_already(monkeypatch: pytest.MonkeyPatch) -> None:
    own: Parameters = {"rare": 4.0, "same_artist": 0.3, "same_genre": 0.0}
    monkeypatch.setattr(trying_new_songs, "STARTS", ())
    monkeypatch.setattr(trying_new_songs, "AXES", dict.fromkeys(own, ()))

    bench, found = tried(WORLD, lending(Recipe("item_knn", {}), own))

    assert found == lending(Recipe("item_knn", {}), own)
    assert len(bench.done) == 1


def test_what_is_lent_stays_where_the_search_has_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Trials(WORLD, budget_seconds=60.0, seed=0, progress=None)
    best = bench.run(lending(Recipe("item_knn", {}), STARTS[0]))
    # There was time when it began, and none any more at its first question.
    monkeypatch.setattr(bench.budget, "ends_before", lambda _: 0.0)
    monkeypatch.setattr(bench.budget, "new_song_seconds", lambda _: -float("inf"))

    assert try_new_songs(bench, best, seed=0) is best


def test_nothing_is_tried_without_the_time_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Trials(WORLD, budget_seconds=60.0, seed=0, progress=None)
    best = bench.run(Recipe("item_knn", {}))
    late = time.perf_counter() + 60.0
    monkeypatch.setattr(time, "perf_counter", lambda: late)
    monkeypatch.delattr(trying_new_songs, "_Bench")

    assert try_new_songs(bench, best, seed=0) is best


def test_without_the_time_to_fit_what_lends_nothing_a_lending_recipe_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Trials(WORLD, budget_seconds=60.0, seed=0, progress=None)
    best = bench.run(lending(Recipe("item_knn", {}), STARTS[0]))
    monkeypatch.setattr(algorithms, "projected_seconds", lambda *_: 1e6)
    monkeypatch.delattr(trying_new_songs, "_Bench")

    assert bench.missing_seconds([best.recipe]) == 0
    assert try_new_songs(bench, best, seed=0) is best


def test_what_is_made_for_one_question_is_there_for_the_next() -> None:
    bench = Trials(WORLD, budget_seconds=60.0, seed=0, progress=None)
    recipe = Recipe("item_knn", {})

    assert bench.missing_seconds([recipe]) > 0
    assert bench.made(recipe) is bench.made(recipe)
    assert bench.missing_seconds([recipe]) == 0


def test_auto_lends_nothing_where_lists_would_come_too_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("selection", "searching"):
        monkeypatch.setattr(f"recommendations.engine.{module}.AXES", {"item_knn": {"b": (0.4,)}})

    def taken(model: ItemModel, *_: Any, **__: Any) -> dict[str, float]:
        # As if a list took long wherever the song that nobody has judged is lent anything.
        return {"p99": 2_000.0 if model.liking.filled()[60] else 0.0}

    monkeypatch.setattr(serving_budget, "score_microseconds", taken)

    choice = choose(WORLD, budget_seconds=60.0, serving_microseconds=1_000.0, seed=3)

    assert any(trial.recipe.parameters.get("rare") for trial in choice.trials)
    assert choice.recipe == lending(choice.recipe, NOTHING)
    assert choice.recipe.algorithm == "item_knn"
    assert "item_knn was left out (a list takes 2000 µs, 1000 are allowed)" in choice.reason


def test_songs_made_new_lose_all_but_a_few_judgements_and_are_foretold() -> None:
    whole = cut(WORLD)
    whole = replace(whole, held_out=halves(whole.held_out)[0])
    new = made_new(whole, seed=1)

    before, after = (
        np.bincount(each.train.songs, minlength=WORLD.n_songs) for each in (whole, new)
    )
    changed = np.flatnonzero(before != after)
    # Ten at least of 60, half of them without anything.
    assert len(changed) == 10
    assert (after[changed] == 0).sum() == 5
    assert set(after[changed]) <= {0, 1, 2, 4, 8}
    asked = np.unique(whole.held_out.users)
    added = len(new.held_out.users) - len(whole.held_out.users)
    gone = len(whole.train) - len(new.train)
    assert 0 < added < gone
    assert np.isin(new.held_out.users, asked).all()
    assert new.train.traits is WORLD.traits


def test_the_same_judgements_are_taken_however_they_were_ordered() -> None:
    whole = cut(WORLD)

    left = []
    for train in (whole.train, shuffled(whole.train)):
        kept = made_new(replace(whole, train=train), seed=1).train
        left.append(set(zip(kept.users.tolist(), kept.songs.tolist(), strict=True)))

    assert left[0] == left[1]


def test_a_world_of_a_few_songs_keeps_most_of_them() -> None:
    world = fans(users=20, artists=6, songs_each=3)
    new = made_new(cut(world), seed=0)

    liked = int((cut(world).train.like_counts > 0).sum())
    assert (new.train.like_counts > 0).sum() >= liked - liked // 4


def test_nothing_at_all_can_be_made_new() -> None:
    nothing = WORLD.where(np.zeros(len(WORLD), np.bool_))
    none = HeldOut(nothing.users, nothing.songs, nothing.values)

    assert len(made_new(Cut(nothing, none, "random"), seed=0).train) == 0
