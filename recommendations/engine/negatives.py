"""Songs that a user has not judged, drawn to stand for all the others."""

import numpy as np
import numpy.typing as npt

from recommendations.engine.interactions import Interactions

Rows = npt.NDArray[np.int64]
_ROUNDS = 50


def sampled_negatives(interactions: Interactions, per_like: int, *, seed: int) -> tuple[Rows, Rows]:
    """Users and songs of ``per_like`` negatives a like, uniform over what the user has not judged.

    Drawn with replacement. A user who has judged (nearly) everything may get fewer.
    """
    rng = np.random.default_rng(seed)
    users = np.repeat(interactions.users[interactions.values > 0], per_like).astype(np.int64)
    judged = np.sort(
        interactions.users.astype(np.int64) * interactions.n_songs + interactions.songs
    )
    songs = np.full(len(users), -1, np.int64)
    open_draws = np.arange(len(users))
    for _ in range(_ROUNDS):
        if not len(open_draws):
            break
        drawn = rng.integers(0, interactions.n_songs, len(open_draws))
        pairs = users[open_draws] * interactions.n_songs + drawn
        at = np.minimum(np.searchsorted(judged, pairs), len(judged) - 1)
        free = judged[at] != pairs
        songs[open_draws[free]] = drawn[free]
        open_draws = open_draws[~free]
    found = songs >= 0
    return users[found], songs[found]
