"""Judgements as ratings that factors are trained on: likes, dislikes, and songs not judged as 0.

Likes alone leave factors nothing to learn: every rating would be the same. So each like may bring
some songs that the user has not judged (negatives.py).
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from recommendations.engine.interactions import IntArray, Interactions
from recommendations.engine.negatives import sampled_negatives

LIKE: Final = 1.0


@dataclass(frozen=True, slots=True)
class Ratings:
    """What is trained on: rows and ratings, (n,) each; a song not judged may come twice."""

    users: IntArray
    songs: IntArray
    values: npt.NDArray[np.float64]
    n_users: int
    n_songs: int

    def __len__(self) -> int:
        return len(self.values)

    def where(self, places: npt.NDArray[np.int64]) -> "Ratings":
        """The ratings at these places, in this order."""
        return replace(
            self, users=self.users[places], songs=self.songs[places], values=self.values[places]
        )


def ratings_of(interactions: Interactions, *, negatives: int, dislike: float, seed: int) -> Ratings:
    """Likes as 1, dislikes as the given low rating, ``negatives`` a like as 0, drawn by the seed.

    In the order of users and songs, whatever order they came in; then what was not judged.
    """
    interactions = interactions.in_order()
    users, songs = sampled_negatives(interactions, negatives, seed=seed)
    return Ratings(
        np.concatenate([interactions.users, users.astype(np.int32)]),
        np.concatenate([interactions.songs, songs.astype(np.int32)]),
        np.concatenate([np.where(interactions.values > 0, LIKE, dislike), np.zeros(len(users))]),
        interactions.n_users,
        interactions.n_songs,
    )
