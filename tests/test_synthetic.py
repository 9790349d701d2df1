"""The made-up listening of the scale benchmark: what it promises holds."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import synthetic
from recommendations.engine.metrics import ranking_metrics
from recommendations.engine.ranking import ranks_of
from recommendations.loading.judgement_files import held_out_of, read_judgements, world_of


@pytest.fixture(scope="module")
def world() -> synthetic.World:
    return synthetic.made(users=600, songs=900, likes=20_000, seed=4)


def test_there_are_exactly_as_many_as_asked_for_and_no_pair_comes_twice(
    world: synthetic.World,
) -> None:
    train, held = world.interactions, world.held_out
    users = np.concatenate([train.users, held.users]).astype(np.int64)
    songs = np.concatenate([train.songs, held.songs])

    assert (len(train), train.n_users, train.n_songs) == (20_000, 600, 900)
    assert np.bincount(train.users, minlength=600).min() >= 1
    assert len(np.unique(users * 900 + songs)) == len(users)
    assert songs.min() >= 0 and songs.max() < 900
    assert np.isin(held.users, train.users).all()
    assert train.songs.dtype == train.users.dtype == np.int32


def test_the_seed_alone_decides(world: synthetic.World) -> None:
    same = synthetic.made(users=600, songs=900, likes=20_000, seed=4)
    other = synthetic.made(users=600, songs=900, likes=20_000, seed=5)

    assert np.array_equal(world.interactions.songs, same.interactions.songs)
    assert not np.array_equal(world.interactions.songs, other.interactions.songs)


def test_few_users_and_few_songs_have_most_of_the_likes(world: synthetic.World) -> None:
    for counts in (np.bincount(world.interactions.users), world.interactions.like_counts):
        most = np.sort(counts)[::-1]
        assert most[: len(most) // 10].sum() > 0.3 * most.sum()


def test_the_chances_foretell_what_is_held_back_better_than_popularity(
    world: synthetic.World,
) -> None:
    held, train = world.held_out, world.interactions
    users = np.unique(held.users)[:100]
    chances = world.chances(users)
    popular = train.like_counts.astype(np.float32)

    assert chances.sum(axis=1) == pytest.approx(1.0, abs=1e-3)
    reached = []
    for scores in (chances, np.tile(popular, (len(users), 1))):
        for user, row in zip(users, scores, strict=True):
            row[train.songs[train.users == user]] = -np.inf
        asked = [held.songs[held.users == user] for user in users]
        found = [
            ranking_metrics(ranks_of(row, songs), len(songs), (20,))["recall@20"]
            for row, songs in zip(scores, asked, strict=True)
        ]
        reached.append(np.mean(found))
    assert reached[0] > 1.3 * reached[1]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        synthetic.made(users=10, songs=100, likes=2_000)
    with pytest.raises(ValueError, match="at least 1"):
        synthetic.made(users=10, songs=100, likes=9)


def test_the_files_are_a_split_that_evaluate_reads(world: synthetic.World, tmp_path: Path) -> None:
    synthetic.write(world, tmp_path)

    def rejected(*what: object) -> None:
        raise AssertionError(what)

    table = read_judgements(str(tmp_path / "interactions_train.csv"), rejected)
    read = world_of(table)
    test = read_judgements(str(tmp_path / "interactions_test.csv"), rejected)

    assert len(read.interactions) == 20_000
    assert len(held_out_of(test, read).songs) == len(world.held_out.songs)
    assert read.interactions.times.min() > 1_500_000_000_000_000
    songs = (tmp_path / "songs.csv").read_text().splitlines()
    assert songs[0] == "song_id,title,artist,genre"
    assert len(songs) == 901
