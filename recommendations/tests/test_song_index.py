"""Rows, genres and artists of a model's songs."""

import numpy as np
import pytest

from recommendations.song_index import BrokenIndex, SongIndex, genres_of

SONGS = [("b", "Duo", "Rock|Folk"), ("a", "duo ", "rock"), ("c", "", "")]


def index() -> SongIndex:
    return SongIndex.build(SONGS, np.array([5, 3, 0]))


def test_rows_follow_the_order_given_and_unknown_ids_are_left_out() -> None:
    assert index().rows(["c", "nobody", "b"]).tolist() == [2, 0]
    assert index().row("a") == 1
    assert index().row("nobody") is None


def test_genres_and_artists_are_compared_without_case_and_outer_spaces() -> None:
    assert index().rows_of_genre(" ROCK").tolist() == [0, 1]
    assert index().rows_of_genre("folk").tolist() == [0]
    assert index().rows_of_artist("DUO").tolist() == [0, 1]


@pytest.mark.parametrize("name", ["", "zzz", "a"])
def test_a_name_that_no_song_has_gives_no_rows(name: str) -> None:
    assert index().rows_of_genre(name).tolist() == []
    assert index().rows_of_artist(name).tolist() == []


def test_a_song_without_an_artist_shares_none_with_others() -> None:
    assert index().artist_of.tolist() == [0, 0, -1]


def test_a_genre_field_holds_distinct_names() -> None:
    assert genres_of("Rock | rock||Folk") == ["folk", "rock"]


def test_the_stored_arrays_make_the_same_index_again() -> None:
    again = SongIndex.load(index().arrays())

    assert again.song_ids.tolist() == ["b", "a", "c"]
    assert again.rows_of_genre("rock").tolist() == [0, 1]


def test_an_index_of_no_songs_works() -> None:
    empty = SongIndex.load(SongIndex.build([], np.zeros(0, np.int64)).arrays())

    assert len(empty) == 0
    assert empty.rows(["a"]).tolist() == []
    assert empty.rows_of_genre("rock").tolist() == []


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("genre_rows", np.array([0, 1, 99], np.int32)),
        ("genre_starts", np.array([0, 1], np.int32)),
        ("artist_of", np.array([0, 7, -1], np.int32)),
        ("like_counts", np.array([1.0, 2.0, 3.0])),
        ("song_ids", np.array(["a", "a", "c"])),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused_by_name(
    name: str, array: "np.ndarray[tuple[int], np.dtype[np.int32]]"
) -> None:
    with pytest.raises(BrokenIndex, match=name):
        SongIndex.load({**index().arrays(), name: array})
