"""Likes that came or went, told from sketches."""

import numpy as np
import pytest
from scipy import sparse

from recommendations.engine.like_sketches import SUMS, changed_likes, sketches


def likes_of(users: int, songs: dict[int, list[int]]) -> sparse.csr_array:
    """X of so many users: who likes each song."""
    X = np.zeros((users, len(songs)), np.float32)
    for song, whose in songs.items():
        X[whose, song] = 1
    return sparse.csr_array(X)


def test_likes_that_stay_leave_no_trace_and_one_that_comes_or_goes_counts_one() -> None:
    keys = np.arange(100, 400, dtype=np.int64)
    stay, some = list(range(300)), [3, 5, 8]
    then = sketches(likes_of(300, {0: stay, 1: some, 2: some}), keys)
    now = sketches(likes_of(300, {0: stay, 1: [3, 5, 8, 250], 2: [3, 8]}), keys)

    assert then.shape == (3, SUMS)
    assert changed_likes(now, then).tolist() == [0, 1, 1]


def test_a_user_is_known_by_the_key_and_not_by_the_row() -> None:
    keys = np.array([7, 11, 13], np.int64)
    then = sketches(likes_of(3, {0: [0, 2]}), keys)
    now = sketches(likes_of(3, {0: [0, 1]}), keys[::-1])

    # Keys 7 and 13 then; 13 and 11 now.
    assert changed_likes(now, then)[0] > 0
    again = sketches(likes_of(3, {0: [2, 0]}), keys[::-1])
    assert changed_likes(again, then)[0] == 0


def test_many_changes_are_estimated_without_bias_also_where_as_many_come_as_go() -> None:
    rng = np.random.default_rng(0)
    users, songs, kept, changed = 2_000, 300, 500, 80
    keys = rng.choice(10**9, users, replace=False).astype(np.int64)
    then, now = {}, {}
    for song in range(songs):
        whose = rng.permutation(users)[: kept + 2 * changed].tolist()
        then[song], now[song] = whose[: kept + changed], whose[:kept] + whose[kept + changed :]

    found = changed_likes(
        sketches(likes_of(users, now), keys), sketches(likes_of(users, then), keys)
    )

    assert found.mean() == pytest.approx(2 * changed, rel=0.05)
    assert found.std() == pytest.approx(2 * changed * np.sqrt(2 / SUMS), rel=0.2)
