"""The recipes that trainings recorded: of the live version, and of those that went live before."""

from collections.abc import Mapping
from typing import Any, Final

from recommendations.engine import algorithms
from recommendations.engine.model import Recipe
from recommendations.engine.selection import LAST
from recommendations.models import ModelVersion
from recommendations.training.runs import went_live, whole

# How many trainings that went live are looked at for ten different recipes.
_LOOKED_AT: Final = 200


def recipe_of(live: ModelVersion | None) -> Recipe | None:
    """What the version was made with; None where this code has no such algorithm."""
    if live is None or live.algorithm not in algorithms.ALGORITHMS:
        return None
    run = live.training_run
    return Recipe(live.algorithm, run.parameters, run.metrics.get("seed", 0))


def last_recipes() -> list[Recipe]:
    """The ten recipes that went live most lately, the most promising first.

    Ten different ones: a live recipe that is trained anew every day does not push out of sight
    what was better before it. Promising is what was better than popularity by the greatest
    factor in its own training: where time lacks for all, those are fitted. Numbers of different
    days are good for that order alone.
    """
    found: list[tuple[Recipe, float]] = []
    for row in whole(went_live()).values(
        "algorithm",
        "parameters",
        "metrics__seed",
        "metrics__winner",
        "metrics__popularity",
        "metrics__promotion",
    )[:_LOOKED_AT]:
        recipe = Recipe(row["algorithm"], row["parameters"], row["metrics__seed"] or 0)
        if all(recipe != other for other, _ in found):
            found.append((recipe, _lift(row)))
        if len(found) == LAST:
            break
    return [recipe for recipe, _ in sorted(found, key=lambda each: -each[1])]


def _lift(row: Mapping[str, Any]) -> float:
    """How many times popularity's NDCG@10 it reached; by those who chose where nobody decided."""
    if row["algorithm"] == "popularity":
        return 1.0
    decided = row["metrics__promotion"] or {}
    own, popular = decided.get("ndcg@10"), decided.get("popularity_ndcg@10")
    if own is None:
        own = (row["metrics__winner"] or {}).get("ndcg@10")
        popular = (row["metrics__popularity"] or {}).get("ndcg@10")
    return own / popular if own and popular else 0.0
