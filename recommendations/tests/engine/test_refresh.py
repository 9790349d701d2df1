"""A refresh solves again what moved, as a whole training would, and leaves the rest as it was."""

from dataclasses import replace

import numpy as np
import pytest

from recommendations.engine import algorithms, ials_training, local_ridge_training
from recommendations.engine.blend import Blend
from recommendations.engine.earlier import SONGS, Earlier
from recommendations.engine.interactions import Interactions
from recommendations.engine.like_sketches import changed_likes, sketches
from recommendations.engine.local_refresh import Solved, solved_earlier
from recommendations.engine.model import Recipe
from recommendations.engine.neighbours import Gram
from recommendations.tests.engine.in_memory import Kept
from recommendations.tests.engine.worlds import interactions, listeners_with_taste, profile_of

RIDGE = Recipe("local_ridge", {"neighbours": 6})
FACTORS = Recipe("ials", {"factors": 8, "epochs": 30, "regularisation": 0.01})
WORLD = listeners_with_taste(users=400, songs=60, seed=1)


def with_likes(world: Interactions, likes: list[tuple[int, int]], songs: int = 0) -> Interactions:
    """The world with these likes more, and with so many songs more."""
    pairs = set(zip(world.users.tolist(), world.songs.tolist(), strict=True))
    assert not pairs & set(likes)
    old = zip(world.users.tolist(), world.songs.tolist(), world.values.tolist(), strict=True)
    users = max([world.n_users, *(user + 1 for user, _ in likes)])
    return interactions(
        [*old, *((user, song, 1) for user, song in likes)],
        users=users,
        songs=world.n_songs + songs,
    )


def strangers_to(world: Interactions, song: int, count: int) -> list[tuple[int, int]]:
    """Likes of the song by users who have not judged it."""
    judged = set(world.users[world.songs == song].tolist())
    users = [user for user in range(world.n_users) if user not in judged]
    return [(user, song) for user in users[:count]]


def left_by(recipe: Recipe, world: Interactions) -> Kept:
    """What a whole training leaves."""
    kept = Kept()
    algorithms.fit(recipe, world, checkpoints=kept)
    if SONGS in kept.pieces and "around" in kept.pieces[SONGS]:
        # So that a song that is solved again can be told: it has 0.
        kept.pieces[SONGS]["around"] += 1e-3
    return kept


def earlier(
    kept: Kept, then: Interactions, now: Interactions, rows: list[int] | None = None
) -> Earlier:
    """What is left of a training on ``then``; rows: of each song of now, its row then."""
    where = np.array(
        [*range(then.n_songs), *[-1] * (now.n_songs - then.n_songs)] if rows is None else rows,
        np.int32,
    )
    before = sketches(then.likes, np.arange(then.n_users, dtype=np.int64))
    before = np.where((where >= 0)[:, None], before[where], 0).astype(np.int32)
    present = sketches(now.likes, np.arange(now.n_users, dtype=np.int64))
    return Earlier(kept, where, changed_likes(present, before))


def solved(kept: Kept) -> Solved:
    """The local ridge that a training left."""
    return Solved(**kept.pieces[SONGS])


def refreshed(recipe: Recipe, now: Interactions, before: Earlier) -> Kept:
    """What a refresh leaves."""
    kept = Kept()
    algorithms.fit(recipe, now, checkpoints=kept, earlier=before)
    return kept


def test_without_a_change_nothing_is_solved_and_the_model_is_the_same() -> None:
    for recipe in (RIDGE, FACTORS):
        whole, kept = algorithms.fit(recipe, WORLD), left_by(recipe, WORLD)
        before = earlier(kept, WORLD, WORLD)

        model = algorithms.fit(recipe, WORLD, earlier=before)

        assert before.solved_again == [0]
        for name, array in whole.arrays().items():
            assert np.array_equal(model.arrays()[name], array), (recipe.algorithm, name)


