"""Hours of ordinary load, in minutes: nothing may grow that is not data."""

import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from musicrec.supervision import Child
from musicrec.web_flags import WEB_FLAGS
from tests.faults.forms import Form
from tests.faults.moments import seconds_since_1970
from tests.faults.scenario import Outcome
from tests.faults.small_disk import with_children
from tests.faults.world import World

LIKES_PER_SECOND: Final = 200.0
CLIENTS: Final = 16
# Enough to fill the caches of the database, whose growing would look like a leak.
BEFORE: Final = 60_000
# What belongs to a thread of the web process (a connection, its statements, its part of the heap)
# comes when likes bunch up for the first time, which some do within the hour. So they all do first.
CROWD: Final = 64
CROWD_SECONDS: Final = 30.0
WARM_SHARE: Final = 0.25
SAMPLE_SECONDS: Final = 2.0
MOST_MB_AN_HOUR: Final = 5.0
MOST_LAG_SECONDS: Final = 2.0
# Connections of clients and of probes come and go.
MOST_DESCRIPTORS_MORE: Final = 2.0


class Sample(NamedTuple):
    """What a process holds, with all that it started. memory: MB that are its own, no file's."""

    at: float
    memory: float
    descriptors: int


def soak(world: World, form: Form) -> Outcome:
    """Like at a steady rate and watch every process."""
    outcome = Outcome()
    watched = {"consumer": world.start_consumer()}
    if world.broker is not None:
        watched["relay"] = world.start_relay()
    watched["web"] = world.start_web(*WEB_FLAGS)
    world.say(BEFORE)
    world.wait(lambda: not world.waiting(), "what fills the caches to be applied", 120)
    with world.load(clients=CROWD):
        world.pass_time(CROWD_SECONDS)
    world.wait(lambda: not world.waiting(), "what the crowd said to be applied", 120)
    seconds = form.soak_minutes * 60
    outcome.note("minutes", form.soak_minutes)
    with world.load(clients=CLIENTS, per_second=LIKES_PER_SECOND, repeat=0.0) as load:
        world.pass_time(seconds * WARM_SHARE)
        warm_at, answered = time.time(), len(load.answers)
        samples = _watch(world, watched, seconds * (1 - WARM_SHARE))
        likes = (len(load.answers) - answered) / (time.time() - warm_at)
    outcome.at_least("likes", likes, 0.95 * LIKES_PER_SECOND, "/s")
    outcome.require(set(load.statuses) == {202}, f"answers: {load.statuses}")
    for name, found in samples.items():
        look_for_leaks(outcome, name, found)
    outcome.at_most("longest lag", _longest_lag(world, warm_at), MOST_LAG_SECONDS)
    outcome.take(world.settle())
    return outcome


def _watch(world: World, watched: dict[str, Child], seconds: float) -> dict[str, list[Sample]]:
    samples: dict[str, list[Sample]] = defaultdict(list)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, child in watched.items():
            samples[name].append(_sample(child))
        world.pass_time(SAMPLE_SECONDS)
    return samples


def _sample(child: Child) -> Sample:
    memory, descriptors = 0.0, 0
    for process in with_children([child.process.pid]):
        # A worker may end between two looks; the next look finds its successor.
        with suppress(FileNotFoundError, ProcessLookupError):
            memory += _own_mb(Path(f"/proc/{process}/status"))
            descriptors += sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())
    return Sample(time.monotonic(), memory, descriptors)


def _own_mb(status: Path) -> float:
    """Without the pages of mapped files: the database's grow with the database, and are shared."""
    lines = (line.split() for line in status.read_text().splitlines())
    return next((int(words[1]) / 1_024 for words in lines if words[0] == "RssAnon:"), 0.0)


def look_for_leaks(outcome: Outcome, name: str, samples: Sequence[Sample]) -> None:
    """Fail where a process grows steadily, or by steps, or opens ever more."""
    at, memory, descriptors = (np.array(column, float) for column in zip(*samples, strict=True))
    per_hour = float(np.polyfit((at - at[0]) / 3_600, memory, 1)[0])
    outcome.note(f"{name} holds", float(memory.mean()), "MB")
    outcome.at_most(f"{name} grows by", per_hour, MOST_MB_AN_HOUR, "MB/h")
    quarter = max(len(samples) // 4, 1)
    more = float(descriptors[-quarter:].mean() - descriptors[:quarter].mean())
    outcome.at_most(f"{name} descriptors more", more, MOST_DESCRIPTORS_MORE, "")


def _longest_lag(world: World, since: float) -> float:
    rows = world.database.query("SELECT recorded_at, applied_at FROM outbox")
    times = [tuple(map(seconds_since_1970, row)) for row in rows]
    return max(applied - recorded for recorded, applied in times if recorded > since)
