"""Turbo-CF and item KNN: their weights by hand."""

import numpy as np
import pytest

from recommendations.engine import algorithms
from recommendations.engine.interactions import Interactions
from recommendations.engine.item_model import ItemModel
from recommendations.engine.model import Recipe
from recommendations.tests.engine.worlds import interactions

# Users 0 and 1 like songs 0 and 1, user 1 likes song 2 as well; user 2 likes song 2 alone.
ROWS = [(0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 1), (1, 2, 1), (2, 2, 1), (2, 0, -1)]
WORLD = interactions(ROWS, users=3, songs=4)


def weights(algorithm: str, world: Interactions = WORLD, **parameters: float) -> np.ndarray:
    """W by liked song and recommended song, dense."""
    model = algorithms.fit(Recipe(algorithm, parameters), world)
    assert isinstance(model, ItemModel)
    return model.liking.matrix.toarray()


def test_turbo_cf_divides_by_likes_of_users_and_of_songs_and_sharpens() -> None:
    W = weights("turbo_cf", user_damping=0.5, power=2.0)

    # Both users' likes count for 1/2 and 1/3; each song has 2 likes, so c = 2^-1/2.
    assert W[0, 1] == W[1, 0] == pytest.approx(((1 / 2 + 1 / 3) / 2) ** 2)
    assert W[0, 2] == pytest.approx((1 / 3 / 2) ** 2)
    assert W[0, 0] == 0
    assert not W[3].any()


def test_item_knn_weighs_by_bm25() -> None:
    W = weights("item_knn", k1=1.2, b=0.75)

    mean = 6 / 3
    of_user = [2.2 / (1.2 * (0.25 + 0.75 * d / mean) + 1) for d in (2, 3, 1)]
    # log(3 users / (1 + 2 likes)) is 0, below the least that a song may weigh.
    assert W[0, 1] == pytest.approx((of_user[0] ** 2 + of_user[1] ** 2) * 1e-6)
    crowd = interactions([(user, song, 1) for user, song, _ in ROWS[:-1]], users=30, songs=4)
    idf = np.log(30 / 3)
    mean = 6 / 30
    of_user = [2.2 / (1.2 * (0.25 + 0.75 * d / mean) + 1) for d in (2, 3)]
    expected = (of_user[0] ** 2 + of_user[1] ** 2) * idf**2
    assert weights("item_knn", crowd, k1=1.2, b=0.75)[0, 1] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("algorithm", ["turbo_cf", "item_knn"])
def test_each_song_keeps_its_largest_weights_only(algorithm: str) -> None:
    W = weights(algorithm, neighbours=1)

    assert ((W > 0).sum(axis=0) <= 1).all()
    assert W[0, 1] > 0
