"""What dislikes take away from the scores of a model of factors: never less than nothing.

Solved together with the likes, as ratings or confident zeros, a dislike would lift songs: all that
point away from it, those near it too where the model expected worse, and near likes that had been
held down for it. So the likes alone are solved for, and disliking song i takes

    c_i max(0, q_j · G⁻¹ q_i)

from song j, G being the part of the fold-in's system that no judgement changes: the effect that
the dislike would have on an empty profile, where it lowers, and 0 where it would lift.
"""

import numpy as np

from recommendations.engine.interactions import FloatArray


def falls(factors: FloatArray, pulls: FloatArray) -> FloatArray:
    """What each dislike takes from each song, (m, n), all ≥ 0.

    factors: q of the songs asked about, (n, d). pulls: c_i G⁻¹ q_i of each dislike, (m, d).
    """
    taken: FloatArray = pulls @ factors.T
    return np.maximum(taken, 0, out=taken)


def sink(scores: FloatArray, factors: FloatArray, pulls: FloatArray) -> None:
    """Take from the scores (n,) what all dislikes take together, a few at a time."""
    size = max(1, 1_000_000 // max(1, len(factors)))
    for start in range(0, len(pulls), size):
        scores -= falls(factors, pulls[start : start + size]).sum(axis=0)
