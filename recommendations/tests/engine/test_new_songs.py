"""Songs that few have judged are lent weights by their artist's other songs, or their genres'."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from recommendations.engine import algorithms, new_songs
from recommendations.engine.blend import Blend
from recommendations.engine.interactions import Profile, Traits
from recommendations.engine.item_model import ItemModel
from recommendations.engine.model import Model, NoKnownSongs, Parameters, Recipe, TrainingFailed
from recommendations.engine.new_songs import LENDING, lend
from recommendations.engine.ranking import ranks_of, top_k
from recommendations.engine.reasons import explain
from recommendations.engine.sparse_rows import SparseRows
from recommendations.tests.engine.worlds import fans, interactions, profile, without_songs

LENT: Parameters = {"rare": 5.0, "same_artist": 0.5, "same_genre": 0.1}
# Song 0 is the first of artist 0, song 7 of artist 1; song 60 has an artist of its own.
NEW = [0, 7]
ALONE = 60
WORLD = without_songs(fans(), NEW)
OWN: dict[str, Parameters] = {
    "local_ridge": {"ridge": 2.0},
    # A base as large as its weights would put what everybody likes before all else.
    "judged_knn": {"base": 0.1},
    "svd": {"factors": 8, "epochs": 60, "fold_in": 0.03},
    "ials": {"factors": 8, "regularisation": 0.01, "unobserved": 0.1},
}


def recipe(algorithm: str) -> Recipe:
    own = OWN.get(algorithm, {})
    if algorithm == "blend":
        parts = [[name, recipe(name).parameters, 0.5] for name in LENDING]
        return Recipe("blend", {"parts": parts})
    return Recipe(algorithm, own | {name: LENT[name] for name in LENDING[algorithm]})


@pytest.fixture(scope="module", params=[*LENDING, "blend"])
def model(request: pytest.FixtureRequest) -> Model:
    return algorithms.fit(recipe(request.param), WORLD)


def item_model(weights: dict[tuple[int, int], float], *, songs: int) -> ItemModel:
    matrix = np.zeros((songs, songs), np.float32)
    for pair, weight in weights.items():
        matrix[pair] = weight
    rows = SparseRows.of(sparse.csr_array(matrix))
    none = np.empty((songs, 0))
    return ItemModel(
        "item_knn",
        rows,
        SparseRows.of(sparse.csr_array(np.minimum(-matrix, 0))),
        np.array([0.3, 0.1, 0, 0, 0], np.float32),
        none.astype(np.int32),
        none.astype(np.float32),
    )


def traits(artists: list[int], genres: list[list[int]]) -> Traits:
    table = np.array(genres, np.float32).reshape(len(artists), -1)
    return Traits(np.array(artists, np.int32), sparse.csr_array(table))


def test_a_new_song_gets_the_mean_column_of_its_artist_and_a_bond_to_its_songs() -> None:
    # Songs 0 and 1 are by the artist of the new song 4. Judged 3 times and once, with rare 1 they
    # count 3/4 and 1/2: shares of .6 and .4. The largest weights of columns are .4 and .6, so that
    # same_artist .5 is a bond of .25 to each.
    lent = item_model({(2, 0): 0.4, (0, 1): 0.6, (2, 1): 0.2, (3, 1): 0.1}, songs=5)
    judged = [(user, 0, 1) for user in range(3)] + [(0, 1, 1)]
    world = replace(
        interactions([*judged, (0, 2, 1), (1, 3, 1)], users=3, songs=5),
        traits=traits([0, 0, -1, -1, 0], [[0]] * 5),
    )

    found = lend(lent, world, {"rare": 1.0, "same_artist": 0.5})

    assert isinstance(found, ItemModel)
    column = found.liking.matrix.toarray()[:, 4]
    # No longer than the longest column was, which is 3: what song 3 would lend (.04) is left out.
    assert column == pytest.approx([0.4 * 0.6 + 0.25, 0.25, 0.6 * 0.4 + 0.4 * 0.2, 0, 0])
    assert found.disliking.matrix.toarray()[:, 4] == pytest.approx(-column)
    assert found.base[4] == pytest.approx(0.6 * 0.3 + 0.4 * 0.1)


def test_a_rare_song_keeps_its_own_weights_by_the_share_of_its_judgements() -> None:
    # Song 1, judged once, keeps half of its .6; the artist's mean is .6 · column 0 + .4 · column 1.
    given = item_model({(2, 0): 0.4, (2, 1): 0.6, (3, 0): 0.2}, songs=5)
    judged = [(user, 0, 1) for user in range(3)] + [(0, 1, 1)]
    world = replace(
        interactions(judged, users=3, songs=5), traits=traits([0, 0, -1, -1, -1], [[0]] * 5)
    )

    found = lend(given, world, {"rare": 1.0})

    assert isinstance(found, ItemModel)
    assert found.liking.matrix.toarray()[:, 1] == pytest.approx(
        [0, 0, 0.5 * 0.6 + 0.5 * (0.6 * 0.4 + 0.4 * 0.6), 0.5 * 0.6 * 0.2, 0]
    )


def test_without_another_liked_song_of_the_artist_the_genres_lend() -> None:
    # Song 4 is of both genres, song 0 of the first and song 1 of the second: half of each.
    given = item_model({(2, 0): 0.4, (3, 1): 0.6}, songs=5)
    judged = [(0, 0, 1), (1, 1, 1)]
    genres = [[1, 0], [0, 1], [0, 0], [0, 0], [1, 1]]
    world = replace(
        interactions(judged, users=3, songs=5), traits=traits([0, 1, -1, -1, 2], genres)
    )

    found = lend(given, world, {"rare": 1.0, "same_artist": 9.0})

    assert isinstance(found, ItemModel)
    # The longest column of the model has one weight, so that the new one has: the greater.
    assert found.liking.matrix.toarray()[:, 4] == pytest.approx([0, 0, 0, 0.3, 0])


def test_of_an_artist_of_many_songs_the_most_judged_ones_lend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(new_songs, "MOST_MEMBERS", 2)
    given = item_model({(3, n): 0.5 for n in range(3)} | {(1, 2): 0.4, (0, 2): 0.2}, songs=5)
    judged = [(user, song, 1) for song, fans in ((0, 3), (1, 1), (2, 2)) for user in range(fans)]
    world = replace(
        interactions([*judged, (0, 3, 1)], users=3, songs=5),
        traits=traits([0, 0, 0, -1, 0], [[0]] * 5),
    )

    found = lend(given, world, {"rare": 1.0, "same_artist": 1.0})

    assert isinstance(found, ItemModel)
    column = found.liking.matrix.toarray()[:, 4]
    # Songs 0 and 2 stand for all, with a bond of .5. What song 2's column has of song 1 (.19) is
    # the least of four weights, and columns have three.
    assert column[[0, 2, 3]] == pytest.approx([0.5 + 0.2 * (2 / 3) / (3 / 4 + 2 / 3), 0.5, 0.5])
    assert column[1] == 0


def test_nothing_changes_without_traits_or_where_nothing_is_lent() -> None:
    for algorithm in LENDING:
        lending, own = recipe(algorithm), Recipe(algorithm, OWN.get(algorithm, {}))
        plain = algorithms.fit(own, WORLD).arrays()
        for other in (
            algorithms.fit(lending, replace(WORLD, traits=None)),
            algorithms.fit(own, replace(WORLD, traits=None)),
        ):
            for name, array in other.arrays().items():
                np.testing.assert_array_equal(array, plain[name])
        assert all(value == 0 for value in LENDING[algorithm].values())


def test_traits_that_nobody_shares_lend_nothing() -> None:
    apart = Traits(np.arange(61, dtype=np.int32), sparse.csr_array(np.zeros((61, 1), np.float32)))
    given = algorithms.fit(Recipe("item_knn", {}), WORLD)

    assert lend(given, replace(WORLD, traits=apart), LENT) is given


def test_a_new_song_is_recommended_to_fans_of_its_artist_and_not_to_others(model: Model) -> None:
    fan, other = profile([1, 2, 3, 20]), profile([26, 27, 28, 40])

    places = [ranks_of(model.scores(mine), np.array([0], np.int32))[0] for mine in (fan, other)]

    # The fan's own songs are ranked here as well.
    assert places[0] <= 10 < places[1]


def test_the_reason_of_a_new_song_is_a_song_that_was_liked(model: Model) -> None:
    fan = profile([1, 2, 3, 20])

    reasons = explain(model, fan, 0, 3)

    assert reasons[0].row in (1, 2, 3)
    assert sum(each.share for each in reasons) <= 1 + 1e-9


@pytest.mark.parametrize(
    "mine",
    [
        profile([1, 2, 20], [30, 7]),
        profile([0], [1]),
        profile([0, 7, 3, 40], [60]),
        profile([7, 12, 13], [0, 8]),
    ],
)
def test_every_removal_effect_is_exact_also_of_new_songs(model: Model, mine: Profile) -> None:
    scores = model.scores(mine)
    songs = np.arange(61, dtype=np.int32)
    effects = model.effects_on(mine, songs)
    for at, judged in enumerate(mine.judged):
        without = Profile(mine.liked[mine.liked != judged], mine.disliked[mine.disliked != judged])
        try:
            after = model.scores(without)
        except NoKnownSongs:
            after = model.empty_scores()
        # The same bound as a reason's promise: 1e-4 of a score over 1.
        np.testing.assert_allclose(scores - after, effects[at], atol=1e-4, rtol=1e-4)


def test_who_likes_nothing_but_a_new_song_gets_its_artists_other_songs(model: Model) -> None:
    mine = profile([0])

    best, _ = top_k(model.scores(mine), 4, excluded=mine.judged)

    assert {1, 2, 3, 4} & set(best.tolist())


def test_a_new_song_without_an_artists_others_stands_with_its_genre(model: Model) -> None:
    # Artists 0, 3, 6 and 9 are of its genre; of the fans of two of them it is asked.
    theirs = profile([1, 2, 3, 15, 16, 17])
    other = profile([6, 8, 9, 20, 21, 22])
    song = np.array([ALONE], np.int32)

    assert ranks_of(model.scores(theirs), song) < ranks_of(model.scores(other), song)


def test_no_column_grows_and_no_song_moves_itself() -> None:
    for algorithm in ("local_ridge", "item_knn", "turbo_cf", "judged_knn"):
        few = OWN.get(algorithm, {}) | {"neighbours": 6}
        found = algorithms.fit(Recipe(algorithm, few | LENT), WORLD)
        assert isinstance(found, ItemModel)
        for rows in (found.liking, found.disliking):
            matrix = rows.matrix
            assert not matrix.diagonal().any()
            lengths = np.bincount(matrix.indices, minlength=61)
            # Rows of new songs come on top: at most one entry each.
            assert lengths.max() <= 6 + len(NEW) + 1
            assert np.diff(matrix.indptr)[[*NEW, ALONE]].max(initial=0) <= 12
        assert found.disliking.weights.max(initial=0) <= 0


def test_a_song_that_is_disliked_is_lent_less_than_one_that_nobody_knows() -> None:
    shunned = [(user, 0, -1) for user in range(40)]
    rows = zip(WORLD.users.tolist(), WORLD.songs.tolist(), WORLD.values.tolist(), strict=True)
    world = replace(
        interactions([*rows, *shunned], users=WORLD.n_users, songs=WORLD.n_songs),
        traits=WORLD.traits,
    )
    fan = profile([1, 2, 3])
    for algorithm in LENDING:
        before = algorithms.fit(recipe(algorithm), WORLD).scores(fan)[0]
        after = algorithms.fit(recipe(algorithm), world).scores(fan)[0]
        assert after < before


def test_the_same_is_lent_however_the_judgements_are_ordered() -> None:
    order = np.random.default_rng(1).permutation(len(WORLD))
    mixed = replace(
        WORLD,
        users=WORLD.users[order],
        songs=WORLD.songs[order],
        values=WORLD.values[order],
        times=WORLD.times[order],
    )
    for world in (WORLD, mixed):
        again = algorithms.fit(recipe("item_knn"), world).arrays()
        for name, array in algorithms.fit(recipe("item_knn"), WORLD).arrays().items():
            np.testing.assert_array_equal(array, again[name])


def test_a_blend_is_lent_by_its_parts() -> None:
    found = algorithms.fit(recipe("blend"), WORLD)

    assert isinstance(found, Blend)
    assert found.items.liking.matrix[:, [0]].nnz
    assert found.dear[0].scores(profile([1, 2]))[0] > 0


def test_a_negative_share_and_other_songs_traits_are_refused() -> None:
    with pytest.raises(TrainingFailed, match="same_artist"):
        algorithms.fit(Recipe("item_knn", {"rare": 1.0, "same_artist": -1.0}), WORLD)
    with pytest.raises(TrainingFailed, match="artists"):
        algorithms.fit(Recipe("item_knn", {}), replace(WORLD, traits=traits([0], [[1]])))


def test_a_cut_carries_the_traits() -> None:
    assert WORLD.where(WORLD.values > 0).traits is WORLD.traits
