"""How a blend is made: its parts trained one by one, scaled, weighted and added up.

Parameters: parts, a list of [algorithm, parameters, weight]. With σ_m the standard deviation of a
part's scores over the catalogue, a mean over 1,000 users drawn by the seed, part m enters with
c_m = weight / σ_m: a weight is worth the same whatever the part's unit. The weights are found on
cuts of the data (blending.py), σ on all of them.
"""

from dataclasses import replace
from typing import Any, Final

import numpy as np
from scipy import sparse

from recommendations.engine import algorithms
from recommendations.engine.blend import Blend, Dear
from recommendations.engine.checkpoints import Checkpoints, Forgetful, Within
from recommendations.engine.earlier import Earlier
from recommendations.engine.interactions import Interactions
from recommendations.engine.item_model import ItemModel
from recommendations.engine.model import Model, Parameters, Progress, Recipe, TrainingFailed
from recommendations.engine.refusals import LEAST, MOST, Ranges, refuse_number
from recommendations.engine.sparse_rows import SparseRows

DEFAULTS: Parameters = {
    "parts": [
        ["local_ridge", {}, 1.0],
        ["item_knn", {}, 0.3],
        ["ials", {}, 0.7],
    ]
}
# What is wrong with its parts is said by each of them.
RANGES: Ranges = {}
# The checkpoint of a part that is finished.
_WHOLE: Final = "whole"
SCALE_USERS: Final = 1_000
# What may be a part. Popularity is in the item models' base already.
BLENDED: Final = ("local_ridge", "item_knn", "turbo_cf", "judged_knn", "ials", "svd", "vbmf")


def fit(
    interactions: Interactions,
    parameters: Parameters,
    seed: int,
    progress: Progress | None = None,
    checkpoints: Checkpoints | None = None,
    earlier: Earlier | None = None,
) -> Blend:
    """Train every part and add them up; what each left ``earlier`` is gone on from.

    Raises TrainingFailed.
    """
    parts, kept = _parts(parameters), checkpoints or Forgetful()
    models = [
        _part(Recipe(algorithm, given, seed), f"part-{at}", interactions, progress, kept, earlier)
        for at, (algorithm, given, _) in enumerate(parts)
    ]
    return blend_of(models, [weight for *_, weight in parts], interactions, seed)


def blend_of(
    models: list[Model], weights: list[float], interactions: Interactions, seed: int
) -> Blend:
    """The blend of trained models. Raises TrainingFailed where none of them is an item model."""
    scaled = [
        weight / scale_of(model, interactions, seed)
        for model, weight in zip(models, weights, strict=True)
    ]
    items = [(m, c) for m, c in zip(models, scaled, strict=True) if isinstance(m, ItemModel)]
    dear = [(m, c) for m, c in zip(models, scaled, strict=True) if isinstance(m, Dear)]
    if not items or len(items) + len(dear) < len(models):
        names = ", ".join(model.algorithm for model in models)
        raise TrainingFailed(f"a blend needs an item model, and beside it factors; not {names}")
    constants = np.array([constant for _, constant in dear], np.float64)
    return Blend(_added_up(items), tuple(model for model, _ in dear), constants)


def scale_of(model: Model, interactions: Interactions, seed: int) -> float:
    """σ: how far a user's scores spread over the catalogue, mean over a sample of users."""
    likes, dislikes = interactions.likes, interactions.dislikes
    users = np.flatnonzero(np.diff(likes.indptr))
    if len(users) > SCALE_USERS:
        drawn = np.random.default_rng(seed).choice(users, SCALE_USERS, replace=False)
        users = np.sort(drawn)
    size, spreads = max(1, 4_000_000 // max(1, model.n_songs)), [np.empty(0)]
    for start in range(0, len(users), size):
        some = users[start : start + size]
        scores, known = model.score_block(likes[some], dislikes[some])
        spreads.append(scores[known].std(axis=1, dtype=np.float64))
    all_spreads = np.concatenate(spreads)
    spread = float(all_spreads.mean()) if len(all_spreads) else 0.0
    return spread if spread > 0 else 1.0


def projected_seconds(interactions: Interactions, parameters: Parameters) -> float:
    """The parts one after another."""
    return sum(
        algorithms.projected_seconds(Recipe(algorithm, given), interactions)
        for algorithm, given, _ in _parts(parameters)
    )


def parts_of(recipe: Recipe) -> list[Recipe]:
    """The recipes of a blend's parts; none for any other algorithm. Raises TrainingFailed."""
    if recipe.algorithm != "blend":
        return []
    return [Recipe(name, given, recipe.seed) for name, given, _ in _parts(recipe.parameters)]


def blend_recipe(parts: list[tuple[Recipe, float]], seed: int) -> Recipe:
    """The recipe of a blend of these, each with its weight."""
    listed = [[part.algorithm, part.parameters, weight] for part, weight in parts]
    return Recipe("blend", {"parts": listed}, seed)


def _part(
    recipe: Recipe,
    name: str,
    interactions: Interactions,
    progress: Progress | None,
    checkpoints: Checkpoints,
    earlier: Earlier | None,
) -> Model:
    """A part that was trained before, or is now."""
    kept = Within(checkpoints, name)
    if earlier is not None:
        return algorithms.fit(recipe, interactions, progress, kept, earlier.part(name))
    if (found := kept.load(_WHOLE)) is not None:
        return algorithms.load(recipe.algorithm, recipe.parameters, found)
    model = algorithms.fit(recipe, interactions, progress, kept)
    kept.save(_WHOLE, model.arrays())
    return model


def _parts(parameters: Parameters) -> list[tuple[str, dict[str, Any], float]]:
    parts = (DEFAULTS | parameters)["parts"]
    try:
        found = [(str(name), dict(given), float(weight)) for name, given, weight in parts]
    except (TypeError, ValueError):
        raise TrainingFailed("parts must be a list of [algorithm, parameters, weight]") from None
    if not found:
        raise TrainingFailed("a blend needs at least one part")
    for name, _, weight in found:
        refuse_number(f"blend: the weight of {name}", weight, (LEAST, MOST))
        if name not in BLENDED:
            raise TrainingFailed(f"blend: {name} cannot be a part; only {', '.join(BLENDED)}")
    return found


def _added_up(items: list[tuple[ItemModel, float]]) -> ItemModel:
    """One item model whose weights are the sum; the songs most alike are the first one's."""
    first = items[0][0]
    liking, disliking = (
        SparseRows.of(sum((each.scaled(constant) for each, constant in parts), _nothing(first)))
        for parts in (
            [(model.liking, constant) for model, constant in items],
            [(model.disliking, constant) for model, constant in items],
        )
    )
    base = sum((constant * model.base for model, constant in items), np.zeros(first.n_songs))
    return replace(
        first,
        algorithm="blend",
        liking=liking,
        disliking=disliking,
        base=base.astype(np.float32),
    )


def _nothing(model: ItemModel) -> sparse.csr_array:
    return SparseRows.empty(model.n_songs).matrix
