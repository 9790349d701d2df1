"""Reasons keep their promise: take the named like away and the score falls by its drop."""

import numpy as np
import pytest

from recommendations.engine import algorithms
from recommendations.engine.interactions import Profile
from recommendations.engine.item_model import ItemModel
from recommendations.engine.model import Model, NoKnownSongs, Parameters, Recipe
from recommendations.engine.ranking import top_k
from recommendations.engine.reasons import explain, explain_all
from recommendations.engine.sparse_rows import SparseRows
from recommendations.tests.engine.worlds import listeners_with_taste, profile, profile_of

WORLD = listeners_with_taste(users=80, songs=60)
PARAMETERS: dict[str, Parameters] = {
    "local_ridge": {"ridge": 2.0},
    "svd": {"epochs": 5, "factors": 8},
    "ials": {"factors": 16, "dislike": 0.5},
    "blend": {
        "parts": [
            ["local_ridge", {"ridge": 2.0}, 1.0],
            ["judged_knn", {}, 0.5],
            ["ials", {"factors": 16, "dislike": 0.5}, 0.7],
            ["svd", {"epochs": 5, "factors": 8, "negatives": 0}, 0.7],
            ["vbmf", {"factors": 4}, 0.7],
        ]
    },
}


@pytest.fixture(scope="module", params=algorithms.ALGORITHMS)
def model(request: pytest.FixtureRequest) -> Model:
    recipe = Recipe(request.param, PARAMETERS.get(request.param, {}))
    return algorithms.fit(recipe, WORLD)


def without(given: Profile, song: int) -> Profile:
    return Profile(given.liked[given.liked != song], given.disliked[given.disliked != song])


def score(model: Model, given: Profile, song: int) -> float:
    try:
        return float(model.scores(given)[song])
    except NoKnownSongs:
        return float(model.empty_scores()[song])


@pytest.mark.parametrize("user", range(50))
def test_the_score_falls_by_the_drop_when_the_named_song_is_taken_out(
    model: Model, user: int
) -> None:
    mine = profile_of(WORLD, user)
    scores = model.scores(mine)
    for song in top_k(scores, 3, excluded=mine.judged)[0]:
        reasons = explain(model, mine, int(song), 5)
        before = float(scores[song])
        for reason in reasons:
            after = score(model, without(mine, reason.row), int(song))
            assert abs(before - after - reason.drop) <= 1e-4 * max(1.0, abs(before))
        assert sum(reason.share for reason in reasons) <= 1 + 1e-9
        assert all(0 < reason.share <= 1 and reason.drop > 0 for reason in reasons)
        drops = [reason.drop for reason in reasons]
        assert drops == sorted(drops, reverse=True)


def test_every_removal_effect_is_exact_not_only_the_named_ones(model: Model) -> None:
    mine = profile_of(WORLD, 3)
    scores = model.scores(mine)
    for song in (0, 17, 59):
        effects = model.removal_effects(mine, song)
        assert len(effects) == len(mine.judged)
        for judged, effect in zip(mine.judged, effects, strict=True):
            after = score(model, without(mine, int(judged)), song)
            assert scores[song] - after == pytest.approx(effect, abs=1e-4)


def test_effects_of_a_profile_with_one_like_are_exact_too(model: Model) -> None:
    songs = np.array([0, 17, 59], np.int32)
    mine = profile([7], [2, 11, 30])

    effects = model.effects_on(mine, songs)

    for at, judged in enumerate(mine.judged):
        for place, song in enumerate(songs):
            fall = score(model, mine, song) - score(model, without(mine, int(judged)), song)
            assert fall == pytest.approx(effects[at, place], abs=1e-4)


def test_a_list_is_explained_as_its_songs_are_one_by_one(model: Model) -> None:
    mine = profile_of(WORLD, 5)
    rows, scores = top_k(model.scores(mine), 10, excluded=mine.judged)

    together = explain_all(model, mine, rows, scores, 3)

    for row, reasons in zip(rows, together, strict=True):
        alone = explain(model, mine, int(row), 3)
        assert [each.row for each in reasons] == [each.row for each in alone]


def test_shares_by_hand() -> None:
    # Two likes lift song 2 by 0.3 and 0.1, and nothing else does.
    model = ItemModel(
        algorithm="local_ridge",
        liking=SparseRows(
            np.array([0, 1, 2, 2], np.int64),
            np.array([2, 2], np.int32),
            np.array([0.3, 0.1], np.float32),
        ),
        disliking=SparseRows.empty(3),
        base=np.zeros(3, np.float32),
        similar_rows=np.empty((3, 0), np.int32),
        likeness=np.empty((3, 0), np.float32),
    )

    first, second = explain(model, profile([1, 0]), 2, 5)

    assert (first.row, first.share, first.drop) == pytest.approx((0, 0.75, 0.3))
    assert (second.row, second.share, second.drop) == pytest.approx((1, 0.25, 0.1))


def test_popularity_has_no_reasons() -> None:
    model = algorithms.fit(Recipe("popularity", {}), WORLD)

    assert explain(model, profile([1, 2]), 5, 3) == []


def test_a_profile_that_says_nothing_gives_no_reasons() -> None:
    model = algorithms.fit(Recipe("local_ridge", {}), WORLD)

    assert explain(model, profile(), 5, 3) == []
