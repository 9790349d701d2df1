"""VBMF: learnt by turns that are checked against loops, folded in as svd is."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from recommendations.engine import vbmf_training
from recommendations.engine.cutting import split
from recommendations.engine.evaluation import evaluate
from recommendations.engine.interactions import Interactions
from recommendations.engine.model import TrainingFailed
from recommendations.engine.ratings import ratings_of
from recommendations.engine.svd import SVD
from recommendations.engine.vbmf_training import _begun, _residuals, _Songs, _turn, _Variances
from recommendations.tests.engine.worlds import interactions, profile, two_camps

Matrix = npt.NDArray[np.float64]


def trained(world: Interactions, **parameters: float) -> SVD:
    """From judgements alone, unless it is said otherwise."""
    return vbmf_training.fit(world, {"negatives": 0} | parameters, 0)


def turn_in_loops(residuals: Matrix, songs: _Songs, variances: _Variances) -> Matrix:
    """A turn by the formulas, a user, a song and a judgement at a time; in place.

    residuals: r − μ, nan where nothing was judged. Returns E[(what is missed)²] of each judgement.
    """
    n_users, n = residuals.shape
    d = songs.mean.shape[1]
    means, covariances = np.zeros((n_users, d)), np.zeros((n_users, d, d))
    for user in range(n_users):
        # b_u and p_u from what the songs' b and q leave of the user's judgements.
        precision = np.diag([1 / variances.users] + [1.0] * (d - 1))
        told = np.zeros(d)
        for one in np.flatnonzero(~np.isnan(residuals[user])):
            w, V = songs.mean[one], songs.covariance[one]
            q = np.array([1.0, *w[1:]])
            second = np.outer(q, q)
            second[1:, 1:] += V[1:, 1:]
            precision += second / variances.noise
            # E[q̃ (r − μ − b)]: b and q are known together.
            told += (q * (residuals[user, one] - w[0]) - [0, *V[0, 1:]]) / variances.noise
        covariances[user] = np.linalg.inv(precision)
        means[user] = covariances[user] @ told
    missed = np.full(residuals.shape, np.nan)
    for song in range(n):
        precision, told = np.diag(1 / variances.songs), np.zeros(d)
        for one in np.flatnonzero(~np.isnan(residuals[:, song])):
            m, C = means[one], covariances[one]
            z = np.array([1.0, *m[1:]])
            second = np.outer(z, z)
            second[1:, 1:] += C[1:, 1:]
            precision = precision + second / variances.noise
            told += (z * (residuals[one, song] - m[0]) - [0, *C[0, 1:]]) / variances.noise
        songs.covariance[song] = np.linalg.inv(precision)
        songs.mean[song] = songs.covariance[song] @ told
    rng = np.random.default_rng(0)
    for user, song in np.argwhere(~np.isnan(residuals)):
        # The expectation of the square, from draws of both distributions.
        ours = rng.multivariate_normal(means[user], covariances[user], 4_000)
        theirs = rng.multivariate_normal(songs.mean[song], songs.covariance[song], 4_000)
        foretold = ours[:, 0] + theirs[:, 0] + (ours[:, 1:] * theirs[:, 1:]).sum(axis=1)
        missed[user, song] = ((residuals[user, song] - foretold) ** 2).mean()
    variances.users = float((means[:, 0] ** 2 + covariances[:, 0, 0]).mean())
    return missed


def test_turns_are_those_of_the_formulas() -> None:
    world = two_camps(users=12, songs=8)
    judged = _residuals(ratings_of(world, negatives=0, dislike=0.0, seed=0), 0.5)
    dense = np.full((12, 8), np.nan)
    dense[world.users, world.songs] = np.where(world.values > 0, 0.5, -0.5)
    songs, variances = _begun(judged, 2, seed=0)
    slow, theirs = _begun(judged, 2, seed=0)

    for _ in range(2):
        missed = turn_in_loops(dense, slow, theirs)
        _turn(judged, songs, variances, 1e-9)

        assert np.allclose(songs.mean, slow.mean)
        assert np.allclose(songs.covariance, slow.covariance)
        assert variances.users == pytest.approx(theirs.users)
        assert variances.noise == pytest.approx(np.nanmean(missed), rel=0.02)
        second = slow.mean**2 + np.diagonal(slow.covariance, axis1=1, axis2=2)
        assert np.allclose(variances.songs, second.mean(axis=0))
        theirs.noise, theirs.songs = variances.noise, variances.songs


def test_users_a_few_at_a_time_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    world = two_camps(users=50)
    whole = trained(world, factors=3, epochs=5).arrays()
    monkeypatch.setattr(vbmf_training, "_CELLS", 16 * 7)

    for name, array in trained(world, factors=3, epochs=5).arrays().items():
        assert np.allclose(array, whole[name], atol=1e-5)


def test_factors_that_explain_nothing_shrink_to_nothing() -> None:
    # Two kinds of songs and of users: one factor tells all there is.
    found = trained(two_camps(users=400), factors=6, epochs=60)

    lengths = np.sort(np.linalg.norm(found.factors, axis=0))
    assert lengths[-2] < 0.1 * lengths[-1]
    kinds = np.arange(40) % 2
    axis = found.factors[:, np.argmax(np.linalg.norm(found.factors, axis=0))]
    assert (np.sign(axis) == np.sign(axis[0]))[kinds == 0].all()
    assert (np.sign(axis) != np.sign(axis[0]))[kinds == 1].all()


def test_it_tells_what_a_user_likes_from_what_not() -> None:
    parted = split(two_camps(users=400), 0.2, seed=1)
    found = evaluate(trained(parted.train), parted.train, parted.held_out, intervals=False)

    # A song of the user's kind is liked in 8 of 10 cases, another in 2: the best there can be is
    # .8 · .8 + (.8 · .2 + .2 · .8) / 2 = .8.
    assert found.metrics["auc"] > 0.75


def test_what_nobody_judged_comes_last() -> None:
    world = two_camps(users=100)
    world = interactions(
        zip(world.users, world.songs, world.values, strict=True), users=100, songs=41
    )
    found = trained(world)

    for mine in (profile([0, 2, 4]), profile([1], [0, 2])):
        assert found.scores(mine).argmin() == 40


def test_of_likes_alone_more_of_them_are_better() -> None:
    rows = [(user, song, 1) for song in range(6) for user in range(21 - 4 * song)]
    found = trained(interactions(rows, users=30, songs=6))

    assert np.argsort(found.empty_scores()).tolist() == [5, 4, 3, 2, 1, 0]


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(TrainingFailed, match="no like and no dislike"):
        trained(interactions([], users=2, songs=2))


def test_progress_runs_to_the_end() -> None:
    seen: list[tuple[str, float]] = []
    vbmf_training.fit(two_camps(), {"epochs": 4}, 0, lambda *said: seen.append(said))

    assert seen == [("vbmf", 0.25), ("vbmf", 0.5), ("vbmf", 0.75), ("vbmf", 1.0)]


def test_who_judged_nothing_and_what_nobody_judged_changes_nothing() -> None:
    world = two_camps(users=100)
    found = trained(world, factors=3)
    wider = trained(replace(world, n_users=900, n_songs=400), factors=3)

    # The draws that factors begin from are others; what all of them tell is the same.
    assert wider.gram[0, 0] == pytest.approx(found.gram[0, 0], rel=0.05)
    for mine in (profile([0, 2, 4]), profile([1], [0, 2])):
        assert np.allclose(wider.scores(mine)[:40], found.scores(mine), atol=0.02)


def test_what_was_not_judged_may_be_drawn_twice() -> None:
    # 40 songs of which half are judged, ten times as many drawn as liked: most come again.
    found = trained(two_camps(users=200), negatives=10)

    assert np.isfinite(found.factors).all()
    mine = profile([0, 2, 4])
    kinds = np.arange(40) % 2
    scores = found.scores(mine)
    assert scores[kinds == 0].mean() > scores[kinds == 1].mean()


def test_users_factors_alone_are_drawn_to_nothing_by_the_fold_in() -> None:
    once, twice = (trained(two_camps(), factors=3, fold_in=by).gram for by in (2.0, 4.0))

    assert np.diagonal(twice)[1:].tolist() == pytest.approx((2 * np.diagonal(once)[1:]).tolist())
    assert twice[0, 0] == once[0, 0] != once[1, 1]
