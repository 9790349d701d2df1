"""Why a song is recommended: what its score loses when one judgement is taken back.

With δ_i the score's fall when judgement i is taken out of the profile (the same model scores the
rest again), T = Σ max(δ_i, 0) + max(0, s(S) − s(∅) − Σ δ_i). The share of i is δ_i / T: shares
are never negative and sum to at most 1; what is left belongs to the other likes together.
"""

from typing import NamedTuple

import numpy as np

from recommendations.engine.interactions import FloatArray, IntArray, Profile
from recommendations.engine.model import Model, NoKnownSongs


class Reason(NamedTuple):
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
    judged = profile.judged.tolist()
    # A row a song from here on: sums and sorts then run along memory.
    effects = np.ascontiguousarray(model.effects_on(profile, songs).T)
    gained = scores - model.empty_scores()[songs]
    # T of each song; what no single judgement explains belongs to all of them together.
    whole = np.maximum(effects, 0.0).sum(axis=1)
    whole += np.maximum(gained - effects.sum(axis=1), 0.0)
    best = np.argsort(-effects, axis=1, kind="stable")[:, :limit]
    drops = effects[np.arange(len(songs))[:, None], best].tolist()
    return [
        [
            Reason(judged[at], drop / total, drop)
            for at, drop in zip(places, falls, strict=True)
            if drop > 0.0
        ]
        for places, falls, total in zip(best.tolist(), drops, whole.tolist(), strict=True)
    ]
