"""Which recipes a challenger is held against."""

from typing import Any

import pytest

from recommendations.engine.model import Recipe
from recommendations.models import ModelVersion, TrainingRun
from recommendations.tests import casts
from recommendations.training.recipes import last_recipes

pytestmark = pytest.mark.django_db


def trained(ridge: float, *, status: str = "live", ndcg: float = 0.1, **more: Any) -> TrainingRun:
    """A training that is over, which reached this NDCG@10 where popularity reached 0.1."""
    metrics = {"seed": 0, "winner": {"ndcg@10": ndcg}, "popularity": {"ndcg@10": 0.1}}
    return TrainingRun.objects.create(
        started_at=casts.MOMENT,
        status=status,
        algorithm="local_ridge",
        parameters={"ridge": ridge},
        metrics=metrics | more,
    )


def ridges() -> list[float]:
    return [recipe.parameters["ridge"] for recipe in last_recipes()]


def test_they_are_ten_different_ones_however_often_each_went_live() -> None:
    for ridge in range(12):
        for _ in range(3):
            trained(ridge)

    assert sorted(ridges()) == list(range(2, 12))


def test_those_that_beat_popularity_by_the_greatest_factor_come_first() -> None:
    trained(1, ndcg=0.2)
    trained(2, ndcg=0.4)
    trained(3, ndcg=0.3)

    assert ridges() == [2, 3, 1]


def test_what_the_deciding_users_said_counts_for_that_where_they_were_asked() -> None:
    trained(1, ndcg=0.2)
    trained(2, ndcg=0.4, promotion={"ndcg@10": 0.1, "popularity_ndcg@10": 0.1})

    assert ridges() == [1, 2]


def test_what_was_refused_is_none_unless_it_was_made_live_by_hand() -> None:
    trained(1, status="failed")
    trained(2, status="refused")
    by_hand = trained(3, status="refused")
    ModelVersion.objects.create(
        version="v3",
        training_run=by_hand,
        algorithm="local_ridge",
        created_at=casts.MOMENT,
        activated_at=casts.MOMENT,
    )

    assert ridges() == [3]


def test_a_training_of_which_little_is_known_still_counts() -> None:
    TrainingRun.objects.create(started_at=casts.MOMENT, status="live", algorithm="popularity")

    assert last_recipes() == [Recipe("popularity", {}, 0)]
