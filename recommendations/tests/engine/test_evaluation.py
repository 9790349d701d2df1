"""The figures of an evaluation, by hand."""

from math import log2

import numpy as np
import pytest

from recommendations.engine.bootstrap import coverage_interval, mean_intervals
from recommendations.engine.cutting import HeldOut
from recommendations.engine.evaluation import evaluate
from recommendations.engine.metrics import area_under_curve, percentiles, ranking_metrics
from recommendations.engine.popularity import Popularity, fit
from recommendations.tests.engine.worlds import Row, interactions


def held_out(rows: list[Row]) -> HeldOut:
    table = np.array(rows).reshape(-1, 3)
    return HeldOut(
        table[:, 0].astype(np.int32), table[:, 1].astype(np.int32), table[:, 2].astype(np.int8)
    )


def test_one_hit_at_the_second_place_of_two_relevant_songs() -> None:
    found = ranking_metrics(np.array([2, 30]), 2, [1, 10])

    assert found["recall@10"] == 0.5
    assert found["ndcg@10"] == pytest.approx((1 / log2(3)) / (1 + 1 / log2(3)))
    assert found["mrr"] == 0.5
    assert found["recall@1"] == 0.0


def test_truncated_recall_can_be_whole_where_more_is_relevant_than_the_list_holds() -> None:
    found = ranking_metrics(np.array([1, 2, 3]), 3, [2])

    assert found["recall@2"] == pytest.approx(2 / 3)
    assert found["truncated_recall@2"] == 1.0
    assert found["ndcg@2"] == 1.0


def test_a_relevant_song_outside_the_catalogue_stays_a_miss() -> None:
    assert ranking_metrics(np.array([1]), 2, [20])["recall@20"] == 0.5
    assert ranking_metrics(np.empty(0, np.int64), 1, [20])["mrr"] == 0.0


def test_the_area_under_the_curve_counts_ties_one_half() -> None:
    liked, disliked = np.array([2.0, 1.0], np.float32), np.array([1.0, 0.0], np.float32)

    # Pairs: 2>1, 2>0, 1=1, 1>0.
    assert area_under_curve(liked, disliked) == 3.5 / 4
    assert np.isnan(area_under_curve(liked, disliked[:0]))


def test_equally_popular_songs_share_their_percentile() -> None:
    assert percentiles(np.array([5, 0, 5, 1, 9])).tolist() == [62.5, 0, 62.5, 25, 100]


def test_popularity_is_evaluated_as_worked_out_by_hand() -> None:
    # Likes: song 0 three, song 1 two, song 2 one, song 3 none.
    train = interactions(
        [(0, 0, 1), (1, 0, 1), (2, 0, 1), (0, 1, 1), (1, 1, 1), (2, 2, 1), (1, 3, -1)],
        users=3,
        songs=4,
    )
    test = held_out([(0, 3, 1), (0, 2, -1), (1, 2, 1), (2, 1, 1), (2, 0, 1), (3, 0, 1), (1, -1, 1)])

    found = evaluate(fit(train, {}, 0), train, test, ks=(1, 2))

    # User 0 sees 2, 3: the like at place 2. User 1 disliked 3 and sees 2 alone: 1 of 2 likes, the
    # other is outside the catalogue. User 2 sees 1 first; the repeated like of 0 is dropped.
    # User 3 has no profile and sees 0 first.
    assert found.users == 4
    assert found.metrics["recall@1"] == pytest.approx((0 + 0.5 + 1 + 1) / 4)
    assert found.metrics["recall@2"] == pytest.approx((1 + 0.5 + 1 + 1) / 4)
    assert found.metrics["mrr"] == pytest.approx((0.5 + 1 + 1 + 1) / 4)
    # User 0 alone has a like (song 3, no likes) and a dislike (song 2, one like).
    assert found.metrics["auc"] == 0.0
    assert found.counts == {
        "test_likes_in_train": 1,
        "test_likes_outside_catalogue": 1,
        "users_without_profile": 1,
        "users_given_popularity": 0,
    }
    low, high = found.intervals["recall@1"]
    assert 0 <= low <= found.metrics["recall@1"] <= high <= 1


def test_coverage_counts_songs_that_somebody_is_shown() -> None:
    train = interactions([(0, 0, 1), (1, 0, 1)], users=2, songs=50)
    model = Popularity(np.arange(50, dtype=np.float32))

    found = evaluate(model, train, held_out([(0, 49, 1), (1, 49, 1)]), ks=(1,))

    # Both are shown the same twenty of fifty.
    assert found.metrics["coverage@20"] == 0.4
    assert found.metrics["recall@1"] == 1.0


def test_asking_a_sample_of_users_is_decided_by_the_seed() -> None:
    train = interactions([(u, 0, 1) for u in range(30)], users=30, songs=3)
    test = held_out([(u, 1 + u % 2, 1) for u in range(30)])
    model = fit(train, {}, 0)

    first, again = (evaluate(model, train, test, most_users=10, seed=4) for _ in range(2))

    assert first.users == 10
    assert first.metrics == again.metrics


def test_songs_that_are_not_ranked_take_no_place() -> None:
    train = interactions([(0, 0, 1)], users=1, songs=4)
    model = Popularity(np.array([0, 9, 5, 1], np.float32))
    ranked = np.array([True, False, True, True])

    found = evaluate(model, train, held_out([(0, 2, 1)]), ks=(1,), ranked=ranked)

    assert found.metrics["recall@1"] == 1.0
    assert found.answers.lists[0, :3].tolist() == [2, 3, -1]


def test_nobody_to_ask_gives_no_figures() -> None:
    train = interactions([(0, 0, 1)], users=1, songs=2)

    found = evaluate(fit(train, {}, 0), train, held_out([(0, 1, -1)]))

    assert (found.users, found.metrics) == (0, {})


def test_the_bootstrap_interval_of_a_mean_is_two_standard_errors_wide_each_way() -> None:
    values = np.random.default_rng(1).random(4000)

    low, high = mean_intervals({"x": values}, seed=0)["x"]

    error = values.std() / np.sqrt(4000)
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.3 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.3 * error)
    assert mean_intervals({"x": values}, seed=0)["x"] == (low, high)


def test_a_metric_that_knows_some_users_only_is_averaged_over_those() -> None:
    values = np.array([1.0, np.nan, 1.0, np.nan, 1.0])

    assert mean_intervals({"auc": values}, seed=0)["auc"] == (1.0, 1.0)


def test_the_interval_of_the_coverage_holds_the_coverage() -> None:
    from scipy import sparse

    shown = sparse.csr_array(np.random.default_rng(0).random((200, 400)) < 0.01)

    low, high = coverage_interval(shown.astype(np.float32), seed=0)

    assert low < (shown.sum(axis=0) > 0).mean() < high
