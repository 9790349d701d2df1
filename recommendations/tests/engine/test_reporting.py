"""What is reported of a model: of what a training published, and of what a test was given."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from recommendations.engine import algorithms
from recommendations.engine.cutting import HeldOut, split
from recommendations.engine.evaluation import HeldLikes, evaluate
from recommendations.engine.interactions import Traits
from recommendations.engine.model import Recipe
from recommendations.engine.reporting import (
    recall_curve,
    report_of_evaluation,
    report_of_training,
)
from recommendations.engine.selection import choose
from recommendations.tests.engine.worlds import interactions, listeners_with_taste

RIDGE = Recipe("local_ridge", {"neighbours": 10, "ridge": 5.0})
# Even songs are pop, odd ones folk.
GENRES = ["folk", "pop"]
EVEN = np.arange(40) % 2 == 0
WORLD = replace(
    listeners_with_taste(users=60, songs=40),
    traits=Traits(
        np.full(40, -1, np.int32),
        sparse.csr_array(np.column_stack([~EVEN, EVEN]).astype(np.float32)),
    ),
)


def test_a_training_reports_on_its_lists_and_on_its_recipe() -> None:
    choice = choose(WORLD, algorithm="popularity", budget_seconds=10)
    model = algorithms.fit(RIDGE, WORLD)

    report = report_of_training(
        model, WORLD, GENRES, answers=choice.answers, cut=choice.cut_train, seed=0
    )

    assert report["listeners"] == 60
    assert report["served_personally"] == 1.0
    assert 0 < report["coverage@20"] <= 1
    decided = choice.promotion["users"]
    assert sum(row["users"] for row in report["accuracy"]["profile"]) == decided
    assert {row["group"] for row in report["accuracy"]["genre"]} == {"folk", "pop"}
    assert json.loads(json.dumps(report)) == report


def test_nobody_is_served_personally_by_popularity_or_where_the_model_knows_no_like() -> None:
    # User 2 only dislikes: of the ridge, which knows likes, that is a profile of nothing.
    world = interactions([(0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 1), (2, 2, -1)], users=3, songs=4)

    def share(recipe: Recipe) -> float:
        model = algorithms.fit(recipe, world)
        report = report_of_training(model, world, [], answers=None, cut=None, seed=0)
        assert report["accuracy"] == {}
        return float(report["served_personally"])

    assert share(RIDGE) == pytest.approx(2 / 3)
    assert share(Recipe("popularity", {})) == 0.0


def test_without_any_listener_there_is_little_to_report() -> None:
    nothing = interactions([], users=0, songs=0)
    model = algorithms.fit(Recipe("popularity", {}), nothing)

    report = report_of_training(model, nothing, [], answers=None, cut=None, seed=0)

    assert report == {"listeners": 0, "coverage@20": 0.0, "accuracy": {}}


def test_the_recall_curve_passes_through_the_recall_of_every_list_length() -> None:
    parted = split(WORLD, 0.2, seed=1)
    found = evaluate(algorithms.fit(RIDGE, parted.train), parted.train, parted.held_out)

    report = report_of_evaluation(found.answers, parted.train, GENRES, personal=True, seed=0)

    curve = report["curves"]["recall"]
    assert curve[9] == pytest.approx(found.metrics["recall@10"])
    assert curve[19] == pytest.approx(found.metrics["recall@20"])
    assert report["coverage@20"] == found.metrics["coverage@20"]
    assert len(curve) == 100


def test_a_user_with_half_as_many_likes_weighs_each_twice_in_the_recall_curve() -> None:
    likes = HeldLikes(np.array([0, 1, 1]), np.array([5, 6, -1], np.int32), np.array([2, 3, 999]))

    assert recall_curve(likes, 2)[:3] == [0.0, 0.5, 0.75]


def test_a_group_of_the_whole_profile_has_the_figures_of_the_evaluation() -> None:
    train = interactions([(0, 0, 1), (1, 0, 1), (1, 1, 1)], users=2, songs=4)
    held = HeldOut(
        np.array([0, 0, 1], np.int32), np.array([1, -1, 3], np.int32), np.ones(3, np.int8)
    )
    found = evaluate(algorithms.fit(Recipe("popularity", {}), train), train, held)

    report = report_of_evaluation(found.answers, train, [], personal=False, seed=0)

    # Two users of one and of two likes; a like outside the catalogue is a miss here too.
    [row] = report["accuracy"]["profile"]
    assert row["group"] == "1 or 2 likes"
    assert row["recall@20"] == found.metrics["recall@20"] == 0.75
    assert row["ndcg@10"] == pytest.approx(found.metrics["ndcg@10"])
    assert (row["users"], row["likes"]) == (2, 3)
