"""SVD: trained by surprise, folded in by hand."""

import numpy as np
import pandas as pd
import pytest
import surprise

from recommendations.engine import svd_training
from recommendations.engine.interactions import Interactions
from recommendations.engine.model import NoKnownSongs, TrainingFailed
from recommendations.engine.negatives import sampled_negatives
from recommendations.engine.ratings import Ratings
from recommendations.engine.svd import SVD
from recommendations.tests.engine.worlds import (
    interactions,
    listeners_with_taste,
    profile,
    profile_of,
)

QUICK = {"epochs": 10, "factors": 6}


@pytest.fixture(scope="module")
def world() -> Interactions:
    return listeners_with_taste(users=120, songs=40)


def one_factor() -> SVD:
    """Three songs with one factor each; α = 0, ρ = 1, μ = 0.2, a like is 1, a dislike 0."""
    return SVD(
        factors=np.array([[1.0], [2.0], [0.5]], np.float32),
        biases=np.array([0.1, 0.0, -0.1], np.float32),
        gram=np.eye(2),
        right=np.zeros(2),
        ratings=np.array([0.2, 1.0, 0.0]),
    )


def test_one_like_folded_in_by_hand() -> None:
    # q̃ = (1, 1), t = 1 - 0.2 - 0.1 = 0.7; (q̃ q̃ᵀ + I) p̃ = 0.7 q̃ gives p̃ = (7/30, 7/30).
    scores = one_factor().scores(profile([0]))

    user = 7 / 30
    assert scores.tolist() == pytest.approx(
        [0.3 + 2 * user, 0.2 + 3 * user, 0.1 + 1.5 * user], abs=1e-6
    )


def test_a_dislike_pulls_down_what_a_like_lifts() -> None:
    model = one_factor()

    disliked, nothing = model.scores(profile([], [0]))[1], model.empty_scores()[1]
    assert disliked < nothing < model.scores(profile([0]))[1]
    # The last judgement's effect is what it has over an empty profile.
    assert model.removal_effects(profile([0]), 1)[0] == pytest.approx(3 * 7 / 30)


def test_negatives_at_fold_in_are_the_training_s() -> None:
    # With α = 0.5 and one song, q = 1, b = 0, μ = 0.5 and ρ = 1: A = I + 0.5 · ones,
    # right = -0.25 (1, 1), so p̃ = -0.25 / 2 each.
    model = SVD(
        factors=np.ones((1, 1), np.float32),
        biases=np.zeros(1, np.float32),
        gram=np.eye(2) + 0.5,
        right=np.array([-0.25, -0.25]),
        ratings=np.array([0.5, 1.0, 0.0]),
    )

    assert model.empty_scores()[0] == pytest.approx(0.5 - 0.25)


def test_the_constants_of_the_fold_in_are_those_of_a_typical_user() -> None:
    # Two users, three likes, two negatives a like: 9 ratings, 4.5 a user, 3 of them negatives.
    world = interactions([(0, 0, 1), (0, 1, 1), (1, 2, 1)], users=2, songs=10)

    model = svd_training.fit(
        world, QUICK | {"negatives": 2, "regularisation": 0.1, "fold_in": 0.5}, 0
    )

    extended = np.column_stack([np.ones(10), model.factors.astype(np.float64)])
    expected = 0.3 * extended.T @ extended + 0.225 * np.eye(7)
    assert model.gram == pytest.approx(expected)
    biased = model.ratings[0] + model.biases.astype(np.float64)
    assert model.right == pytest.approx(-0.3 * extended.T @ biased)


