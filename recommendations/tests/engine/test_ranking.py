"""The best of many scores."""

import numpy as np
import pytest

from recommendations.engine.ranking import ranks_of, top_k

NOBODY = np.empty(0, np.int32)


def test_the_best_come_first_and_equal_scores_stand_in_row_order() -> None:
    scores = np.array([0.2, 0.9, 0.5, 0.9, 0.5], np.float32)

    rows, best = top_k(scores, 4, excluded=NOBODY)

    assert rows.tolist() == [1, 3, 2, 4]
    assert best.tolist() == pytest.approx([0.9, 0.9, 0.5, 0.5])
    assert rows.dtype == np.int32
    assert best.dtype == np.float32


def test_songs_of_the_profile_and_songs_not_allowed_never_appear() -> None:
    scores = np.array([4, 3, 2, 1], np.float32)

    rows, _ = top_k(
        scores,
        4,
        excluded=np.array([0], np.int32),
        allowed=np.array([True, True, False, True]),
    )

    assert rows.tolist() == [1, 3]
    assert scores.tolist() == [4, 3, 2, 1]


def test_asking_for_none_or_from_no_songs_gives_an_empty_list() -> None:
    assert top_k(np.ones(3, np.float32), 0, excluded=NOBODY)[0].tolist() == []
    assert top_k(np.empty(0, np.float32), 5, excluded=NOBODY)[0].tolist() == []


@pytest.mark.parametrize("k", [25, 400, 800, 2900])
@pytest.mark.parametrize("seed", range(5))
def test_long_lists_are_ranked_as_a_full_sort_would(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    # Few distinct values, so that ties run across the edge of the list.
    scores = rng.integers(0, 40, 3000).astype(np.float32)
    excluded = rng.choice(3000, 50, replace=False).astype(np.int32)
    left = np.setdiff1d(np.arange(3000), excluded)
    expected = left[np.lexsort((left, -scores[left]))][:k]

    assert top_k(scores, k, excluded=excluded)[0].tolist() == expected.tolist()


def test_the_place_of_a_song_counts_better_ones_and_equal_ones_before_it() -> None:
    scores = np.array([0.5, 0.9, 0.5, -np.inf, 0.1], np.float32)

    places = ranks_of(scores, np.array([0, 2, 4, 1, 3], np.int32))

    # Row 3 is out of the ranking: after the last of five.
    assert places.tolist() == [2, 3, 4, 1, 6]
