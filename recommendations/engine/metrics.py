"""What a ranking is worth to one user: from the places that the relevant songs took in it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from recommendations.engine.interactions import FloatArray

Places = npt.NDArray[np.int64]


def ranking_metrics(places: Places, n_relevant: int, ks: Sequence[int]) -> dict[str, float]:
    """Recall, truncated recall and NDCG at each k, and the reciprocal rank, of one user.

    places: where the relevant songs of the catalogue stand, from 1. n_relevant: how many
    relevant songs there are, those outside the catalogue among them: they are misses.
    DCG@k = Σ 1 / log2(place + 1) over places <= k; its ideal has min(k, n_relevant) hits.
    """
    found: dict[str, float] = {"mrr": float(1.0 / places.min()) if len(places) else 0.0}
    gains = 1.0 / np.log2(places + 1.0)
    for k in ks:
        within = places <= k
        hits, most = float(within.sum()), min(k, n_relevant)
        found[f"recall@{k}"] = hits / n_relevant
        found[f"truncated_recall@{k}"] = hits / most
        found[f"ndcg@{k}"] = float(gains[within].sum()) / ideal_gain(most)
    return found


def ideal_gain(hits: int) -> float:
    """The discounted gain of a list that begins with this many hits."""
    return float((1.0 / np.log2(np.arange(2, hits + 2))).sum())


def area_under_curve(liked: FloatArray, disliked: FloatArray) -> float:
    """The share of (liked, disliked) pairs of songs scored in the right order, ties one half.

    NaN where either side is empty: such a user says nothing about it.
    """
    if not len(liked) or not len(disliked):
        return float("nan")
    higher = (liked[:, None] > disliked[None, :]).mean()
    equal = (liked[:, None] == disliked[None, :]).mean()
    return float(higher + 0.5 * equal)


def percentiles(counts: npt.NDArray[np.number[Any]]) -> FloatArray:
    """How popular each song is, 0 (least) to 100 (most), equals sharing their mean: (n_songs,)."""
    values, places = np.unique(counts, return_inverse=True)
    share = np.bincount(places, minlength=len(values))
    below = np.cumsum(share) - share
    middle = below + (share - 1) / 2.0
    scale = 100.0 / max(1, len(counts) - 1)
    return (middle[places] * scale).astype(np.float32)
