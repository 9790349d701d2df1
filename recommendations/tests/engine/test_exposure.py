"""What lists hold: every figure worked out by hand on a handful of songs."""

from math import log2

import numpy as np
import pytest

from recommendations.engine.exposure import (
    coverage,
    gini,
    list_figures,
    lorenz,
    mean_in_lists,
    novelty_bits,
    padded,
)
from recommendations.tests.engine.worlds import interactions

# Likes: song 0 three, song 1 two, song 2 one, song 3 none; user 3 only dislikes.
TOWN = interactions(
    [(0, 0, 1), (1, 0, 1), (2, 0, 1), (0, 1, 1), (1, 1, 1), (2, 2, 1), (3, 0, -1)],
    users=4,
    songs=4,
)


def test_coverage_counts_songs_in_anybodys_list_and_no_padding() -> None:
    lists = padded([np.array([0, 1], np.int32), np.array([1], np.int32)], 3)

    assert lists.tolist() == [[0, 1, -1], [1, -1, -1]]
    assert coverage(lists, 4) == 0.5


def test_gini_is_0_for_equal_shares_and_nears_1_where_one_song_has_all() -> None:
    assert gini(np.array([5, 5, 5, 5])) == 0.0
    assert gini(np.array([0, 0, 8, 0])) == 0.75
    # Sorted 1, 3: (-1 · 1 + 1 · 3) / (2 · 4).
    assert gini(np.array([3, 1])) == 0.25
    assert np.isnan(gini(np.zeros(3)))


def test_the_lorenz_curve_says_what_the_least_listed_half_has() -> None:
    curve = lorenz(np.array([6, 1, 0, 1]))

    assert (curve[0], curve[50], curve[75], curve[100]) == (0.0, 0.125, 0.25, 1.0)
    # Between two songs it runs straight.
    assert curve[90] == pytest.approx(0.25 + 0.75 * 0.6)
    assert lorenz(np.zeros(3)) == []


def test_novelty_is_the_surprise_at_a_listener_who_knows_the_song() -> None:
    # Three users like anything; a song without a like counts as one with one.
    assert novelty_bits(TOWN).tolist() == pytest.approx([0, log2(3 / 2), log2(3), log2(3)])


def test_the_mean_over_a_list_leaves_its_padding_out() -> None:
    lists = np.array([[0, 2, -1], [3, -1, -1], [-1, -1, -1]], np.int32)

    found = mean_in_lists(lists, np.array([1.0, 9.0, 4.0, 8.0]))

    assert found[:2].tolist() == [2.5, 8.0]
    assert np.isnan(found[2])


def test_the_figures_of_lists_stand_beside_those_of_the_same_users_likes() -> None:
    # User 2 likes songs 0 and 2, user 3 none, and user 9 is not of the training.
    lists = np.array([[1, 3], [0, 1], [0, 1]], np.int32)

    found = list_figures(lists, np.array([2, 3, 9], np.int32), TOWN)

    # Percentiles of four songs with 3, 2, 1 and 0 likes: 100, 66.7, 33.3 and 0.
    assert found == {
        "coverage@20": 0.75,
        # Exposures 2, 3, 0, 1, sorted 0 1 2 3: (0 - 1 + 2 + 9) / (4 · 6).
        "gini@20": pytest.approx(10 / 24),
        "gini_of_likes": pytest.approx(10 / 24),
        "popularity_percentile@20": pytest.approx((100 / 3 + 2 * 250 / 3) / 3, abs=1e-4),
        "popularity_percentile_of_likes": pytest.approx(200 / 3, abs=1e-4),
        "novelty_bits@20": pytest.approx(((log2(1.5) + log2(3)) / 2 + 2 * log2(1.5) / 2) / 3),
        "novelty_bits_of_likes": pytest.approx(log2(3) / 2),
    }


def test_what_lists_of_nothing_do_not_tell_is_left_out() -> None:
    nothing = interactions([], users=0, songs=2)

    found = list_figures(np.empty((0, 20), np.int32), np.empty(0, np.int32), nothing)

    assert found == {"coverage@20": 0.0}
