"""A blend, stored and served: its order, its reasons and its promises are those of any model."""

from itertools import count

import pytest

from recommendations.engine.blend_training import blend_recipe
from recommendations.engine.model import Recipe
from recommendations.serving.answers import recommend_for
from recommendations.serving.ordering import Wanted
from recommendations.tests import casts

pytestmark = pytest.mark.django_db

BLEND = blend_recipe(
    [
        (casts.RIDGE, 1.0),
        (Recipe("ials", {"factors": 4, "epochs": 3}), 0.7),
        (Recipe("svd", {"factors": 4, "epochs": 3}), 0.3),
    ],
    seed=0,
)


@pytest.fixture(autouse=True)
def blended(town: None) -> None:
    casts.publish("blended", BLEND)


def test_the_answer_names_the_blend_and_puts_what_is_missing_first() -> None:
    answer = recommend_for("rocker0", Wanted(limit=3))

    assert answer["model"] == {"version": "blended", "algorithm": "blend"}
    assert answer["strategy"] == "personalised"
    assert answer["results"][0]["song"]["song_id"] == "r1"


def test_taking_a_named_song_away_lowers_the_score_by_its_drop_dislikes_included() -> None:
    casts.judge("rocker0", {"j1": -1})
    results = recommend_for("rocker0", Wanted(limit=3))["results"]
    assert results[0]["reasons"]

    times = count(1_800_000_000_000_000)
    for result in results:
        for reason in result["reasons"]:
            value = -1 if reason["song_id"] == "j1" else 1
            casts.judge("rocker0", {reason["song_id"]: 0}, at=next(times))
            after = recommend_for("rocker0", Wanted(limit=100))["results"]
            [score] = [
                each["score"]
                for each in after
                if each["song"]["song_id"] == result["song"]["song_id"]
            ]
            assert result["score"] - score == pytest.approx(reason["drop"], abs=1e-4)
            casts.judge("rocker0", {reason["song_id"]: value}, at=next(times))


def test_who_has_said_nothing_gets_popular_songs() -> None:
    assert recommend_for("nobody", Wanted())["strategy"] == "popular"
