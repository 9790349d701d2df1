"""What a dislike does, whatever model is live: it lowers scores or leaves them, and never lifts."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommendations.engine import algorithms, searching, selection
from recommendations.engine.cutting import split
from recommendations.engine.evaluation import evaluate
from recommendations.engine.interactions import Interactions, Profile
from recommendations.engine.model import Model, Parameters, Recipe
from recommendations.engine.selection import choose
from recommendations.tests.engine.worlds import listeners_with_taste, profile_of, two_camps

PARAMETERS: dict[str, Parameters] = {
    "local_ridge": {"ridge": 2.0},
    "svd": {"epochs": 10, "factors": 8, "negatives": 0, "fold_in": 1.0},
    "ials": {"factors": 16, "dislike": 1.0},
    "blend": {
        "parts": [
            ["local_ridge", {"ridge": 2.0}, 1.0],
            ["judged_knn", {}, 1.0],
            ["ials", {"factors": 16, "dislike": 1.0}, 1.0],
            ["svd", {"epochs": 10, "factors": 8, "negatives": 0}, 1.0],
            ["vbmf", {"factors": 4}, 1.0],
        ]
    },
}
SINKING = ("judged_knn", "svd", "vbmf", "blend")
WORLD = two_camps(users=150, songs=30)
SONGS = st.integers(0, WORLD.n_songs - 1)


@cache
def fitted(algorithm: str) -> Model:
    return algorithms.fit(Recipe(algorithm, PARAMETERS.get(algorithm, {})), WORLD)


def disliking(profile: Profile, song: int) -> Profile:
    return Profile(profile.liked, np.append(profile.disliked, np.int32(song)))


def rises(model: Model, profile: Profile, song: int) -> np.ndarray:
    """How much each score rises, beyond rounding, when the song is disliked too."""
    before, after = model.scores(profile), model.scores(disliking(profile, song))
    slack = 1e-5 * np.maximum(1.0, np.abs(before))
    return np.maximum(after - before - slack, 0.0)


@pytest.mark.parametrize("algorithm", algorithms.ALGORITHMS)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(judged=st.lists(SONGS, min_size=2, max_size=20, unique=True), data=st.data())
def test_no_score_ever_rises_by_a_dislike(
    algorithm: str, judged: list[int], data: st.DataObject
) -> None:
    likes = data.draw(st.integers(1, len(judged) - 1))
    rows = np.array(judged, np.int32)
    mine, song = Profile(rows[:likes], rows[likes:-1]), judged[-1]

    assert not rises(fitted(algorithm), mine, song).any()


@pytest.mark.parametrize("algorithm", algorithms.ALGORITHMS)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_neighbours_of_a_disliked_song_sink_or_stay(algorithm: str, seed: int) -> None:
    world = listeners_with_taste(users=150, songs=60, seed=seed)
    model = algorithms.fit(Recipe(algorithm, PARAMETERS.get(algorithm, {})), world)
    for user in range(30):
        mine = profile_of(world, user)
        song = int(np.setdiff1d(np.arange(60), mine.judged)[user % 5])
        neighbours, _ = model.similar(song, 10)
        assert not rises(model, mine, song)[neighbours].any()


@pytest.mark.parametrize("algorithm", SINKING)
def test_where_dislikes_are_learnt_from_the_nearest_songs_sink(algorithm: str) -> None:
    model = fitted(algorithm)
    sunk = 0
    for song in range(10):
        mine = profile_of(WORLD, song)
        mine = Profile(mine.liked[mine.liked != song], mine.disliked[mine.disliked != song])
        nearest, _ = model.similar(song, 3)
        fall = model.scores(mine) - model.scores(disliking(mine, song))
        sunk += int((fall[nearest] > 1e-6).sum())
    assert sunk >= 20


@pytest.mark.parametrize("algorithm", algorithms.ALGORITHMS)
def test_a_disliked_song_is_never_listed(algorithm: str) -> None:
    model = fitted(algorithm)
    for user in range(20):
        mine = profile_of(WORLD, user)
        rows, _ = model.ranking(mine).best(WORLD.n_songs, excluded=mine.judged)
        assert not np.isin(rows, mine.disliked).any()


def without_dislikes(world: Interactions) -> Interactions:
    return world.where(world.values > 0)


def test_auto_with_dislikes_tells_better_what_is_liked_and_ranks_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    axes = {
        "local_ridge": {"ridge": (30.0, 100.0)},
        "judged_knn": {"shrinkage": (3.0, 10.0)},
    }
    monkeypatch.setattr(selection, "AXES", axes)
    monkeypatch.setattr(searching, "AXES", axes)
    found: list[dict[str, float]] = []
    parted = split(two_camps(users=400, songs=60), 0.2, seed=1)
    for train in (parted.train, without_dislikes(parted.train)):
        choice = choose(train, budget_seconds=60.0)
        model = algorithms.fit(choice.recipe, train)
        # Asked of the same profiles, so that the same songs are ranked.
        asked = evaluate(model, parted.train, parted.held_out, ks=(10,), intervals=False)
        found.append(asked.metrics)

    with_them, without = found
    assert with_them["auc"] > without["auc"] + 0.005
    assert with_them["ndcg@10"] >= 0.99 * without["ndcg@10"]


def test_what_needs_dislikes_is_tried_where_there_are_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    axes = {
        "judged_knn": {"dislike": (1.0, 3.0)},
        "ials": {"dislike": (0.0, 0.3)},
        "svd": {"dislike": (-0.5, 0.0)},
        "vbmf": {},
    }
    monkeypatch.setattr(selection, "AXES", axes)
    monkeypatch.setattr(searching, "AXES", axes)
    # Whatever a step gains, it is taken.
    monkeypatch.setitem(searching.LEAST_GAINS, "dislike", -9.0)
    monkeypatch.setattr(selection, "WORTH_TUNING", 0.0)
    monkeypatch.setattr(selection, "WORTH_GROWING", {})
    world = two_camps(users=60, songs=20)

    few = choose(without_dislikes(world), budget_seconds=60.0)
    many = choose(world, budget_seconds=60.0)

    def tried(choice: selection.Choice) -> set[tuple[str, float]]:
        return {
            (each.recipe.algorithm, each.recipe.parameters["dislike"])
            for each in choice.trials
            if "dislike" in each.recipe.parameters
        }

    assert tried(few) == {("ials", 0.0), ("svd", 0.0)}
    assert "vbmf" in {each.recipe.algorithm for each in many.trials}
    assert "vbmf" not in {each.recipe.algorithm for each in few.trials}
    assert {("judged_knn", 1.0), ("ials", 0.3), ("svd", -0.5)} <= tried(many)
    from_judgements = {
        each.recipe.algorithm
        for each in many.trials
        if each.recipe.parameters.get("negatives") == 0
    }
    assert from_judgements == {"svd", "vbmf"}
    assert not any(each.recipe.parameters.get("negatives") == 0 for each in few.trials)
