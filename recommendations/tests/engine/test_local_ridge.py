"""Local ridge: the closed form by hand, and both ways of solving it."""

from typing import Any

import numba
import numpy as np
import pytest

from recommendations.engine import (
    item_model,
    local_ridge_training,
    local_solving,
    local_systems,
)
from recommendations.engine.compiling import compiled
from recommendations.engine.interactions import IntArray, Interactions
from recommendations.engine.item_model import ItemModel
from recommendations.engine.model import NoKnownSongs, Parameters
from recommendations.engine.neighbours import Gram, nearest
from recommendations.tests.engine.worlds import (
    interactions,
    listeners_with_taste,
    profile,
    profile_of,
)

PLAIN: Parameters = {"ridge": 1.0, "kappa": 0.0, "damping": 0.0, "discount": 0.0, "base": 0.0}


def trained(world: Interactions, **parameters: float) -> ItemModel:
    return local_ridge_training.fit(world, PLAIN | parameters, 0)


def weights(model: ItemModel) -> np.ndarray:
    return np.asarray(model.liking.matrix.toarray())


def test_two_songs_with_one_neighbour_each_by_hand() -> None:
    # Song 0 has three likes, song 1 two, and they share two users: w_01 = 2 / (3 + 1).
    world = interactions([(0, 0, 1), (1, 0, 1), (2, 0, 1), (0, 1, 1), (1, 1, 1)], users=3, songs=2)

    W = weights(trained(world))

    assert W[0, 1] == pytest.approx(2 / 4)
    assert W[1, 0] == pytest.approx(2 / 3)


def test_kappa_scales_with_the_song_and_damping_with_the_users_likes() -> None:
    # Both users like two songs, so each weighs 2^(-2 · 0.5) = 1/2: G_00 = G_01 = 1.
    world = interactions([(u, s, 1) for u in range(2) for s in range(2)], users=2, songs=2)

    W = weights(trained(world, kappa=0.5, damping=0.5))

    assert W[0, 1] == pytest.approx(1 / (1 + 0.5 * 1 + 1))


def test_a_discount_takes_from_songs_of_many_likes_and_gives_to_those_of_few() -> None:
    # Song 0 has three likes and song 1 two, 2.5 in the mean.
    world = interactions([(0, 0, 1), (1, 0, 1), (2, 0, 1), (0, 1, 1), (1, 1, 1)], users=3, songs=2)

    W = weights(trained(world, discount=0.5))

    assert W[1, 0] == pytest.approx(2 / 3 * (3 / 2.5) ** -0.5)
    assert W[0, 1] == pytest.approx(2 / 4 * (2 / 2.5) ** -0.5)


def test_the_weights_solve_the_ridge_equations_of_all_songs_where_all_are_neighbours() -> None:
    world = listeners_with_taste(users=60, songs=12)
    model = trained(world, ridge=2.0, kappa=0.3)
    X = world.likes.toarray().astype(np.float64)
    G = X.T @ X

    for song in range(12):
        others = [s for s in range(12) if s != song and G[s, song] > 0]
        A = G[np.ix_(others, others)] + np.diag(2.0 + 0.3 * np.diag(G)[others])
        expected = np.linalg.solve(A, G[others, song])
        assert weights(model)[others, song] == pytest.approx(expected, abs=1e-5)


def test_with_fewer_neighbours_each_song_solves_the_equations_of_its_own() -> None:
    world = listeners_with_taste(users=300, songs=600)
    model = trained(world, neighbours=7, ridge=2.0, kappa=0.3)
    X = world.likes.toarray().astype(np.float64)
    G = X.T @ X
    diagonal = 2.0 + 1.3 * np.diag(G)
    W = weights(model)

    for song in range(0, 600, 37):
        likeness = G[song] / np.sqrt(diagonal * diagonal[song])
        likeness[song] = 0.0
        near = np.lexsort((np.arange(600), -likeness.round(6)))[:7]
        near = near[likeness[near] > 0]
        A = G[np.ix_(near, near)]
        np.fill_diagonal(A, diagonal[near])
        expected = np.zeros(600)
        expected[near] = np.linalg.solve(A, G[near, song])
        assert W[:, song] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("most", [8, 40, 600], ids=["many groups", "some", "one group"])