def test_songs_that_moved_get_the_weights_of_a_whole_training_and_others_keep_theirs() -> None:
    # A like of the most popular song moves nothing, of a rare one that song.
    popular, rare = 0, int(np.argmin(np.where(WORLD.like_counts > 3, WORLD.like_counts, 999)))
    likes = strangers_to(WORLD, popular, 1) + strangers_to(WORLD, rare, 12)
    now, kept = with_likes(WORLD, likes), left_by(RIDGE, WORLD)
    then, whole = solved(kept), solved(left_by(RIDGE, now))
    before = earlier(kept, WORLD, now)

    found = solved(refreshed(RIDGE, now, before))

    again = found.around == 0
    assert not again[popular] and again[rare]
    assert before.solved_again == [again.sum()] and 0 < again.sum() < 20
    for name in ("rows", "gram", "weights"):
        assert np.array_equal(getattr(found, name)[again], getattr(whole, name)[again]), name
        assert np.array_equal(getattr(found, name)[~again], getattr(then, name)[~again]), name
    assert not np.array_equal(whole.weights[again], then.weights[again])


@pytest.mark.parametrize("recipe", [RIDGE, FACTORS])
def test_small_changes_add_up_over_refreshes(recipe: Recipe) -> None:
    song = 0
    likes = int(WORLD.like_counts[song])
    assert 100 < likes < 300
    news, kept, world = strangers_to(WORLD, song, 4), left_by(recipe, WORLD), WORLD
    again = []
    for pair in news:
        now = with_likes(world, [pair])
        kept = refreshed(recipe, now, earlier(kept, world, now))
        again.append(bool(kept.pieces[SONGS]["own"][song] == 0))
        world = now

    # Over 1 % of its likes at the second or third, and from there on anew.
    assert again.count(True) in (1, 2)
    assert not again[0]


def test_a_song_is_solved_again_when_its_neighbours_moved() -> None:
    kept = left_by(RIDGE, WORLD)
    song = 0
    near = [int(row) for row in solved(kept).rows[song] if row >= 0]
    likes = [pair for each in near for pair in strangers_to(WORLD, each, 3)]
    now = with_likes(WORLD, likes)

    found = solved(refreshed(RIDGE, now, earlier(kept, WORLD, now)))

    assert earlier(kept, WORLD, now).changed[song] == 0
    assert found.around[song] == 0
    whole = solved(left_by(RIDGE, now))
    assert np.array_equal(found.weights[song], whole.weights[song])


MANY = np.full(5, 1000)


def three_near_song_4(closest: float) -> tuple[Gram, Solved]:
    """Song 4 shares three users with song 0 and one with song 1; Λ + diag G is 1 everywhere.

    Songs 0 and 1 have each other for their one neighbour, with so great a likeness.
    """
    world = interactions(
        [(user, 4, 1) for user in range(4)] + [(user, 0, 1) for user in range(3)] + [(3, 1, 1)],
        users=4,
        songs=5,
    )
    ones = np.ones(5, np.float32)
    rows = np.array([[1], [0], [-1], [-1], [-1]], np.int32)
    entries = np.array([[closest], [closest], [0], [0], [0]], np.float32)
    nothing = [np.zeros(5, np.float32) for _ in range(4)]
    gram = Gram(world.likes, world.likes.T.tocsr(), ones[:4], ones)
    return gram, Solved(rows, entries, entries.copy(), *nothing)


@pytest.mark.parametrize(("closest", "near"), [(2.0, [0]), (3.0, []), (0.5, [0, 1])])
def test_what_comes_nearer_than_the_last_neighbour_has_a_song_solved(
    closest: float, near: list[int]
) -> None:
    gram, found = three_near_song_4(closest)
    again = np.arange(5) == 4

    assert np.flatnonzero(found.come_near(gram, again, MANY)).tolist() == near
    # What it explains more than the last neighbour does: 3² and 1².
    expected = [max(0.0, 9 - closest**2), max(0.0, 1 - closest**2), 0, 0, 0]
    assert found.came.tolist() == pytest.approx(expected)


