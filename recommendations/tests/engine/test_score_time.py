"""A list's time is that of the thread which makes it."""

import time
from threading import Thread

import numpy as np
import pytest

from recommendations.engine.interactions import Profile
from recommendations.engine.model import NoKnownSongs
from recommendations.engine.ranking import Ranking
from recommendations.engine.score_time import score_microseconds
from recommendations.tests.engine.worlds import interactions

BUSY_SECONDS = 0.05
WORLD = interactions([(0, 0, 1), (1, 0, -1)], users=2, songs=2)
EVERYBODY = np.arange(2, dtype=np.int32)


class Waiting:
    """It does nothing itself, while another thread is busy."""

    def ranking(self, profile: Profile) -> Ranking:
        busy = Thread(target=_busy)
        busy.start()
        busy.join()
        raise NoKnownSongs


def _busy() -> None:
    started = time.thread_time()
    while time.thread_time() - started < BUSY_SECONDS:
        pass


def test_what_other_threads_did_is_not_counted() -> None:
    times = score_microseconds(Waiting(), WORLD, EVERYBODY, seed=0)

    assert 0.0 < times["p99"] < BUSY_SECONDS / 2 * 1e6


@pytest.mark.parametrize("users", [[], [1], [7]], ids=["nobody", "who likes nothing", "unknown"])
def test_without_anybody_to_ask_nothing_is_said(users: list[int]) -> None:
    assert score_microseconds(Waiting(), WORLD, np.array(users, np.int32), seed=0) == {}
