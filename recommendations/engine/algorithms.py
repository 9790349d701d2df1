"""Every algorithm by its name: how it is trained and how it is loaded."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

from recommendations.engine import blend, ials, item_model, new_songs, popularity, svd
from recommendations.engine.checkpoints import Checkpoints
from recommendations.engine.earlier import Earlier
from recommendations.engine.interactions import Interactions
from recommendations.engine.model import Arrays, Model, Parameters, Progress, Recipe
from recommendations.engine.refusals import refuse_judgements, refuse_parameters


class UnknownAlgorithm(Exception):
    """No algorithm of this name can be trained or loaded here."""


@dataclass(frozen=True, slots=True)
class _Algorithm:
    """What a name stands for. training: the module that trains it.

    in_pieces: whether its ``fit`` takes checkpoints and what an earlier training left, beside what
    every fit takes.

    It has DEFAULTS and the RANGES that its numbers may come from, ``fit`` and
    ``projected_seconds``, and is imported where training is asked for: compilers and libraries of
    training stay out of processes that only serve.
    """

    training: str
    load: Callable[[Arrays], Model]
    in_pieces: bool = False


_TABLE = {
    "popularity": _Algorithm("popularity", popularity.load),
    "svd": _Algorithm("svd_training", partial(svd.load, "svd")),
    "vbmf": _Algorithm("vbmf_training", partial(svd.load, "vbmf")),
    "local_ridge": _Algorithm(
        "local_ridge_training", partial(item_model.load, "local_ridge"), in_pieces=True
    ),
    "item_knn": _Algorithm("item_knn_training", partial(item_model.load, "item_knn")),
    "turbo_cf": _Algorithm("turbo_cf_training", partial(item_model.load, "turbo_cf")),
    "judged_knn": _Algorithm("judged_knn_training", partial(item_model.load, "judged_knn")),
    "ials": _Algorithm("ials_training", ials.load, in_pieces=True),
    "blend": _Algorithm("blend_training", blend.load, in_pieces=True),
}
ALGORITHMS: tuple[str, ...] = tuple(_TABLE)


def fit(
    recipe: Recipe,
    interactions: Interactions,
    progress: Progress | None = None,
    checkpoints: Checkpoints | None = None,
    earlier: Earlier | None = None,
) -> Model:
    """Train by the recipe. Raises UnknownAlgorithm, and TrainingFailed before or after the work.

    checkpoints: what an earlier training by this recipe on these interactions had finished; what
    this one finishes is added. earlier: what a training by this recipe left on interactions of
    before, to solve those songs alone that moved since. Algorithms without long trainings pay no
    heed to either: they begin at the beginning.
    """
    training = _training(recipe.algorithm)
    known, ranges = defaults(recipe.algorithm), {**training.RANGES, **new_songs.RANGES}
    refuse_parameters(recipe.algorithm, recipe.parameters, known, ranges)
    refuse_judgements(interactions)
    before = {"checkpoints": checkpoints, "earlier": earlier}
    given = before if _named(recipe.algorithm).in_pieces else {}
    model: Model = training.fit(interactions, recipe.parameters, recipe.seed, progress, **given)
    return new_songs.lend(model, interactions, recipe.parameters)


def defaults(algorithm: str) -> Parameters:
    """The parameters of an algorithm where none are given. Raises UnknownAlgorithm."""
    own: Parameters = _training(algorithm).DEFAULTS
    return own | new_songs.LENDING.get(algorithm, {})


def projected_seconds(recipe: Recipe, interactions: Interactions) -> float:
    """How long ``fit`` is likely to take here. Raises UnknownAlgorithm."""
    seconds: float = _training(recipe.algorithm).projected_seconds(interactions, recipe.parameters)
    return seconds


def must_exist(algorithm: str) -> None:
    """Raise UnknownAlgorithm, with the names that there are, if this is none of them."""
    _named(algorithm)


def load(
    algorithm: str,
    parameters: Parameters,  # noqa: ARG001 - what scoring needs of them is in the arrays
    arrays: Arrays,
) -> Model:
    """The model of stored arrays, which may be read-only memory maps.

    Raises UnknownAlgorithm, and BrokenModel where the arrays do not make a model.
    """
    return _named(algorithm).load(arrays)


def _training(algorithm: str) -> Any:
    """The module that trains this algorithm."""
    return import_module(f"recommendations.engine.{_named(algorithm).training}")


def _named(name: str) -> _Algorithm:
    """The table's entry, or an error that says which names there are."""
    if name in _TABLE:
        return _TABLE[name]
    known = ", ".join(ALGORITHMS)
    raise UnknownAlgorithm(f"there is no algorithm {name!r}; there are: {known}")
