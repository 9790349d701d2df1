"""iALS: its small systems against the loss itself, and its fold-in against its training."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from recommendations.engine import ials_training
from recommendations.engine.evaluation import evaluate
from recommendations.engine.ials import IALS
from recommendations.engine.ials_solving import solve_side
from recommendations.engine.interactions import FloatArray, Interactions
from recommendations.engine.model import NoKnownSongs, TrainingFailed
from recommendations.engine.popularity import fit as fit_popularity
from recommendations.tests.engine.worlds import (
    interactions,
    listeners_with_taste,
    profile,
    profile_of,
)

GIVEN = {
    "factors": 6,
    "regularisation": 0.01,
    "unobserved": 0.1,
    "exponent": 0.7,
    "epochs": 6,
    "dislike": 0.5,
}


@pytest.fixture(scope="module")
def world() -> Interactions:
    return listeners_with_taste(users=120, songs=40)


def two_songs() -> IALS:
    """Songs 0 and 1 point partly the same way; nobody ever judged song 2."""
    factors = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]], np.float32)
    return IALS(factors)


def test_one_like_folded_in_by_hand() -> None:
    # (I + z zᵀ) u = z with z = (1, 0): u = (1/2, 0).
    assert two_songs().scores(profile([0])).tolist() == pytest.approx([0.5, 0.5, 0.0])


def test_a_dislike_moves_no_score_of_a_profile() -> None:
    alone, beside = (two_songs().scores(profile([0], disliked)) for disliked in ([], [1]))

    assert beside.tolist() == alone.tolist()


def test_a_profile_of_songs_without_factors_or_of_dislikes_alone_is_not_known() -> None:
    for nothing in (profile(), profile([2]), profile([], [0])):
        with pytest.raises(NoKnownSongs):
            two_songs().scores(nothing)
    _, known = two_songs().score_block(
        interactions([(0, 0, 1), (1, 2, 1)], users=3, songs=3).likes,
        interactions([], users=3, songs=3).dislikes,
    )
    assert known.tolist() == [True, False, False]


def loss(U: FloatArray, V: FloatArray, world: Interactions, given: dict[str, float]) -> float:
    """As the literature writes it, term by term."""
    likes, dislikes = world.likes.toarray(), world.dislikes.toarray()
    scores, alpha = U @ V.T, given["unobserved"]
    total = (likes * (1 - scores) ** 2).sum() + given["dislike"] * (dislikes * scores**2).sum()
    total += alpha * (scores**2).sum()
    for factors, counts, others in (
        (U, likes.sum(axis=1), V),
        (V, likes.sum(axis=0), U),
    ):
        scale = given["regularisation"] * (counts + alpha * len(others)) ** given["exponent"]
        total += (scale * (factors**2).sum(axis=1)).sum()
    return float(total)


@pytest.mark.parametrize("d", [3, 25])
def test_each_side_is_where_the_loss_is_least(d: int) -> None:
    # With 3 factors most rows are solved by factors, with 25 by their judgements.
    world = listeners_with_taste(users=30, songs=20, seed=3)
    users, songs = ials_training._sides(world, ials_training.DEFAULTS | GIVEN)
    rng = np.random.default_rng(0)
    V = rng.standard_normal((world.n_songs, d)).astype(np.float32)
    with ThreadPoolExecutor(2) as pool:
        U = solve_side(users, V, GIVEN["unobserved"], pool)
        W = solve_side(songs, U, GIVEN["unobserved"], pool)

    def of_users(factors: FloatArray) -> float:
        return loss(factors, V, world, GIVEN)

    def of_songs(factors: FloatArray) -> float:
        return loss(U, factors, world, GIVEN)

    for solved, asked in ((U, of_users), (W, of_songs)):
        least = asked(solved)
        for _ in range(20):
            step = (0.01 * rng.standard_normal(solved.shape)).astype(np.float32)
            assert asked(solved + step) > least


def test_folding_in_gives_a_training_user_of_mean_length_the_score_of_the_training() -> None:
    # Every user has the same number of likes, so that the mean's ridge is everybody's.
    rng = np.random.default_rng(5)
    rows = [(user, int(song), 1) for user in range(40) for song in rng.permutation(15)[:4]]
    world = interactions(rows, users=40, songs=15)
    given = ials_training.DEFAULTS | GIVEN | {"epochs": 3}
    users, _ = ials_training._sides(world, given)
    V = rng.standard_normal((15, 6)).astype(np.float32)
    with ThreadPoolExecutor(2) as pool:
        U = solve_side(users, V, given["unobserved"], pool)
    model = IALS(ials_training._worked_in(V, users, given))

    for user in (0, 7, 39):
        expected = V @ U[user]
        assert model.scores(profile_of(world, user)).tolist() == pytest.approx(expected, abs=1e-4)


def test_a_block_of_profiles_scores_as_one_by_one(world: Interactions) -> None:
    model = ials_training.fit(world, GIVEN, 0)

    block, known = model.score_block(world.likes[:9], world.dislikes[:9])

    assert known.all()
    for user in range(9):
        assert block[user].tolist() == pytest.approx(
            model.scores(profile_of(world, user)).tolist(), abs=1e-5
        )
        ask = model.folded(profile_of(world, user))
        some = np.array([3, 17], np.int32)
        assert ask(some).tolist() == pytest.approx(block[user][some].tolist(), abs=1e-5)


def test_it_ranks_held_back_likes_far_better_than_popularity() -> None:
    from recommendations.engine.cutting import cut

    parted = cut(listeners_with_taste(users=400, songs=80), seed=1)
    ours, popular = (
        evaluate(model, parted.train, parted.held_out, ks=(10,), intervals=False).metrics["ndcg@10"]
        for model in (
            ials_training.fit(parted.train, {"factors": 8}, 0),
            fit_popularity(parted.train, {}, 0),
        )
    )
    assert ours > 1.3 * popular


def test_songs_most_alike_point_the_same_way() -> None:
    rows, cosines = two_songs().similar(0, 5)

    assert rows.tolist() == [1]
    assert cosines.tolist() == pytest.approx([1 / np.sqrt(2)])
    assert len(two_songs().similar(2, 5)[0]) == 0


def test_dislikes_alone_make_no_model() -> None:
    with pytest.raises(TrainingFailed, match="no like"):
        ials_training.fit(interactions([(0, 0, -1)], users=1, songs=2), {}, 0)


def test_one_user_with_one_like_makes_a_model() -> None:
    model = ials_training.fit(interactions([(0, 1, 1)], users=1, songs=3), {}, 0)

    assert np.isfinite(model.scores(profile([1]))).all()


def test_progress_goes_up_to_the_end(world: Interactions) -> None:
    seen: list[float] = []

    ials_training.fit(world, GIVEN, 0, lambda _, share: seen.append(share))

    assert seen == sorted(seen)
    assert seen[-1] == 1.0


@pytest.mark.parametrize("judgements", [3, 12])
def test_effects_are_those_of_folding_in_again_for_short_and_for_long_profiles(
    judgements: int,
) -> None:
    # With 6 factors, 3 judgements are solved by judgements and 12 by factors.
    rng = np.random.default_rng(2)
    model = IALS(rng.standard_normal((20, 6)).astype(np.float32))
    rows = rng.permutation(20)[:judgements]
    mine = profile(rows[1:], rows[:1])

    effects = model.effects_on(mine, np.arange(20, dtype=np.int32))

    for at, song in enumerate(mine.judged):
        left = profile(mine.liked[mine.liked != song], mine.disliked[mine.disliked != song])
        fallen = model.scores(mine) - model.scores(left)
        assert effects[at].tolist() == pytest.approx(fallen.tolist(), abs=1e-5)