def test_what_comes_near_bit_by_bit_adds_up_until_the_song_is_solved() -> None:
    gram, found = three_near_song_4(2.99)
    found.rows[0, 0], again = 2, np.arange(5) == 4
    # 9 − 2.99² is .7 % of 2.99².
    assert [found.come_near(gram, again, MANY)[0] for _ in range(2)] == [False, True]

    found.settle(np.arange(5) == 0)

    assert found.came[0] == 0


def test_a_song_as_good_as_new_need_explain_but_little_of_those_it_speaks_for() -> None:
    for own, solved_too in ((501, [0]), (500, [])):
        gram, found = three_near_song_4(2.999)
        found.rows[0, 0], again = 2, np.arange(5) == 4
        found.rows[4, 0], found.gram[4, 0], found.own[4] = 0, 3, own

        assert np.flatnonzero(found.come_near(gram, again, MANY)).tolist() == solved_too


def test_a_neighbour_that_is_known_comes_no_nearer() -> None:
    gram, found = three_near_song_4(2.0)
    found.rows[0, 0] = 4

    assert not found.come_near(gram, np.arange(5) == 4, MANY).any()


def test_that_users_weigh_less_with_every_like_moves_their_songs() -> None:
    # Everybody who likes a song likes four others more: not one like of it came or went.
    rare = int(np.argmin(np.where(WORLD.like_counts > 3, WORLD.like_counts, 999)))
    X = WORLD.likes.toarray() + WORLD.dislikes.toarray()
    fans = np.flatnonzero(WORLD.likes.toarray()[:, rare])
    more = [(int(u), int(s)) for u in fans for s in np.flatnonzero(X[u] == 0)[:4]]
    now = with_likes(WORLD, more)
    drift = {}
    for damping in (0.5, 0.0):
        recipe = replace(RIDGE, parameters={**RIDGE.parameters, "damping": damping})
        before = earlier(left_by(recipe, WORLD), WORLD, now)
        trace = now.likes.T @ local_ridge_training._user_weights(now.likes, damping)
        drift[damping] = float(solved_earlier(before, now, trace, 6).own[rare])

        assert before.changed[rare] == 0

    assert drift[0.0] == 0
    # d^-1 of users with seven likes, say, and then eleven.
    assert drift[0.5] > 0.2 * len(fans)


def test_a_new_song_becomes_a_reason_to_recommend_others() -> None:
    # Users who like the two songs 0 and 4, of one taste, like the new one too.
    X = WORLD.likes.toarray()
    fans = np.flatnonzero((X[:, 0] > 0) & (X[:, 4] > 0))[:12]
    now = with_likes(WORLD, [(int(user), 60) for user in fans], songs=1)

    for recipe in (Recipe("local_ridge", {"neighbours": 20}), FACTORS):
        kept = left_by(recipe, WORLD)
        model = algorithms.fit(recipe, now, earlier=earlier(kept, WORLD, now))
        listener = interactions([(0, 60, 1)], users=1, songs=61)
        best = model.ranking(profile_of(listener, 0)).best(8, excluded=np.array([60]))[0]
        assert {0, 4} <= set(best.tolist()), recipe.algorithm


def test_a_dislike_in_place_of_a_like_moves_the_song() -> None:
    rare = int(np.argmin(np.where(WORLD.like_counts > 3, WORLD.like_counts, 999)))
    values = WORLD.values.copy()
    values[np.flatnonzero((WORLD.songs == rare) & (values > 0))[0]] = -1
    now, kept = replace(WORLD, values=values), left_by(RIDGE, WORLD)

    assert solved(refreshed(RIDGE, now, earlier(kept, WORLD, now))).own[rare] == 0