def test_songs_solved_together_have_the_weights_that_they_have_alone(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = listeners_with_taste(users=300, songs=120)
    alone = trained(world, neighbours=7)
    monkeypatch.setattr(local_solving, "MOST_TOGETHER", most)
    # Always worth it.
    monkeypatch.setattr(local_solving, "_LIKES_A_CELL", 0.0)
    monkeypatch.setattr(local_solving, "_PART", np.inf)
    solved: list[int] = []
    together = local_systems.solve_together

    def watched(songs: IntArray, *rest: Any) -> None:
        solved.extend(songs)
        together(songs, *rest)

    monkeypatch.setattr(local_solving, "solve_together", watched)

    model = trained(world, neighbours=7)

    assert len(set(solved)) > 100
    assert weights(model) == pytest.approx(weights(alone), rel=1e-5, abs=1e-7)


def test_a_song_of_many_users_is_counted_as_one_of_few() -> None:
    # Songs of over and under an eighth of the catalogue in pairs are summed up differently.
    world = listeners_with_taste(users=40, songs=400)
    likes, X = world.likes, world.likes.toarray()
    G = X.T @ X
    np.fill_diagonal(G, 0)

    ones = np.ones(400, np.float32)
    found = nearest(Gram(likes, likes.T.tocsr(), ones[:40], ones), 399)

    pairs = likes.T @ np.diff(likes.indptr)
    assert (pairs[pairs > 0] < 50).any() and (pairs >= 50).any()
    for song in range(400):
        there = found.rows[song] >= 0
        assert found.gram[song, there].tolist() == G[song, found.rows[song, there]].tolist()
        assert there.sum() == (G[song] > 0).sum()


def test_the_nearest_songs_share_most_users_for_their_size_and_ties_go_by_row() -> None:
    # Song 0 shares two users with song 3, one with each of 1, 2.
    world = interactions(
        [(0, 0, 1), (0, 3, 1), (1, 0, 1), (1, 3, 1), (2, 0, 1), (2, 1, 1), (3, 0, 1), (3, 2, 1)],
        users=4,
        songs=4,
    )
    diagonal = world.like_counts.astype(np.float32) + 1

    columns, ones = world.likes.T.tocsr(), np.ones(4, np.float32)
    found = nearest(Gram(world.likes, columns, ones, diagonal), 2)

    assert found.rows[0].tolist() == [1, 3]
    assert found.likeness[0, 1] == pytest.approx(2 / np.sqrt(5 * 3))
    # Song 1 shares a user with song 0 alone.
    assert found.rows[1].tolist() == [0, -1]


def test_scores_add_up_over_the_liked_songs() -> None:
    world = listeners_with_taste(users=60, songs=12)
    model = trained(world, base=0.01)
    counts = world.like_counts

    expected = weights(model)[[2, 5]].sum(axis=0) + 0.01 * counts / counts.max()

    assert model.scores(profile([2, 5], [7])) == pytest.approx(expected, abs=1e-6)


def test_many_profiles_at_once_score_as_one_by_one() -> None:
    world = listeners_with_taste(users=50, songs=30)
    model = trained(world)

    scores, known = model.score_block(world.likes, world.dislikes)

    assert known.all()
    for user in range(50):
        assert scores[user] == pytest.approx(model.scores(profile_of(world, user)), abs=1e-6)


def test_a_profile_without_likes_that_the_model_knows_is_no_use() -> None:
    # Song 2 has a like, but shares its user with no other song.
    world = interactions([(0, 0, 1), (0, 1, 1), (1, 2, 1)], users=3, songs=3)
    model = trained(world)

    for empty in (profile(), profile([2]), profile([], [0, 1])):
        with pytest.raises(NoKnownSongs):
            model.scores(empty)
    assert model.score_block(world.likes, world.dislikes)[1].tolist() == [True, False, False]


def test_a_disliked_song_lifts_nothing() -> None:
    model = trained(listeners_with_taste(users=50, songs=30))

    effects = model.removal_effects(profile([1, 2], [3]), 5)

    assert len(effects) == 3
    assert effects[2] == 0.0


def test_similar_songs_come_best_first_and_never_the_song_itself() -> None:
    world = listeners_with_taste(users=200, songs=40)
    rows, likeness = trained(world).similar(4, 5)

    assert len(rows) == 5
    assert 4 not in rows
    assert (np.diff(likeness) <= 0).all()
    # Songs of the same group have the same remainder by four.
    assert (rows % 4 == 0).sum() >= 3


@pytest.mark.parametrize(
    "world",
    [
        interactions([], users=0, songs=0),
        interactions([], users=1, songs=1),
        interactions([(0, 0, 1)], users=1, songs=1),
        interactions([(0, 0, -1), (0, 1, -1)], users=1, songs=3),
        interactions([(0, 0, 1), (0, 1, 1)], users=1, songs=5),
    ],
    ids=["nothing", "no likes", "one song", "dislikes only", "one user"],
)
def test_next_to_nothing_trains_too(world: Interactions) -> None:
    model = trained(world)

    assert model.n_songs == world.n_songs
    assert item_model.load("local_ridge", model.arrays()).n_songs == world.n_songs


def test_progress_reaches_the_end() -> None:
    seen: list[float] = []
    world = listeners_with_taste(users=30, songs=20)

    local_ridge_training.fit(world, {}, 0, lambda _, share: seen.append(share))

    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_loops_are_compiled_too_where_nothing_can_be_kept_on_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = numba.njit

    def without_a_home(*, cache: bool = False, **options: Any) -> Any:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return whole(**options)

    monkeypatch.setattr(numba, "njit", without_a_home)

    assert compiled(_twice)(21) == 42


def _twice(number: int) -> int:
    return 2 * number
