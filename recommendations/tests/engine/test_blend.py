"""A blend is the sum of its parts, in its scores, its reasons and its order."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest

from recommendations.engine import algorithms, blend
from recommendations.engine.blend import CANDIDATES
from recommendations.engine.blend_questions import Pairs, Said, ask, together
from recommendations.engine.blend_training import blend_of, blend_recipe, parts_of, scale_of
from recommendations.engine.blending import good, weigh
from recommendations.engine.cutting import Cut, cut, cut_again
from recommendations.engine.evaluation import evaluate
from recommendations.engine.interactions import Interactions
from recommendations.engine.item_model import ItemModel
from recommendations.engine.model import BrokenModel, Model, NoKnownSongs, Recipe, TrainingFailed
from recommendations.engine.ranking import top_k
from recommendations.tests.engine.worlds import (
    interactions,
    listeners_with_taste,
    profile,
    profile_of,
    two_camps,
)

RIDGE = Recipe("local_ridge", {"ridge": 2.0})
KNN = Recipe("item_knn", {"neighbours": 20})
IALS = Recipe("ials", {"factors": 8, "epochs": 3})


@pytest.fixture(scope="module")
def world() -> Interactions:
    return listeners_with_taste(users=300, songs=80)


@pytest.fixture(scope="module")
def many_songs() -> Interactions:
    """More songs than a blend scores by all of its parts."""
    return listeners_with_taste(users=400, songs=CANDIDATES + 300, groups=6)


def fitted(world: Interactions, *recipes: Recipe) -> list[Model]:
    return [algorithms.fit(recipe, world) for recipe in recipes]


def test_scores_are_the_parts_scores_each_by_its_weight_and_spread(world: Interactions) -> None:
    models, weights = fitted(world, RIDGE, KNN, IALS), [1.0, 0.3, 2.0]
    made = blend_of(models, weights, world, 0)

    mine = profile_of(world, 4)
    expected = np.zeros(world.n_songs)
    for model, weight in zip(models, weights, strict=True):
        expected += weight / scale_of(model, world, 0) * model.scores(mine)
    assert made.scores(mine).tolist() == pytest.approx(expected.tolist(), abs=1e-4)
    block, known = made.score_block(world.likes[:6], world.dislikes[:6])
    assert known.all()
    assert block[4].tolist() == pytest.approx(expected.tolist(), abs=1e-4)


def test_the_scale_is_the_mean_spread_of_a_user_s_scores(world: Interactions) -> None:
    [model] = fitted(world, RIDGE)

    spreads = [model.scores(profile_of(world, user)).std() for user in range(world.n_users)]

    assert scale_of(model, world, 0) == pytest.approx(float(np.mean(spreads)), rel=1e-4)


def test_the_order_is_that_of_all_scores_where_all_songs_are_candidates(
    world: Interactions,
) -> None:
    made = blend_of(fitted(world, RIDGE, IALS), [1.0, 1.0], world, 0)
    mine = profile_of(world, 9)

    rows, scores = made.ranking(mine).best(15, excluded=mine.judged)
    wanted, values = top_k(made.scores(mine), 15, excluded=mine.judged)

    assert rows.tolist() == wanted.tolist()
    assert scores.tolist() == pytest.approx(values.tolist(), abs=1e-5)


def test_a_longer_list_begins_as_the_shorter_one_and_names_no_song_twice(
    many_songs: Interactions,
) -> None:
    made = blend_of(fitted(many_songs, RIDGE, IALS), [1.0, 2.0], many_songs, 0)
    mine = profile_of(many_songs, 2)
    ranking = made.ranking(mine)

    short, _ = ranking.best(10, excluded=mine.judged)
    everything, _ = ranking.best(many_songs.n_songs, excluded=mine.judged)

    # Past the candidates the order is the item models' own.
    own, _ = top_k(made.items.scores(mine), many_songs.n_songs, excluded=mine.judged)
    assert everything[CANDIDATES:].tolist() == own[CANDIDATES:].tolist()
    assert everything[:10].tolist() == short.tolist()
    assert len(everything) == len(set(everything.tolist())) == many_songs.n_songs - len(mine.judged)


def test_a_filter_is_applied_before_candidates_are_chosen(many_songs: Interactions) -> None:
    made = blend_of(fitted(many_songs, RIDGE, IALS), [1.0, 2.0], many_songs, 0)
    mine = profile_of(many_songs, 2)
    allowed = np.zeros(many_songs.n_songs, np.bool_)
    # What the item models put last.
    allowed[top_k(-made.items.scores(mine), 30, excluded=mine.judged)[0]] = True

    rows, _ = made.ranking(mine).best(50, excluded=mine.judged, allowed=allowed)

    assert sorted(rows.tolist()) == np.flatnonzero(allowed).tolist()


def test_what_is_evaluated_is_what_is_served(many_songs: Interactions) -> None:
    # Of one neighbour a song hardly any candidate has a score, and the others are the first
    # rows: the rare songs here, which are not those that the factors would put first.
    rare_first = (many_songs.n_songs - 1 - many_songs.songs).astype(np.int32)
    parted = cut(replace(many_songs, songs=rare_first), seed=0)
    nearest = Recipe("item_knn", {"neighbours": 1})
    made = blend_of(fitted(parted.train, nearest, IALS), [1.0, 2.0], parted.train, 0)

    found = evaluate(made, parted.train, parted.held_out, ks=(10,), intervals=False)

    hits = []
    for user in np.unique(parted.held_out.users[parted.held_out.values > 0]):
        relevant = parted.held_out.songs[
            (parted.held_out.users == user) & (parted.held_out.values > 0)
        ]
        mine = profile_of(parted.train, user)
        rows, _ = made.ranking(mine).best(10, excluded=mine.judged)
        hits.append(np.isin(rows, relevant).sum() / len(relevant))
    assert found.metrics["recall@10"] == pytest.approx(np.mean(hits), abs=1e-3)


def test_a_part_that_knows_nothing_of_a_profile_leaves_it_to_the_others() -> None:
    # Song 3 has one like, of a user who likes nothing else: no item model has weights for it.
    rows = [(0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 1), (1, 2, 1), (2, 3, 1), (3, 1, 1), (3, 2, 1)]
    world = interactions(rows, users=4, songs=5)
    made = blend_of(fitted(world, RIDGE, IALS), [1.0, 1.0], world, 0)

    lonely = profile([3])
    with pytest.raises(NoKnownSongs):
        made.items.scores(lonely)
    assert made.scores(lonely)[3] > made.empty_scores()[3]
    assert made.ranking(lonely).best(1, excluded=np.empty(0, np.int32))[0].tolist() == [3]
    for nothing in (profile(), profile([4])):
        with pytest.raises(NoKnownSongs):
            made.scores(nothing)
        with pytest.raises(NoKnownSongs):
            made.ranking(nothing)


def test_weights_favour_what_foretells_and_leave_out_what_adds_nothing(
    world: Interactions,
) -> None:
    parted = cut(world, seed=0)
    ridge, same, noise = fitted(parted.train, RIDGE, RIDGE, KNN)
    assert isinstance(noise, ItemModel)
    drawn = np.random.default_rng(0).standard_normal(len(noise.liking.weights))
    noise = replace(noise, liking=replace(noise.liking, weights=drawn.astype(np.float32)))

    asked = ask([ridge, same, noise], parted, 0)
    weighed = weigh(asked.of([0, 1]))

    # Noise is not good alone, and the same again is no gain.
    assert good(asked) == [0, 1]
    assert weighed.weights == [1.0, 0.0]
    assert weighed.worth == asked.worth(np.array([1.0, 0.0, 0.0]))


def of_two_songs(*users: tuple[float, float]) -> Said:
    """The first of two songs was liked: what each part says of it, the other song being 0."""
    features = np.zeros((len(users), 2, 2), np.float32)
    features[:, 0] = users
    return Said(
        features,
        np.array([[True, False]] * len(users)),
        np.ones((len(users), 2)),
        Pairs(np.empty((0, 2), np.float32), np.empty(0, np.int64)),
    )


def test_parts_that_make_up_for_each_other_s_mistakes_come_in_together() -> None:
    # Each is wrong about one user in three, by less than the other is right.
    asked = of_two_songs((1, -0.4), (-0.4, 1), (1, 1))

    weighed = weigh(asked)

    assert weighed.weights[0] == 1.0
    assert weighed.weights[1] > 0
    assert weighed.worth == asked.worth(np.array(weighed.weights)) == pytest.approx(2)


def test_what_is_poor_alone_is_no_part_but_the_first_stays() -> None:
    # The first says which songs are looked at, however poor.
    poor_first = of_two_songs((-1, 0.9), (-1, 0.9), (-1, 0.9))
    assert good(poor_first) == [0, 1]
    assert weigh(poor_first).weights[1] > 1 / 0.9
    assert good(of_two_songs((1, -1), (1, -1), (1, -1))) == [0]


def test_small_losses_of_parts_do_not_add_up() -> None:
    # Each part left out costs a little less than what may be lost, two of them more.
    worth = {1: 0.9970, 2: 0.9985, 3: 1.0}

    def of(weights: npt.NDArray[np.float64]) -> float:
        return worth[int(np.count_nonzero(weights))]

    found = weigh(SimpleNamespace(n_parts=3, worth=of))  # type: ignore[arg-type]

    assert np.count_nonzero(found.weights) == 2


def test_several_cuts_are_worth_the_mean_of_each() -> None:
    first = cut(two_camps(users=300), seed=0)
    cuts: list[Cut] = [first, cut_again(first, seed=1)]
    recipes = [Recipe("judged_knn", {}), Recipe("item_knn", {})]
    asked = [ask(fitted(each.train, *recipes), each, 0) for each in cuts]

    both = together(asked)

    for weights in (np.array([1.0, 0.0]), np.array([1.0, 0.5])):
        assert both._ranked(weights).tolist() == [
            worth for each in asked for worth in each._ranked(weights)
        ]
        assert both.pairs.auc(weights).tolist() == [
            share for each in asked for share in each.pairs.auc(weights)
        ]


def test_weights_are_worth_their_ndcgs_times_the_auc_by_hand() -> None:
    # One song of two was liked, and the second part alone puts it first: NDCG 1 at both ends.
    # Of the two pairs the first part has both right, the second one.
    asked = Said(
        features=np.array([[[0, 1], [1, 0]]], np.float32),
        relevant=np.array([[True, False]]),
        ideals=np.ones((1, 2)),
        pairs=Pairs(np.array([[1, 1], [1, -1]], np.float32), starts=np.array([0])),
    )

    assert asked.worth(np.array([0.0, 1.0])) == pytest.approx(2 * 0.5)
    assert asked.worth(np.array([1.0, 0.0])) == pytest.approx(2 / np.log2(3))
    # Both weigh the same: the second pair is a tie.
    assert asked.pairs.auc(np.array([1.0, 1.0])).tolist() == [0.75]


def test_the_ndcgs_of_weights_are_those_of_the_evaluation(world: Interactions) -> None:
    # Fewer songs than candidates: what a user judged leaves places that hold no song.
    parted = cut(world, seed=0)
    models = fitted(parted.train, RIDGE, IALS)
    asked = ask(models, parted, 0)
    for weights in ([1.0, 0.0], [0.0, 1.0], [1.0, 0.5]):
        made = blend_of(models, weights, parted.train, 0)
        found = evaluate(made, parted.train, parted.held_out, ks=(10, 100), intervals=False)
        both = found.metrics["ndcg@10"] + found.metrics["ndcg@100"]
        assert asked._ranked(np.array(weights)).mean() == pytest.approx(both, abs=1e-3)


def test_the_auc_of_weights_is_that_of_the_evaluation() -> None:
    # Few enough judgements a user that all pairs count.
    parted = cut(two_camps(users=300), seed=0)
    models = [algorithms.fit(Recipe(name, {}), parted.train) for name in ("judged_knn", "item_knn")]
    asked = ask(models, parted, 0)
    for weights in ([1.0, 0.0], [0.0, 1.0], [1.0, 0.5]):
        made = blend_of(models, weights, parted.train, 0)
        found = evaluate(made, parted.train, parted.held_out, ks=(10,), intervals=False)
        auc = asked.pairs.auc(np.array(weights)).mean()
        assert auc == pytest.approx(found.metrics["auc"], abs=1e-3)


def test_a_blend_is_trained_from_its_recipe_alone(world: Interactions) -> None:
    recipe = blend_recipe([(RIDGE, 1.0), (IALS, 0.5)], seed=7)

    made = algorithms.fit(recipe, world)

    by_hand = blend_of(
        [algorithms.fit(Recipe(p.algorithm, p.parameters, 7), world) for p in parts_of(recipe)],
        [1.0, 0.5],
        world,
        7,
    )
    mine = profile_of(world, 1)
    assert made.scores(mine).tolist() == by_hand.scores(mine).tolist()


def test_a_recipe_is_told_in_words_with_its_parts() -> None:
    recipe = blend_recipe([(RIDGE, 1.0), (IALS, 0.51234)], seed=7)

    told = recipe.in_words()

    assert told == "blend (1 local_ridge (ridge 2), 0.512 ials (factors 8, epochs 3))"
    assert Recipe("popularity", {}).in_words() == "popularity"


def test_recipes_that_make_no_blend_are_refused(world: Interactions) -> None:
    for parts in ([], [["ials", {"factors": 4}, 1.0]], [["popularity", {}, 1.0]], ["ials"]):
        with pytest.raises(TrainingFailed):
            algorithms.fit(Recipe("blend", {"parts": parts}), world)


def test_parts_that_do_not_go_together_are_refused(world: Interactions) -> None:
    arrays = dict(blend_of(fitted(world, RIDGE, IALS), [1.0, 1.0], world, 0).arrays())

    with pytest.raises(BrokenModel, match="other songs"):
        blend.load(arrays | {"0-ials.factors": np.zeros((3, 8), np.float32)})
    with pytest.raises(BrokenModel, match="2 weights for 1 parts"):
        blend.load(arrays | {"weights": np.ones(2)})
    with pytest.raises(BrokenModel, match="no part '1-best'"):
        blend.load(arrays | {"1-best.factors": np.zeros(3)})
