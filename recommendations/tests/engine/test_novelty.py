"""Lists turned to the familiar or to the adventurous."""

from itertools import pairwise

import numpy as np
import pytest

from recommendations.engine import novelty
from recommendations.engine.interactions import FloatArray, IntArray
from recommendations.engine.metrics import percentiles
from recommendations.engine.novelty import Turned, turned
from recommendations.engine.ranking import Scored

NOBODY = np.empty(0, np.int32)
STRENGTHS = (-1.0, -0.5, 0.0, 0.5, 1.0)


def test_the_order_is_the_one_worked_out_by_hand() -> None:
    # The deviation of 3, 2, 1 is .816, and the percentiles of 9, 1, 5 likes are 1, 0, .5, so that
    # novelty n adds n * 2 * .816 times -1, 1 and 0.
    scores, likes = np.array([3, 2, 1], np.float32), np.array([9, 1, 5])

    assert turned(scores, likes, 0.3).tolist() == [0, 1, 2]  # 2.51, 2.49, 1
    assert turned(scores, likes, 0.31).tolist() == [1, 0, 2]  # 2.49, 2.51, 1
    assert turned(scores, likes, 1.0).tolist() == [1, 0, 2]  # 1.37, 3.63, 1
    assert turned(scores, likes, -1.0).tolist() == [0, 2, 1]  # 4.63, .37, 1


def test_scores_in_another_unit_give_the_same_order() -> None:
    scores, likes = _scores(), _likes()

    for strength in STRENGTHS:
        order = turned(scores, likes, strength).tolist()
        assert order == turned(1024 * scores, likes, strength).tolist()


def test_songs_alike_in_popularity_or_in_score_keep_their_order() -> None:
    assert turned(np.array([3, 2, 1], np.float32), np.array([4, 4, 4]), 1.0).tolist() == [0, 1, 2]
    assert turned(np.array([2, 2, 2], np.float32), np.array([9, 1, 5]), 1.0).tolist() == [0, 1, 2]
    assert turned(np.array([7], np.float32), np.array([3]), -1.0).tolist() == [0]
    assert turned(np.empty(0, np.float32), np.empty(0, np.int64), 1.0).tolist() == []


def test_a_song_far_above_the_others_stays_first() -> None:
    scores = np.array([100, *range(20, 0, -1)], np.float32)
    likes = np.arange(21, 0, -1)  # the best song is the most liked one

    assert turned(scores, likes, 1.0)[0] == 0


def test_the_more_adventurous_the_less_popular() -> None:
    popular = percentiles(_likes())
    shown = [popular[_best(strength, 20)[0]].mean() for strength in STRENGTHS]

    assert all(before > after for before, after in pairwise(shown))


def test_no_novelty_is_the_ranking_itself() -> None:
    ranking = Scored(_scores())

    assert _best(0.0, 900)[0].tolist() == ranking.best(900, excluded=NOBODY)[0].tolist()


@pytest.mark.parametrize("strength", STRENGTHS)
def test_a_longer_list_begins_with_the_shorter_one(strength: float) -> None:
    longest, scores = _best(strength, 1_000)

    assert sorted(longest.tolist()) == list(range(1_000))
    assert scores.tolist() == _scores()[longest].tolist()
    for k in (0, 1, 20, 499, 500, 501, 700):
        assert _best(strength, k)[0].tolist() == longest[:k].tolist()


@pytest.mark.parametrize("strength", STRENGTHS)
def test_who_leaves_out_the_first_songs_gets_those_that_followed(strength: float) -> None:
    whole = _best(strength, 600)[0]

    for seen in (1, 20, 480, 500, 550):
        rest = _best(strength, 600 - seen, excluded=whole[:seen])[0]
        assert rest.tolist() == whole[seen:].tolist()


def test_judged_songs_and_songs_not_allowed_never_appear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(novelty, "CANDIDATES", 3)
    scores = np.arange(10, 0, -1).astype(np.float32)
    judged, allowed = np.array([0, 4], np.int32), np.arange(10) % 2 == 0

    rows, best = Turned(Scored(scores), np.arange(10, 0, -1), 1.0, judged).best(
        10, excluded=np.array([0, 4, 8], np.int32), allowed=allowed
    )

    assert rows.tolist() == [6, 2]
    assert best.tolist() == [4, 8]


def _scores() -> FloatArray:
    return np.random.default_rng(1).normal(size=1_000).astype(np.float32)


def _likes() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.random.default_rng(2).zipf(1.5, 1_000)


def _best(strength: float, k: int, excluded: IntArray = NOBODY) -> tuple[IntArray, FloatArray]:
    return Turned(Scored(_scores()), _likes(), strength, NOBODY).best(k, excluded=excluded)
