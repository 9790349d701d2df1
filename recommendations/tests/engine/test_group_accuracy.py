"""Accuracy by genre, profile and popularity, by hand."""

from math import log2
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from recommendations.engine.evaluation import HeldLikes
from recommendations.engine.group_accuracy import (
    MOST_GENRES,
    Grouping,
    accuracy_of,
    by_genre,
    by_popularity,
    by_profile_size,
)
from recommendations.engine.interactions import Traits

# Song 0 is rock, song 1 rock and jazz, song 2 jazz, song 3 of no genre.
NAMES = ["rock", "jazz"]
TRAITS = Traits(
    np.full(4, -1, np.int32),
    sparse.csr_array(np.array([[1, 0], [1, 1], [0, 1], [0, 0]], np.float32)),
)


def held_likes(rows: list[tuple[int, int, int]]) -> HeldLikes:
    """From (asker, song, place)."""
    table = np.array(rows, np.int64).reshape(-1, 3)
    return HeldLikes(table[:, 0], table[:, 1].astype(np.int32), table[:, 2])


def likes_by_group(grouping: Grouping) -> dict[str, list[int]]:
    return {
        name: sorted(grouping.likes[grouping.groups == at].tolist())
        for at, name in enumerate(grouping.names)
    }


def rows_of(likes: HeldLikes, n_users: int, grouping: Grouping) -> dict[str, dict[str, Any]]:
    found = accuracy_of(likes, n_users, {"kind": grouping}, seed=0)
    return {row["group"]: row for row in found["kind"]}


def test_a_song_of_two_genres_counts_for_both_and_one_of_none_is_among_the_others() -> None:
    likes = held_likes([(0, 0, 1), (0, 1, 2), (0, 3, 3), (1, 2, 1), (1, -1, 99)])

    found = by_genre(likes, NAMES, TRAITS)

    # As large as one another: in the order of the catalogue. Song -1 has no genre to be of.
    assert likes_by_group(found) == {"rock": [0, 1], "jazz": [1, 3], "others": [2]}


def test_a_genre_that_is_called_others_is_among_them() -> None:
    likes = held_likes([(0, 0, 1), (0, 1, 2), (0, 2, 3), (0, 3, 4)])

    found = by_genre(likes, ["rock", "others"], TRAITS)

    assert likes_by_group(found) == {"rock": [0, 1], "others": [2, 3]}


def test_the_genres_with_most_held_back_likes_are_named() -> None:
    n = MOST_GENRES + 2
    traits = Traits(np.full(n, -1, np.int32), sparse.csr_array(np.eye(n, dtype=np.float32)))
    likes = held_likes([(0, song, 1) for song in range(n) for _ in range(1 + song)])

    found = by_genre(likes, [f"genre {g}" for g in range(n)], traits)

    assert found.names[0] == f"genre {n - 1}"
    assert len(found.names) == MOST_GENRES + 1
    # Genres 0 and 1, of one like and of two.
    assert likes_by_group(found)["others"] == [0, 1, 2]


def test_profiles_are_grouped_by_their_likes() -> None:
    likes = held_likes([(user, 0, 1) for user in range(7)])

    found = by_profile_size(likes, np.array([0, 1, 2, 3, 9, 29, 30]))

    assert list(likes_by_group(found).values()) == [[0], [1, 2], [3, 4], [5], [6]]


def test_the_head_is_the_songs_with_the_first_third_of_all_likes() -> None:
    likes = held_likes([(0, song, 1) for song in range(6)] + [(0, -1, 99)])

    # Of 12 likes song 3 has the first 4, songs 1 and 0 those up to 8, the others the rest.
    found = by_popularity(likes, np.array([1, 3, 2, 4, 0, 2]))

    assert likes_by_group(found) == {"head": [3], "middle": [1, 2], "tail": [0, 4, 5]}


def test_where_nobody_likes_anything_all_songs_are_of_the_tail() -> None:
    found = by_popularity(held_likes([(0, 0, 1), (0, 1, 2)]), np.zeros(2, np.int64))

    assert likes_by_group(found) == {"head": [], "middle": [], "tail": [0, 1]}


def test_of_a_group_its_own_likes_alone_are_relevant() -> None:
    # User 0: rock at places 2 and 30, jazz at 1. User 1: jazz at 4. User 2 has nothing of either.
    likes = held_likes([(0, 0, 2), (0, 0, 30), (0, 2, 1), (1, 2, 4), (2, 3, 1)])

    found = rows_of(likes, 3, by_genre(likes, NAMES, TRAITS))

    assert found["rock"]["recall@20"] == 0.5
    assert found["rock"]["ndcg@10"] == pytest.approx((1 / log2(3)) / (1 + 1 / log2(3)))
    assert (found["rock"]["users"], found["rock"]["likes"]) == (1, 2)
    assert found["jazz"]["ndcg@10"] == pytest.approx((1 + 1 / log2(5)) / 2)
    assert (found["jazz"]["users"], found["jazz"]["likes"]) == (2, 2)
    assert found["others"]["ndcg@10"] == 1.0
    low, high = found["jazz"]["intervals"]["ndcg@10"]
    assert low <= found["jazz"]["ndcg@10"] <= high


def test_the_ideal_list_of_more_likes_than_ten_has_ten() -> None:
    likes = held_likes([(0, 0, place) for place in range(1, 13)])

    found = rows_of(likes, 1, Grouping(["all"], np.arange(12), np.zeros(12, np.int64)))

    assert found["all"]["ndcg@10"] == pytest.approx(1.0)
    assert found["all"]["recall@20"] == 1.0


def test_without_any_genre_there_is_no_group_of_others() -> None:
    likes = held_likes([(0, 0, 1)])

    assert accuracy_of(likes, 1, {"genre": by_genre(likes, [], None)}, seed=0) == {"genre": []}


def test_groups_without_a_like_have_no_row() -> None:
    likes = held_likes([(0, 0, 1)])

    kinds = {
        "genre": by_genre(likes, NAMES, TRAITS),
        "size": by_profile_size(likes, np.array([5])),
    }

    found = accuracy_of(likes, 1, kinds, seed=0)

    assert [row["group"] for row in found["genre"]] == ["rock"]
    assert [row["group"] for row in found["size"]] == ["3 to 9"]
    assert accuracy_of(held_likes([]), 0, {}, seed=0) == {}
