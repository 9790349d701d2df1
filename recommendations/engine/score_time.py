"""How long one user's list takes: fold-in and the exact best songs, in process, on one thread.

Counted is the processor's time of the thread that asks: on a quiet machine that is the time that
passes, and on a busy one it leaves out that other programs had their turn. The whole process's
would count BLAS's threads too, which turn idly for a while after a training, and in steps of the
kernel's ticks of 4 ms.
"""

import time
from contextlib import suppress
from typing import Protocol

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from recommendations.engine.interactions import Interactions, Profile
from recommendations.engine.model import NoKnownSongs
from recommendations.engine.ranking import Ranking

LIST_LENGTH = 100
MOST_USERS = 1_000
_WARM_UP = 20


class Asked(Protocol):
    """What gives one user's list."""

    def ranking(self, profile: Profile) -> Ranking:
        """The songs in the order in which the profile is served them. Raises NoKnownSongs."""


def score_microseconds(
    model: Asked,
    train: Interactions,
    users: npt.NDArray[np.int32],
    *,
    seed: int,
    most_users: int = MOST_USERS,
    repeats: int = 1,
) -> dict[str, float]:
    """Percentiles p50 and p99 over at most 1,000 of these users, drawn by the seed.

    users: rows, (n,); those without a like in training are not asked. Empty if nobody is left.
    repeats: of so many askings of a user the least counts; more leave out what else went on.
    """
    asked = users[users < train.n_users]
    asked = asked[np.diff(train.likes.indptr)[asked] > 0]
    drawn = np.random.default_rng(seed).permutation(asked)[:most_users]
    profiles = [train.profile(user) for user in drawn]
    with threadpool_limits(1):
        for profile in profiles[:_WARM_UP]:
            _nanoseconds(model, profile)
        taken = [min(_nanoseconds(model, profile) for _ in range(repeats)) for profile in profiles]
    if not taken:
        return {}
    return {f"p{q}": round(float(np.percentile(taken, q)) / 1e3, 1) for q in (50, 99)}


def _nanoseconds(model: Asked, profile: Profile) -> int:
    """The time of one list."""
    started = time.thread_time_ns()
    # Finding out that a profile says nothing is all that it costs: the popular songs are ready.
    with suppress(NoKnownSongs):
        model.ranking(profile).best(LIST_LENGTH, excluded=profile.judged)
    return time.thread_time_ns() - started
