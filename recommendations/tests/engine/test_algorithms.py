"""Models by name: trained, stored, loaded, refused."""

from pathlib import Path

import numpy as np
import pytest

from recommendations.engine import algorithms
from recommendations.engine.model import Arrays, BrokenModel, Recipe
from recommendations.tests.engine.worlds import listeners_with_taste, profile_of

WORLD = listeners_with_taste(users=40, songs=30)
SMALL = {"svd": {"epochs": 2, "factors": 4}}


def stored(algorithm: str) -> Arrays:
    model = algorithms.fit(Recipe(algorithm, SMALL.get(algorithm, {})), WORLD)
    return dict(model.arrays())


@pytest.mark.parametrize("algorithm", algorithms.ALGORITHMS)
def test_a_model_read_back_from_its_files_scores_the_same(algorithm: str, tmp_path: Path) -> None:
    model = algorithms.fit(Recipe(algorithm, SMALL.get(algorithm, {})), WORLD)
    for name, array in model.arrays().items():
        np.save(tmp_path / f"{name}.npy", array, allow_pickle=False)

    arrays: Arrays = {
        file.stem: np.load(file, mmap_mode="r", allow_pickle=False)
        for file in tmp_path.glob("*.npy")
    }
    again = algorithms.load(algorithm, {}, arrays)

    mine = profile_of(WORLD, 7)
    assert again.algorithm == algorithm
    assert again.scores(mine).tolist() == model.scores(mine).tolist()
    assert again.similar(3, 5)[0].tolist() == model.similar(3, 5)[0].tolist()
    again.scores(mine)[0] = 1  # what comes back is the caller's own


@pytest.mark.parametrize("algorithm", algorithms.ALGORITHMS)
def test_the_same_recipe_makes_the_same_model(algorithm: str) -> None:
    first, second = stored(algorithm), stored(algorithm)

    assert first.keys() == second.keys()
    for name in first:
        assert np.array_equal(first[name], second[name]), name


@pytest.mark.parametrize("algorithm", algorithms.ALGORITHMS)
def test_the_order_in_which_judgements_come_makes_no_other_model(algorithm: str) -> None:
    recipe = Recipe(algorithm, SMALL.get(algorithm, {}))
    mixed = WORLD.where(np.random.default_rng(0).permutation(len(WORLD)))

    first, second = (algorithms.fit(recipe, world).arrays() for world in (WORLD, mixed))

    for name in first:
        assert np.array_equal(first[name], second[name]), name


@pytest.mark.parametrize("algorithm", algorithms.ALGORITHMS)
def test_a_missing_array_is_refused_by_name(algorithm: str) -> None:
    for name in stored(algorithm):
        arrays = stored(algorithm)
        del arrays[name]
        # Without the one array of a blend's part there is no such part, which its weights tell.
        with pytest.raises(BrokenModel, match=f"{name}|weights for"):
            algorithms.load(algorithm, {}, arrays)


def test_weights_of_songs_that_do_not_exist_are_refused() -> None:
    arrays = stored("local_ridge")
    arrays["rows"] = np.full_like(arrays["rows"], 30)

    with pytest.raises(BrokenModel, match="outside 0 to 29"):
        algorithms.load("local_ridge", {}, arrays)


def test_weights_that_lift_for_being_disliked_are_refused() -> None:
    arrays = stored("judged_knn")
    arrays["dislike_weights"] = -arrays["dislike_weights"]

    with pytest.raises(BrokenModel, match="dislike_weights"):
        algorithms.load("judged_knn", {}, arrays)


def test_offsets_that_run_backwards_are_refused() -> None:
    arrays = stored("local_ridge")
    arrays["offsets"] = arrays["offsets"].copy()
    arrays["offsets"][1] = -5

    with pytest.raises(BrokenModel, match="offsets"):
        algorithms.load("local_ridge", {}, arrays)


def test_a_name_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(algorithms.UnknownAlgorithm, match="there are: popularity, svd"):
        algorithms.fit(Recipe("best", {}), WORLD)
    with pytest.raises(algorithms.UnknownAlgorithm, match="no algorithm 'best'"):
        algorithms.load("best", {}, {})


@pytest.mark.parametrize("algorithm", algorithms.ALGORITHMS)
def test_a_stored_model_has_a_row_for_no_user(algorithm: str) -> None:
    # So that whoever is forgotten need not be looked for in models. More users than any array of
    # so few songs has numbers: 13 songs make 169 pairs.
    world = listeners_with_taste(users=997, songs=13)

    model = algorithms.fit(Recipe(algorithm, SMALL.get(algorithm, {})), world)

    assert {name: array.shape for name, array in model.arrays().items() if array.size >= 997} == {}
