"""Why a song is recommended: what its score loses when one judgement is taken back.

With δ_i the score's fall when judgement i is taken out of the profile (the same model scores the
rest again), T = Σ max(δ_i, 0) + max(0, s(S) − s(∅) − Σ δ_i). The share of i is δ_i / T: shares
are never negative and sum to at most 1; what is left belongs to the other likes together.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recommendations.engine.interactions import FloatArray, IntArray, Profile
from recommendations.engine.model import Model, NoKnownSongs


@dataclass(frozen=True, slots=True)
class Reason:
    """One judged song that speaks for a recommendation.

    row: its song row. share: its part in the score, 0 to 1. drop: by how much the score falls
    when it is taken out of the profile, exact.
    """

    row: int
    share: float
    drop: float


def explain(model: Model, profile: Profile, song: int, limit: int) -> list[Reason]:
    """The judgements that lift the song most, at most ``limit``, largest drop first."""
    try:
        score = float(model.scores(profile)[song])
    except NoKnownSongs:
        return []
    rows, scores = np.array([song], np.int32), np.array([score], np.float32)
    return explain_all(model, profile, rows, scores, limit)[0]


def explain_all(
    model: Model, profile: Profile, songs: IntArray, scores: FloatArray, limit: int
) -> list[list[Reason]]:
    """``explain`` for a whole list of songs whose scores are known already, in one pass."""
    judged = profile.judged
    effects = model.effects_on(profile, songs)
    return [
        _reasons(judged, effects[:, at], float(scores[at]) - model.empty_score(int(song)), limit)
        for at, song in enumerate(songs)
    ]


def _reasons(
    judged: IntArray, effects: npt.NDArray[np.float64], gained: float, limit: int
) -> list[Reason]:
    """The largest positive effects, with their shares; ``gained`` is s(S) − s(∅)."""
    whole = float(np.maximum(effects, 0.0).sum()) + max(0.0, gained - float(effects.sum()))
    if whole <= 0.0:
        return []
    best = np.argsort(-effects, kind="stable")[:limit]
    return [
        Reason(int(judged[at]), float(effects[at]) / whole, float(effects[at]))
        for at in best
        if effects[at] > 0.0
    ]
