"""The sample of the likes of who likes a great deal."""

import numpy as np
from scipy import sparse

from recommendations.engine.heavy_users import counted, sampled


def likes_of(*degrees: int) -> sparse.csr_array:
    """So many likes of each user, of the first songs."""
    offsets = np.cumsum([0, *degrees]).astype(np.int32)
    songs = np.concatenate([np.arange(degree) for degree in degrees]).astype(np.int32)
    ones = np.ones(len(songs), np.float32)
    return sparse.csr_array((ones, songs, offsets), shape=(len(degrees), 100))


def test_who_likes_much_keeps_a_sample_and_others_keep_all() -> None:
    left = sampled(likes_of(3, 90, 20), seed=0, most=20, pairs=0)

    assert np.diff(left.indptr).tolist() == [3, 20, 20]
    assert left.data.tolist() == [1.0] * 43
    drawn = left.indices[3:23]
    assert (np.diff(drawn) > 0).all()
    assert drawn.max() > 40
    assert left.indices[:3].tolist() == [0, 1, 2]


def test_the_seed_alone_draws_the_sample() -> None:
    likes = likes_of(90)

    one, same, other = (
        sampled(likes, seed=seed, most=20, pairs=0).indices.tolist() for seed in (1, 1, 2)
    )

    assert one == same
    assert one != other


def test_projections_know_how_many_likes_of_a_user_are_counted() -> None:
    degrees = np.array([3, 90])

    assert counted(degrees, most=20, pairs=8109) == 90
    assert counted(degrees, most=20, pairs=8108) == 20
    assert counted(degrees, most=100, pairs=0) == 90
    assert counted(np.empty(0, np.int64)) == 0


def test_where_all_pairs_are_soon_counted_nothing_is_left_out() -> None:
    likes = likes_of(3, 90)

    assert sampled(likes, seed=0, most=20, pairs=8109) is likes
    assert sampled(likes, seed=0, most=20, pairs=8108) is not likes
