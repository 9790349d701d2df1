"""What the engine refuses: parameters and judgements before training, arrays before serving."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from recommendations.engine import algorithms
from recommendations.engine.model import Arrays, BrokenModel, Recipe, TrainingFailed
from recommendations.tests.engine.worlds import listeners_with_taste

WORLD = listeners_with_taste(users=30, songs=20)
SMALL: dict[str, dict[str, Any]] = {
    "svd": {"epochs": 1, "factors": 3},
    "vbmf": {"epochs": 1, "factors": 3},
    "ials": {"epochs": 1, "factors": 3},
    "blend": {
        "parts": [
            ["judged_knn", {}, 1.0],
            ["ials", {"epochs": 1, "factors": 3}, 0.5],
            ["svd", {"epochs": 1, "factors": 3}, 0.5],
        ]
    },
}
STORED: dict[str, Arrays] = {
    name: algorithms.fit(Recipe(name, SMALL.get(name, {})), WORLD).arrays()
    for name in algorithms.ALGORITHMS
}
# Every parameter that is a number, of every algorithm.
NUMBERS = [
    (algorithm, name)
    for algorithm in algorithms.ALGORITHMS
    for name, value in algorithms.defaults(algorithm).items()
    if isinstance(value, int | float)
]
ARRAYS = [(algorithm, name) for algorithm in STORED for name in STORED[algorithm]]
OF_ROWS = [
    (algorithm, name)
    for algorithm, name in ARRAYS
    if name.endswith("rows") and STORED[algorithm][name].size
]
NEVER_NEGATIVE = [
    (algorithm, name) for algorithm, name in NUMBERS if (algorithm, name) != ("svd", "dislike")
]


@pytest.mark.parametrize(("algorithm", "name"), NUMBERS)
def test_what_is_no_number_of_reason_is_refused_by_the_parameter_s_name(
    algorithm: str, name: str
) -> None:
    for wrong in (np.nan, np.inf, -np.inf, 1e30, "1", None, True, [1]):
        with pytest.raises(TrainingFailed, match=f"{algorithm}: {name} must be a number from"):
            algorithms.fit(Recipe(algorithm, {name: wrong}), WORLD)


@pytest.mark.parametrize(("algorithm", "name"), NEVER_NEGATIVE)
def test_a_parameter_under_0_is_refused(algorithm: str, name: str) -> None:
    with pytest.raises(TrainingFailed, match=f"{algorithm}: {name} must be"):
        algorithms.fit(Recipe(algorithm, {name: -1}), WORLD)


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [
        *((each, "neighbours") for each in ("local_ridge", "item_knn", "turbo_cf", "judged_knn")),
        ("local_ridge", "ridge"),
        ("turbo_cf", "power"),
        ("judged_knn", "shrinkage"),
        ("ials", "factors"),
        ("ials", "epochs"),
        ("ials", "regularisation"),
        ("svd", "factors"),
        ("svd", "learning_rate"),
        ("vbmf", "factors"),
        ("vbmf", "epochs"),
        ("vbmf", "fold_in"),
    ],
)
def test_a_parameter_that_is_divided_by_or_counts_is_not_0(algorithm: str, name: str) -> None:
    with pytest.raises(TrainingFailed, match=f"{algorithm}: {name} must be"):
        algorithms.fit(Recipe(algorithm, {name: 0}), WORLD)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (["local_ridge", {}, np.nan], "the weight of local_ridge"),
        (["local_ridge", {}, 0.0], "the weight of local_ridge"),
        (["local_ridge", {}, -0.5], "the weight of local_ridge"),
        (["local_ridge", {"ridge": np.nan}, 1.0], "local_ridge: ridge"),
        (["ials", {"factors": -3}, 1.0], "ials: factors"),
        (["popularity", {}, 1.0], "popularity cannot be a part"),
        (["best", {}, 1.0], "best cannot be a part"),
        (["blend", {}, 1.0], "blend cannot be a part"),
        (["local_ridge", {}], "parts must be a list"),
    ],
    ids=str,
)
def test_a_blend_s_part_that_cannot_be_is_refused_by_name(part: Any, said: str) -> None:
    with pytest.raises(TrainingFailed, match=said):
        algorithms.fit(Recipe("blend", {"parts": [part]}), WORLD)


@pytest.mark.parametrize("parts", [None, 5, {}, "ials", []], ids=str)
def test_parts_that_are_no_list_of_parts_are_refused(parts: Any) -> None:
    with pytest.raises(TrainingFailed, match="part"):
        algorithms.fit(Recipe("blend", {"parts": parts}), WORLD)


def changed(values: npt.NDArray[Any], first: float) -> npt.NDArray[Any]:
    return np.concatenate([[first], values[1:]]).astype(values.dtype)


@pytest.mark.parametrize(
    ("name", "array", "said"),
    [
        ("users", changed(WORLD.users, -1), "users outside 0 to 29"),
        ("users", changed(WORLD.users, 30), "users outside 0 to 29"),
        ("songs", changed(WORLD.songs, -1), "songs outside 0 to 19"),
        ("songs", changed(WORLD.songs, 20), "songs outside 0 to 19"),
        ("songs", WORLD.songs[1:], "songs are no"),
        ("values", changed(WORLD.values, 0), "not all 1 or -1"),
        ("values", changed(WORLD.values, 5), "not all 1 or -1"),
        ("values", np.full(len(WORLD), np.nan), "values are no"),
        ("users", WORLD.users[:, None], "users are no"),
    ],
)
def test_judgements_that_are_none_are_refused(
    name: str, array: npt.NDArray[Any], said: str
) -> None:
    change: dict[str, Any] = {name: array}
    with pytest.raises(TrainingFailed, match=said):
        algorithms.fit(Recipe("item_knn", {}), replace(WORLD, **change))


def damaged(array: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    """The array with one number that is none, with another shape, and with another type."""
    yield array[None]
    yield array.astype(np.float16)
    if not array.size:
        return
    if np.issubdtype(array.dtype, np.floating):
        for wrong in (np.nan, np.inf, -np.inf):
            copied = array.copy()
            copied.flat[-1] = wrong
            yield copied


@pytest.mark.parametrize(("algorithm", "name"), ARRAYS)
def test_one_number_that_is_none_anywhere_is_refused_by_the_array_s_name(
    algorithm: str, name: str
) -> None:
    for array in damaged(STORED[algorithm][name]):
        with pytest.raises(BrokenModel, match=f"'{name}'"):
            algorithms.load(algorithm, {}, {**STORED[algorithm], name: array})


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [each for each in ARRAYS if each[1].endswith("rows") and STORED[each[0]][each[1]].size],
)
def test_songs_that_there_are_not_are_refused(algorithm: str, name: str) -> None:
    for row in (-2, 20, 2**31 - 1):
        array = STORED[algorithm][name].copy()
        array.flat[-1] = row
        with pytest.raises(BrokenModel, match=f"'{name}' names songs outside 0 to 19"):
            algorithms.load(algorithm, {}, {**STORED[algorithm], name: array})


@pytest.mark.parametrize(
    ("name", "array", "said"),
    [
        ("weights", np.array([0.0, 1.0]), "not over 0"),
        ("weights", np.array([1.0, -1.0]), "not over 0"),
        ("weights", np.array([1.0]), "1 weights for 2 parts"),
        ("0-ials.factors", np.ones((19, 3), np.float32), "'0-ials' ranks other songs"),
        ("0-ials.factors", np.ones((20, 3, 1), np.float32), "dimensions"),
        ("2-best.factors", np.ones((20, 3), np.float32), "no part '2-best'"),
        ("1-svd.gram", np.eye(4) - 2, "not positive definite"),
        ("1-svd.gram", np.eye(4) + np.eye(4, k=1) / 9, "not symmetric"),
        ("items.base", np.zeros(19, np.float32), "offsets"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(
    name: str, array: npt.NDArray[Any], said: str
) -> None:
    with pytest.raises(BrokenModel, match=said):
        algorithms.load("blend", {}, {**STORED["blend"], name: array})


def test_fewer_likes_than_none_are_refused() -> None:
    with pytest.raises(BrokenModel, match="counts"):
        algorithms.load("popularity", {}, {"counts": np.array([3, -1], np.float32)})
