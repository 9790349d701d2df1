"""Item KNN over judgements: songs that the same people liked, or disliked, more than expected.

A judgement is what it adds to the expected, e_ui = r_ui − μ − b_i − b_u with r 1 for a like and 0
for a dislike, and 0 where nothing was judged: that somebody heard a song says nothing here. Then

    k_ij = Σ_u e_ui e_uj / √((Σ_u e_ui² + shrinkage) (Σ_u e_uj² + shrinkage))

is a correlation drawn to 0 for songs with few judgements; of each song its K largest are kept, by
size. A like of i adds k_ij, a dislike takes ``dislike`` · max(k_ij, 0) away: it never lifts.
Sources: Sarwar et al. 2001 (adjusted cosine), Bell & Koren 2007 (baselines, shrinkage).
"""

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recommendations.engine.interactions import Interactions
from recommendations.engine.item_model import ItemModel
from recommendations.engine.item_model_making import item_model
from recommendations.engine.model import Parameters, Progress
from recommendations.engine.neighbours import Neighbours
from recommendations.engine.refusals import LEAST, MOST, Ranges

DEFAULTS: Parameters = {
    "neighbours": 200,
    "shrinkage": 3.0,
    "dislike": 1.0,
    "base": 1.0,
    "base_dislikes": 1.0,
}
# Judgements that a song's and a user's deviation are drawn to 0 by.
_PRIOR = 10.0
_BLOCK = 256

_Double = npt.NDArray[np.float64]


RANGES: Ranges = {
    "neighbours": (1, MOST),
    "shrinkage": (LEAST, MOST),
    "dislike": (0, MOST),
    "base": (0, MOST),
    "base_dislikes": (0, MOST),
}


def fit(
    interactions: Interactions,
    parameters: Parameters,
    seed: int,  # noqa: ARG001 - every fit takes it
    progress: Progress | None = None,
) -> ItemModel:
    """Correlate what is left of the judgements. Nothing in it is drawn."""
    given = DEFAULTS | parameters
    k = max(1, min(int(given["neighbours"]), interactions.n_songs - 1))
    found = _correlated(_deviations(interactions), float(given["shrinkage"]), k, progress)
    return item_model(
        "judged_knn",
        interactions,
        found,
        found.gram,
        base=float(given["base"]),
        dislike=float(given["dislike"]),
        base_dislikes=float(given["base_dislikes"]),
    )


def projected_seconds(
    interactions: Interactions,
    parameters: Parameters,  # noqa: ARG001 - every projection takes it
) -> float:
    """Roughly how long ``fit`` will take on one core: Σ d² over users, and all pairs of songs."""
    degrees = np.bincount(interactions.users).astype(np.float64)
    return float(6e-9 * (degrees**2).sum() + 1.3e-8 * interactions.n_songs**2)


def _deviations(interactions: Interactions) -> sparse.csc_array:
    """e by user and song, (n_users, n_songs)."""
    users, songs = interactions.users, interactions.songs
    rest = (interactions.values > 0).astype(np.float64)
    rest -= rest.mean() if len(rest) else 0.0
    for of, n in ((songs, interactions.n_songs), (users, interactions.n_users)):
        sums, counts = np.bincount(of, rest, minlength=n), np.bincount(of, minlength=n)
        rest -= (sums / (counts + _PRIOR))[of]
    shape = (interactions.n_users, interactions.n_songs)
    return sparse.csc_array((rest.astype(np.float32), (users, songs)), shape=shape)


def _correlated(
    deviations: sparse.csc_array, shrinkage: float, k: int, progress: Progress | None
) -> Neighbours:
    """The k songs of largest |k_ij| to each, in the order of their rows; gram holds k_ij.

    likeness is k_ij where it is positive, so that songs of opposite fans are not called alike.
    """
    n_songs = deviations.shape[1]
    scale = 1.0 / np.sqrt(deviations.power(2).sum(axis=0) + shrinkage)
    scaled = (deviations @ sparse.diags_array(scale.astype(np.float32))).tocsc()
    rows, values = np.full((n_songs, k), -1, np.int32), np.zeros((n_songs, k), np.float32)
    others = scaled.T.tocsr()
    for start in range(0, n_songs, _BLOCK):
        span = np.arange(start, min(n_songs, start + _BLOCK))
        block = (others[span] @ scaled).toarray()
        block[np.arange(len(span)), span] = 0.0
        kept = np.sort(np.argpartition(-np.abs(block), k - 1, axis=1)[:, :k], axis=1)
        values[span, : kept.shape[1]] = np.take_along_axis(block, kept, axis=1)
        rows[span, : kept.shape[1]] = kept
        if progress:
            progress("judged_knn", (span[-1] + 1) / n_songs)
    rows[values == 0] = -1
    return Neighbours(rows, values, np.maximum(values, 0))