def test_training_is_surprise_s_own_fit(
    world: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    whole = surprise.SVD.fit

    def counting(self: surprise.SVD, trainset: surprise.Trainset) -> surprise.SVD:
        seen.append(trainset.n_ratings)
        return whole(self, trainset)

    monkeypatch.setattr(surprise.SVD, "fit", counting)
    svd_training.fit(world, QUICK, 0)

    likes = int((world.values > 0).sum())
    assert seen == [len(world) + 4 * likes]


def test_surprise_learns_the_same_from_our_trainset_as_from_one_of_its_own() -> None:
    # Ratings in the order of users, as surprise's own trainset has them, each user and song
    # numbered in the order of first appearance.
    users = np.repeat(np.arange(20, dtype=np.int32), 6)
    songs = np.tile(np.arange(6, dtype=np.int32), 20)
    values = (np.arange(120) * 7 % 3 == 0).astype(np.float64)
    ratings = Ratings(users, songs, values, 20, 6)
    table = pd.DataFrame({"user": users, "song": songs, "rating": values})
    reader = surprise.Reader(rating_scale=(0, 1))
    theirs = surprise.Dataset.load_from_df(table, reader).build_full_trainset()

    ours = surprise.SVD(n_factors=4, n_epochs=3, random_state=1)
    ours.fit(svd_training._ArrayTrainset(ratings, 3, None))
    expected = surprise.SVD(n_factors=4, n_epochs=3, random_state=1).fit(theirs)

    assert np.allclose(ours.qi, expected.qi)
    assert np.allclose(ours.bi, expected.bi)


def test_every_negative_is_a_song_that_the_user_has_not_judged(world: Interactions) -> None:
    users, songs = sampled_negatives(world, 3, seed=1)

    judged = set(zip(world.users.tolist(), world.songs.tolist(), strict=True))
    drawn = set(zip(users.tolist(), songs.tolist(), strict=True))
    likes = np.bincount(world.users[world.values > 0], minlength=world.n_users)
    assert not judged & drawn
    assert np.bincount(users, minlength=world.n_users).tolist() == (3 * likes).tolist()
    again = sampled_negatives(world, 3, seed=1)
    assert (again[0].tolist(), again[1].tolist()) == (users.tolist(), songs.tolist())


def test_who_has_judged_every_song_gets_no_negatives() -> None:
    world = interactions([(0, s, 1) for s in range(5)] + [(1, 0, 1)], users=2, songs=5)

    users, _ = sampled_negatives(world, 4, seed=0)

    assert users.tolist() == [1, 1, 1, 1]


def test_a_user_who_was_not_there_is_ranked_by_taste(world: Interactions) -> None:
    model = svd_training.fit(world, {"epochs": 60, "factors": 8}, 0)

    # Songs of one group share their remainder by four.
    scores = model.scores(profile([0, 4, 8, 12]))
    kin = np.array([16, 20, 24])

    assert scores[kin].mean() > max(scores[kin + other].mean() for other in (1, 2, 3))


def test_many_profiles_at_once_score_as_one_by_one(world: Interactions) -> None:
    model = svd_training.fit(world, QUICK, 0)

    scores, known = model.score_block(world.likes, world.dislikes)

    assert known.all()
    for user in range(0, 120, 10):
        assert scores[user] == pytest.approx(model.scores(profile_of(world, user)), abs=1e-5)


def test_an_empty_profile_is_no_use(world: Interactions) -> None:
    model = svd_training.fit(world, QUICK, 0)

    with pytest.raises(NoKnownSongs):
        model.scores(profile())


def test_a_song_that_training_never_saw_is_foretold_as_not_judged() -> None:
    # Without negatives songs 2 and 3 appear in no rating.
    world = interactions([(0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, -1)], users=2, songs=4)

    model = svd_training.fit(world, QUICK | {"negatives": 0}, 0)

    assert model.factors[2:].tolist() == np.zeros((2, 6)).tolist()
    assert (model.ratings[0] + model.biases[2:]).tolist() == pytest.approx([0, 0])


def test_nothing_to_train_on_and_divergence_are_named() -> None:
    with pytest.raises(TrainingFailed, match="no like"):
        svd_training.fit(interactions([], users=2, songs=2), {}, 0)
    world = listeners_with_taste(users=50, songs=20)
    with pytest.raises(TrainingFailed, match="diverged"), np.errstate(all="ignore"):
        svd_training.fit(world, {"learning_rate": 50.0, "epochs": 30}, 0)


def test_the_projected_time_grows_with_the_epochs(world: Interactions) -> None:
    short, long = (
        svd_training.projected_seconds(world, {"epochs": epochs}) for epochs in (1, 10_000)
    )

    assert 0 < short < long
    assert svd_training.projected_seconds(interactions([], users=1, songs=1), {}) == 0.0


def test_progress_reaches_the_end(world: Interactions) -> None:
    seen: list[float] = []

    svd_training.fit(world, QUICK, 0, lambda _, share: seen.append(share))

    assert seen == sorted(seen)
    assert seen[-1] == 1.0
