"""What a model lists for users with all that it knows of them: one at a time, as requests are."""

import numpy as np
from threadpoolctl import threadpool_limits

from recommendations.engine.exposure import padded
from recommendations.engine.interactions import BoolArray, IntArray, Interactions
from recommendations.engine.model import Model, NoKnownSongs
from recommendations.engine.ranking import Ranking, Scored

LIST_LENGTH = 20


def lists_as_served(
    model: Model, interactions: Interactions, users: IntArray
) -> tuple[IntArray, BoolArray]:
    """The first 20 songs of each user, int32 (users, 20), and whether they are their own, (users,).

    They are not where popularity stands in, since the profile says nothing to the model, or where
    the model is popularity itself. Shorter lists end in -1.
    """
    popular: Ranking = Scored(interactions.like_counts.astype(np.float32))
    lists, personal = [], []
    # Systems as small as one profile are solved faster without threads of the library's own.
    with threadpool_limits(1):
        for user in users:
            profile = interactions.profile(user)
            try:
                ranking, own = model.ranking(profile), model.algorithm != "popularity"
            except NoKnownSongs:
                ranking, own = popular, False
            lists.append(ranking.best(LIST_LENGTH, excluded=profile.judged)[0])
            personal.append(own)
    return padded(lists, LIST_LENGTH), np.array(personal, np.bool_)


def drawn(n_users: int, most: int, *, seed: int) -> IntArray:
    """All users, or a seeded sample of so many, ascending: int32."""
    if n_users <= most:
        return np.arange(n_users, dtype=np.int32)
    sample = np.random.default_rng(seed).choice(n_users, most, replace=False)
    return np.sort(sample).astype(np.int32)
