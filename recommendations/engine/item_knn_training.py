"""Item KNN with BM25: songs liked by the same users, what is common counting for less.

A like of song i by user u weighs idf_i (k₁ + 1) / (k₁ (1 − b + b d_u / d̄) + 1), where idf_i is
log(n_users / (1 + n_i)), n_i the likes of i and d_u those of u; W_ij is the product of two such
columns, of which each song keeps its K largest. Sources: Robertson & Zaragoza 2009 for BM25; the
library implicit (Frederickson) for its use between songs.
"""

import numpy as np

from recommendations.engine.cooccurrence import counting_seconds, fit_cooccurrence
from recommendations.engine.interactions import Interactions
from recommendations.engine.item_model import ItemModel
from recommendations.engine.model import Parameters, Progress
from recommendations.engine.refusals import MOST, Ranges

DEFAULTS: Parameters = {"neighbours": 100, "k1": 1.2, "b": 0.4}
_LEAST_IDF = 1e-3


RANGES: Ranges = {
    "neighbours": (1, MOST),
    "k1": (0, MOST),
    "b": (0, 1),
}


def fit(
    interactions: Interactions,
    parameters: Parameters,
    seed: int,  # noqa: ARG001 - every fit takes it
    progress: Progress | None = None,
) -> ItemModel:
    """Count and scale. Nothing in it is drawn."""
    given = DEFAULTS | parameters
    k1, b = float(given["k1"]), float(given["b"])
    degrees = np.diff(interactions.likes.indptr).astype(np.float64)
    counts = interactions.like_counts.astype(np.float64)
    relative = degrees / max(degrees.mean(), 1e-12)
    weights = (k1 + 1) / (k1 * (1 - b + b * relative) + 1)
    # A song that nearly everybody likes tells nobody apart; still, it may be recommended.
    idf = np.maximum(np.log(interactions.n_users / (1.0 + counts)), _LEAST_IDF)
    return fit_cooccurrence(
        "item_knn",
        interactions,
        user_weights=(weights**2).astype(np.float32),
        song_scales=idf.astype(np.float32),
        power=1.0,
        neighbours=int(given["neighbours"]),
        progress=progress,
    )


def projected_seconds(
    interactions: Interactions,
    parameters: Parameters,  # noqa: ARG001 - every projection takes it
) -> float:
    """Roughly how long ``fit`` will take on one core."""
    return counting_seconds(interactions)