def test_songs_in_another_order_and_without_one_keep_their_weights() -> None:
    kept = left_by(RIDGE, WORLD)
    gone = int(np.argmin(WORLD.like_counts + 999 * ~np.isin(np.arange(60), solved(kept).rows)))
    order = np.random.default_rng(0).permutation(np.delete(np.arange(60), gone))
    row_now = np.empty(60, np.int32)
    row_now[order] = np.arange(59)
    there = WORLD.songs != gone
    now = replace(WORLD.where(there), songs=row_now[WORLD.songs[there]], n_songs=59)
    before = earlier(kept, WORLD, now, order.tolist())

    model = algorithms.fit(RIDGE, now, earlier=before)
    found = solved(refreshed(RIDGE, now, before))

    then = solved(kept)
    lost = (then.rows == gone).any(axis=1)
    assert 0 < lost.sum() == before.solved_again[0] == before.solved_again[1] < 20
    assert set(order[found.around == 0]) == set(np.flatnonzero(lost))
    for song in np.flatnonzero(found.around > 0):
        assert (np.diff(found.rows[song][found.rows[song] >= 0]) > 0).all()
        named = dict(zip(order[found.rows[song]], found.weights[song], strict=True))
        assert named == dict(zip(then.rows[order[song]], then.weights[order[song]], strict=True))
    whole = algorithms.fit(RIDGE, now)
    assert model.similar(0, 3)[0].tolist() == whole.similar(0, 3)[0].tolist()


def test_a_song_that_moved_gets_the_best_factors_beside_the_others_as_they_are() -> None:
    rare = int(np.argmin(np.where(WORLD.like_counts > 8, WORLD.like_counts, 999)))
    now, kept = with_likes(WORLD, strangers_to(WORLD, rare, 4)), left_by(FACTORS, WORLD)
    then, X = kept.pieces[SONGS], now.likes.toarray().astype(np.float64)
    before = earlier(kept, WORLD, now)

    found = refreshed(FACTORS, now, before).pieces[SONGS]

    assert before.solved_again == [1]
    V, others = then["factors"].astype(np.float64), np.arange(60) != rare
    assert np.array_equal(found["factors"][others], then["factors"][others])
    given = ials_training.DEFAULTS | FACTORS.parameters
    alpha, ridge = given["unobserved"], given["regularisation"]
    users = np.array(
        [
            np.linalg.solve(
                alpha * V.T @ V
                + (V * X[user, :, None]).T @ V
                + ridge * (X[user].sum() + alpha * 60) * np.eye(8),
                V.T @ X[user],
            )
            for user in np.flatnonzero(X[:, rare])
        ]
    )
    expected = np.linalg.solve(
        alpha * then["users"] + users.T @ users + ridge * (len(users) + alpha * 400) * np.eye(8),
        users.sum(axis=0),
    )
    assert found["factors"][rare] == pytest.approx(expected, rel=1e-3, abs=1e-4)
    assert not np.allclose(found["factors"][rare], then["factors"][rare], rtol=1e-2)


def test_the_parts_of_a_blend_are_refreshed_each_by_what_it_left() -> None:
    parts = [[each.algorithm, each.parameters, 1.0] for each in (RIDGE, FACTORS)]
    recipe = Recipe("blend", {"parts": [["item_knn", {}, 0.3], *parts]})
    rare = int(np.argmin(np.where(WORLD.like_counts > 3, WORLD.like_counts, 999)))
    now, kept = with_likes(WORLD, strangers_to(WORLD, rare, 2)), left_by(recipe, WORLD)
    before = earlier(kept, WORLD, now)

    model = algorithms.fit(recipe, now, earlier=before)

    assert isinstance(model, Blend)
    ridge, factors = before.solved_again
    assert 1 <= ridge < 20 and factors == 1


@pytest.mark.parametrize("recipe", [RIDGE, FACTORS])
def test_what_does_not_fit_or_is_not_there_is_trained_whole(recipe: Recipe) -> None:
    other = replace(recipe, parameters={"neighbours": 5} if recipe is RIDGE else {"factors": 4})
    for kept in (Kept(), left_by(other, WORLD)):
        model = algorithms.fit(recipe, WORLD, earlier=earlier(kept, WORLD, WORLD))

        for name, array in algorithms.fit(recipe, WORLD).arrays().items():
            assert np.array_equal(model.arrays()[name], array), name
