"""The model of biases and factors that a training found, with the fold-in's constants."""

import numpy as np
import numpy.typing as npt

from recommendations.engine.interactions import FloatArray, Interactions
from recommendations.engine.ratings import LIKE
from recommendations.engine.svd import SVD


def svd_model(
    interactions: Interactions,
    unjudged: int,
    *,
    mean: float,
    factors: FloatArray,
    biases: FloatArray,
    dislike: float,
    ridge: npt.NDArray[np.float64],
    algorithm: str,
) -> SVD:
    """The model of songs' factors, with the fold-in's constants as a typical user had them.

    unjudged: how many ratings stand for songs not judged; α spreads a user's mean number of them
    over all songs. ridge: ρ of b_u and of each factor, (f + 1,).
    """
    active = max(1, len(np.unique(interactions.users)))
    weight = unjudged / active / interactions.n_songs
    extended = np.column_stack([np.ones(len(biases)), factors.astype(np.float64)])
    gram = weight * (extended.T @ extended)
    gram[np.diag_indices_from(gram)] += np.maximum(ridge, 1e-6)
    return SVD(
        factors=factors,
        biases=biases,
        gram=gram,
        right=-weight * (extended.T @ (mean + biases.astype(np.float64))),
        ratings=np.array([mean, LIKE, dislike]),
        algorithm=algorithm,
    )
