"""Turbo-CF: a low-pass filter over the graph of songs, sharpened number by number.

P = R̃ᵀ R̃ with R̃ = D_U^(-a) X D_I^(-(1-a)), and W = P^s element by element: the linear filter of
Park, Shin, Shin 2024, "Turbo-CF: Matrix decomposition-free graph filtering for fast
recommendation", of which each song keeps its K largest. a shares the damping between users of many
likes and songs of many likes.
"""

import numpy as np

from recommendations.engine.cooccurrence import counting_seconds, fit_cooccurrence
from recommendations.engine.interactions import Interactions
from recommendations.engine.item_model import ItemModel
from recommendations.engine.model import Parameters, Progress
from recommendations.engine.refusals import LEAST, MOST, Ranges

DEFAULTS: Parameters = {"neighbours": 200, "user_damping": 0.4, "power": 0.8}


RANGES: Ranges = {
    "neighbours": (1, MOST),
    "user_damping": (0, 1),
    "power": (LEAST, 10),
}


def fit(
    interactions: Interactions,
    parameters: Parameters,
    seed: int,  # noqa: ARG001 - every fit takes it
    progress: Progress | None = None,
) -> ItemModel:
    """Count, scale, sharpen. Nothing in it is drawn."""
    given = DEFAULTS | parameters
    likes, damping = interactions.likes, float(given["user_damping"])
    degrees = np.maximum(np.diff(likes.indptr), 1).astype(np.float64)
    counts = np.maximum(interactions.like_counts, 1).astype(np.float64)
    return fit_cooccurrence(
        "turbo_cf",
        interactions,
        user_weights=(degrees ** (-2 * damping)).astype(np.float32),
        song_scales=(counts ** (damping - 1)).astype(np.float32),
        power=float(given["power"]),
        neighbours=int(given["neighbours"]),
        progress=progress,
    )


def projected_seconds(
    interactions: Interactions,
    parameters: Parameters,  # noqa: ARG001 - every projection takes it
) -> float:
    """Roughly how long ``fit`` will take on one core."""
    return counting_seconds(interactions)
