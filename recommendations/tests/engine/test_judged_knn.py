"""Item KNN over judgements: what it correlates by hand, and what a dislike does."""

import numpy as np
import pytest

from recommendations.engine import judged_knn_training
from recommendations.engine.cutting import split
from recommendations.engine.evaluation import evaluate
from recommendations.engine.interactions import Interactions
from recommendations.engine.item_model import ItemModel
from recommendations.engine.model import NoKnownSongs
from recommendations.engine.popularity import fit as fit_popularity
from recommendations.tests.engine.worlds import (
    interactions,
    profile,
    profile_of,
    two_camps,
)


def trained(world: Interactions, **parameters: float) -> ItemModel:
    return judged_knn_training.fit(world, parameters, 0)


def test_two_songs_by_hand() -> None:
    # Of ten users five like both songs and five dislike both: r − μ is ±1/2, b_i is 0, and b_u
    # is ±1 / (2 + 10), so that e = ±(1/2 − 1/12) = ±5/12 everywhere.
    rows = [(user, song, 1 if user < 5 else -1) for user in range(10) for song in range(2)]
    squares = 10 * (5 / 12) ** 2

    model = trained(interactions(rows, users=10, songs=3), shrinkage=2.0, dislike=0.5, base=0.1)

    k = squares / (squares + 2.0)
    assert model.liking.matrix.toarray()[0] == pytest.approx([0, k, 0], abs=1e-6)
    assert model.disliking.matrix.toarray()[0] == pytest.approx([0, -k / 2, 0], abs=1e-6)
    # Five likes less five dislikes.
    assert model.base.tolist() == [0.0, 0.0, 0.0]


def test_the_base_counts_likes_less_some_of_the_dislikes() -> None:
    world = interactions([(0, 0, 1), (1, 0, 1), (2, 0, -1), (0, 1, 1)], users=3, songs=2)

    model = trained(world, base=2.0, base_dislikes=0.5)

    assert model.base.tolist() == [2.0 * 1.5 / 2, 2.0 * 1 / 2]


def test_likes_and_dislikes_move_the_score_by_their_weights() -> None:
    model = trained(two_camps())
    liking, disliking = model.liking.matrix.toarray(), model.disliking.matrix.toarray()

    scores = model.scores(profile([1, 3], [2]))

    expected = model.base + liking[[1, 3]].sum(axis=0) + disliking[2]
    assert scores == pytest.approx(expected, abs=1e-5)
    assert (disliking <= 0).all()
    assert disliking == pytest.approx(-np.maximum(liking, 0))


def test_many_profiles_at_once_score_as_one_by_one() -> None:
    world = two_camps(users=30)
    model = trained(world)

    scores, known = model.score_block(world.likes, world.dislikes)

    assert known.all()
    for user in range(30):
        assert scores[user] == pytest.approx(model.scores(profile_of(world, user)), abs=1e-4)


def test_dislikes_alone_say_nothing_of_what_to_play() -> None:
    world = two_camps()
    model = trained(world)

    with pytest.raises(NoKnownSongs):
        model.scores(profile([], [1, 2]))
    nobody, some = world.likes[:1] * 0, world.dislikes[:1]
    nobody.eliminate_zeros()
    scores, known = model.score_block(nobody, some)
    assert not known.any()
    assert scores[0].tolist() == model.base.tolist()


def test_with_one_like_its_removal_takes_the_dislikes_away_too() -> None:
    model = trained(two_camps())
    mine = profile([1], [2, 4])
    songs = np.arange(10, 20, dtype=np.int32)

    effects = model.effects_on(mine, songs)

    assert effects[0] == pytest.approx((model.scores(mine) - model.base)[songs], abs=1e-5)


def test_k_songs_are_kept_of_each_the_largest_by_size() -> None:
    whole = trained(two_camps()).liking.matrix.toarray()
    few = trained(two_camps(), neighbours=5).liking.matrix.toarray()

    for song in range(40):
        kept = np.flatnonzero(few[:, song])
        assert len(kept) == 5
        assert np.abs(whole[kept, song]).min() >= np.sort(np.abs(whole[:, song]))[-5] - 1e-6


def test_songs_alike_are_those_that_the_same_people_like() -> None:
    rows, likeness = trained(two_camps()).similar(6, 30)

    assert (likeness > 0).all()
    assert (rows[:10] % 2 == 0).all()


def test_dislikes_raise_the_auc_and_leave_the_ranking_as_good() -> None:
    found: dict[float, list[tuple[float, float]]] = {0.0: [], 1.0: []}
    for seed in range(3):
        parted = split(two_camps(users=300, seed=seed), 0.2, seed=seed)
        for dislike, figures in found.items():
            model = trained(parted.train, dislike=dislike)
            metrics = evaluate(
                model, parted.train, parted.held_out, ks=(10,), intervals=False
            ).metrics
            figures.append((metrics["auc"], metrics["ndcg@10"]))
    without, with_dislikes = (np.mean(figures, axis=0) for figures in found.values())

    assert with_dislikes[0] > without[0] + 0.005
    assert with_dislikes[1] >= 0.99 * without[1]


def test_it_tells_likes_from_dislikes_far_better_than_popularity() -> None:
    parted = split(two_camps(), 0.2, seed=1)
    ours, popular = (
        evaluate(model, parted.train, parted.held_out, ks=(10,), intervals=False).metrics["auc"]
        for model in (trained(parted.train), fit_popularity(parted.train, {}, 0))
    )
    assert ours > 0.7 > 0.6 > popular


def test_progress_goes_up_to_the_end() -> None:
    seen: list[float] = []

    judged_knn_training.fit(two_camps(), {}, 0, lambda _, share: seen.append(share))

    assert seen[-1] == 1.0
