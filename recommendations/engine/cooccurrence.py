"""Item models without a regression: songs liked by the same users, weighted in closed form.

W_ij = (c_i c_j Σ_u a_u)^s over the users u who like both i and j, of each song j's K largest. What
a user is worth (a), what a song is divided by (c) and the sharpening s make the algorithm:
turbo_cf_training.py, item_knn_training.py.
"""

import numpy as np

from recommendations.engine.interactions import FloatArray, Interactions
from recommendations.engine.item_model import ItemModel
from recommendations.engine.item_model_making import item_model
from recommendations.engine.model import Progress
from recommendations.engine.neighbours import Gram, nearest


def fit_cooccurrence(
    algorithm: str,
    interactions: Interactions,
    *,
    user_weights: FloatArray,
    song_scales: FloatArray,
    power: float,
    neighbours: int,
    progress: Progress | None,
) -> ItemModel:
    """The model of these weights; its songs most alike are the ones of greatest W.

    user_weights: a, float32 (n_users,). song_scales: c > 0, float32 (n_songs,).
    """
    likes = interactions.likes
    k = max(1, min(neighbours, interactions.n_songs - 1))
    report = None if progress is None else lambda share: progress(algorithm, share)
    # ``nearest`` divides by the roots of this.
    diagonal = (1.0 / song_scales.astype(np.float64) ** 2).astype(np.float32)
    found = nearest(Gram(likes, likes.T.tocsr(), user_weights, diagonal), k, report)
    weights = np.where(found.rows >= 0, np.maximum(found.likeness, 0) ** np.float32(power), 0)
    return item_model(algorithm, interactions, found, weights.astype(np.float32), base=0.0)


def counting_seconds(interactions: Interactions) -> float:
    """Roughly how long counting all pairs takes on one core: Σ d² over users."""
    degrees = np.bincount(interactions.users[interactions.values > 0]).astype(np.float64)
    return float(6e-9 * (degrees**2).sum() + 3e-5 * interactions.n_songs)
