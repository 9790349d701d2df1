"""Every algorithm by its name: how it is trained and how it is loaded."""

from collections.abc import Callable
from dataclasses import dataclass

from recommendations.engine import local_ridge, popularity
from recommendations.engine.interactions import Interactions
from recommendations.engine.model import Arrays, Model, Parameters, Progress, Recipe


class UnknownAlgorithm(Exception):
    """No algorithm of this name can be trained or loaded here."""


@dataclass(frozen=True, slots=True)
class _Algorithm:
    """The two things that a name stands for."""

    fit: Callable[[Interactions, Parameters, int, Progress | None], Model]
    load: Callable[[Arrays], Model]


def _fit_local_ridge(
    interactions: Interactions, parameters: Parameters, seed: int, progress: Progress | None
) -> Model:
    # Training is imported where it is asked for: processes that serve do without its compiler.
    from recommendations.engine import local_ridge_training

    return local_ridge_training.fit(interactions, parameters, seed, progress)


_TABLE = {
    "popularity": _Algorithm(popularity.fit, popularity.load),
    "local_ridge": _Algorithm(_fit_local_ridge, local_ridge.load),
}
_PLANNED = ("item_knn", "ials", "turbo_cf", "blend")
ALGORITHMS: tuple[str, ...] = tuple(_TABLE)


def fit(recipe: Recipe, interactions: Interactions, progress: Progress | None = None) -> Model:
    """Train by the recipe. Raises UnknownAlgorithm, TrainingFailed."""
    algorithm = _named(recipe.algorithm)
    return algorithm.fit(interactions, recipe.parameters, recipe.seed, progress)


def load(
    algorithm: str,
    parameters: Parameters,  # noqa: ARG001 - what scoring needs of them is in the arrays
    arrays: Arrays,
) -> Model:
    """The model of stored arrays, which may be read-only memory maps.

    Raises UnknownAlgorithm, and BrokenModel where the arrays do not make a model.
    """
    return _named(algorithm).load(arrays)


def _named(name: str) -> _Algorithm:
    """The table's entry, or an error that says which names there are."""
    if name in _TABLE:
        return _TABLE[name]
    known = ", ".join(ALGORITHMS)
    if name in _PLANNED:
        raise UnknownAlgorithm(f"the algorithm {name} is not built yet; there are: {known}")
    raise UnknownAlgorithm(f"there is no algorithm {name!r}; there are: {known}")
