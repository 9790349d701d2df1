"""Recommenders of other libraries answer as ours do, so that one evaluation can measure them."""

from typing import Any

import numpy as np
import pytest

from benchmarks import peers
from recommendations.engine import algorithms
from recommendations.engine.cutting import split
from recommendations.engine.evaluation import evaluate
from recommendations.engine.interactions import Interactions
from recommendations.engine.model import NoKnownSongs, Parameters, Recipe
from recommendations.engine.score_time import score_microseconds
from recommendations.tests.engine.worlds import interactions, listeners_with_taste, profile_of

PEERS = tuple(peers.PEERS)


def fitted(name: str, train: Interactions, **parameters: float) -> peers.PeerModel:
    """The peer, on one thread where threads would make the outcome depend on their order."""
    given = peers.PEERS[name].choices[0] | parameters
    if name == "implicit_bpr":
        given["num_threads"] = 1
    try:
        return peers.fit(name, train, given, seed=0)
    except peers.MissingLibrary as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def world() -> Interactions:
    return listeners_with_taste(users=300, songs=80)


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_scores_every_song_for_every_user(name: str, world: Interactions) -> None:
    model = fitted(name, world)

    scores, known = model.score_block(world.likes[:7], world.dislikes[:7])

    assert model.algorithm == name
    assert model.n_songs == world.n_songs
    assert scores.shape == (7, world.n_songs)
    assert scores.dtype == np.float32
    assert known.all()
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("name", PEERS)
def test_what_a_user_likes_ranks_before_what_is_of_another_taste(
    name: str, world: Interactions
) -> None:
    scores, _ = fitted(name, world).score_block(world.likes, world.dislikes)

    liked = scores[world.users[world.values > 0], world.songs[world.values > 0]]
    disliked = scores[world.users[world.values < 0], world.songs[world.values < 0]]
    assert liked.mean() > disliked.mean() + scores.std() / 2


@pytest.mark.parametrize(
    ("name", "fewer"),
    [
        ("implicit_als", {"factors": 8}),
        ("implicit_bpr", {"factors": 7, "learning_rate": 0.01}),
        ("implicit_bm25", {}),
    ],
)
def test_a_peer_foretells_likes_better_than_popularity(
    name: str, fewer: dict[str, float], world: Interactions
) -> None:
    parted = split(world, 0.2, seed=1)
    # Of 80 songs 128 factors learn every like by heart.
    model = fitted(name, parted.train, **fewer)

    found = evaluate(model, parted.train, parted.held_out, intervals=False)

    popular = algorithms.fit(Recipe("popularity", {}), parted.train)
    held = evaluate(popular, parted.train, parted.held_out, intervals=False)
    assert found.metrics["ndcg@10"] > held.metrics["ndcg@10"]


@pytest.mark.parametrize("name", PEERS)
def test_the_timed_list_is_the_order_of_the_scores(name: str, world: Interactions) -> None:
    model, profile = fitted(name, world), profile_of(world, 3)

    rows, _ = model.ranking(profile).best(5, excluded=profile.judged)

    scores = model.score_block(world.likes[3:4], world.dislikes[3:4])[0][0]
    scores[profile.liked] = -np.inf
    assert not np.isin(rows, profile.liked).any()
    if name == "surprise_svd":  # the libraries with lists of their own leave dislikes in
        scores[profile.disliked] = -np.inf
    np.testing.assert_allclose(scores[rows], np.sort(scores)[::-1][:5], rtol=1e-4)


@pytest.mark.parametrize("name", PEERS)
def test_a_profile_without_likes_says_nothing_to_a_peer(name: str, world: Interactions) -> None:
    model, nobody = fitted(name, world), world.likes[:1] * 0
    nobody.eliminate_zeros()

    _, known = model.score_block(nobody, nobody)

    assert not known.any()


@pytest.mark.parametrize("name", ["surprise_svd", "implicit_bpr"])
def test_a_stranger_is_left_to_popularity_where_nobody_is_folded_in(
    name: str, world: Interactions
) -> None:
    model = fitted(name, world)
    stranger = interactions([(0, song, 1) for song in range(30)], users=1, songs=world.n_songs)

    _, known = model.score_block(stranger.likes, stranger.dislikes)

    assert not known.any()
    with pytest.raises(NoKnownSongs):
        model.ranking(profile_of(stranger, 0))


def test_a_list_of_each_peer_can_be_timed(world: Interactions) -> None:
    model = fitted("surprise_svd", world)

    taken = score_microseconds(model, world, np.arange(400, dtype=np.int32), seed=0)

    assert 0 < taken["p50"] <= taken["p99"]


def test_a_missing_library_is_named_with_the_way_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(peers, "find_spec", lambda _: None)

    with pytest.raises(peers.MissingLibrary, match=r"pip install -r requirements-benchmarks.txt"):
        peers.must_be_installed("implicit_als")


def test_of_a_peers_choices_the_best_on_a_cut_of_the_training_is_taken(
    world: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.evaluate_peer import tuned

    def trained(_: Any, train: Interactions, parameters: Parameters, seed: int) -> peers.PeerModel:
        popular = train.like_counts.astype(np.float32)[:, None]
        taste = np.ones((train.n_users, 1), np.float32) * parameters["sign"]
        return peers.TrainedVectors("fake", popular, taste, peers.KnownUsers(train))

    choices: tuple[Parameters, ...] = ({"sign": -1.0}, {"sign": 1.0})
    monkeypatch.setitem(peers.PEERS, "fake", peers.Peer("surprise", trained, choices))

    assert tuned("fake", world, seed=0) == {"sign": 1.0}


def test_a_user_who_only_dislikes_is_nobody_that_a_library_knows() -> None:
    # Rows: likes song 0, dislikes song 1, and likes song 1.
    world = interactions([(0, 0, 1), (1, 1, -1), (2, 1, 1)], users=3, songs=2)

    rows = peers.KnownUsers(world).rows(world.likes, world.dislikes)

    assert rows.tolist() == [0, -1, 2]
