"""A database that somebody else keeps locked: for less than one waits for it, then for longer."""

import http.client
import json
import threading
import time
from typing import Final

from musicrec.supervision import Child
from tests.faults.forms import Form
from tests.faults.journal import Said
from tests.faults.scenario import Outcome
from tests.faults.world import World

THREADS: Final = ("--blocking-threads", "4")
# One of the threads is left for the probe.
CLIENTS: Final = 3
BACKLOG: Final = 2_000
PROBE: Final = Said("the-probe", "s0", "like")
# How much later than the wait for the lock the answer may come.
ANSWER_SECONDS: Final = 1.0
# What a loop says that gave up waiting for a lock, on SQLite and on Postgres.
GAVE_UP: Final = ("database is locked", "lock timeout")


def locked(world: World, form: Form) -> Outcome:
    """Hold the lock while clients like and a consumer has a backlog in hand."""
    outcome = Outcome()
    world.here.environment["LOCK_TIMEOUT_SECONDS"] = str(form.lock_timeout_seconds)
    world.start_web(*THREADS)
    if world.broker is not None:
        world.start_relay()
    consumer = world.start_consumer()
    _briefly(world, form, outcome)
    world.end(consumer)
    world.say(BACKLOG)
    _for_long(world, form, outcome)
    outcome.take(world.settle())
    return outcome


def _briefly(world: World, form: Form, outcome: Outcome) -> None:
    with world.load(clients=CLIENTS) as load:
        world.await_answers(load, 20)
        with world.database.locked():
            time.sleep(form.short_lock_seconds)
        world.await_answers(load, 20)
    outcome.require(set(load.statuses) == {202}, f"answers in the short lock: {load.statuses}")


def _for_long(world: World, form: Form, outcome: Outcome) -> None:
    load = world.load(clients=CLIENTS)
    with world.database.locked():
        # The first of all who wait; and the consumer meets the lock with the first thing it does.
        probe = _Probe(world)
        consumer = world.start_consumer()
        with load:
            time.sleep(form.long_lock_seconds)
            world.wait(lambda: _gave_up(consumer), "the consumer to meet the lock")
    probe.thread.join()
    went_on = world.wait(lambda: not world.waiting(), "the consumer to go on")
    outcome.note("503 in the long lock", load.statuses[503] + (probe.status == 503))
    outcome.require(set(load.statuses) <= {202, 503}, f"answers: {load.statuses}")
    outcome.require(
        (probe.status, probe.retry_after) == (503, "2"),
        f"answered {probe.status}, Retry-After {probe.retry_after!r}",
    )
    outcome.at_most(
        "answered within",
        probe.seconds,
        1.25 * form.lock_timeout_seconds + ANSWER_SECONDS * form.slack,
    )
    outcome.at_most("backlog done within", went_on, 5.0 * form.slack)


def _gave_up(consumer: Child) -> bool:
    said = consumer.log.read_text(errors="replace")
    return any(each in said for each in GAVE_UP)


class _Probe:
    """One like, said in a thread of its own while the lock is held."""

    def __init__(self, world: World) -> None:
        self.status, self.retry_after, self.seconds = 0, "", 0.0
        self.thread = threading.Thread(target=self._ask, args=(world,))
        self.thread.start()

    def _ask(self, world: World) -> None:
        started = time.monotonic()
        connection = http.client.HTTPConnection(world.server.address.rpartition("/")[2], timeout=90)
        connection.request(
            "PUT",
            f"/api/v1/users/{PROBE.user_id}/likes/{PROBE.song_id}",
            json.dumps({"action": PROBE.action}),
            {
                "Authorization": f"Bearer {world.server.credential}",
                "Content-Type": "application/json",
            },
        )
        answer = connection.getresponse()
        self.status, self.retry_after = answer.status, answer.headers.get("Retry-After", "")
        self.seconds = time.monotonic() - started
        body = json.loads(answer.read())
        connection.close()
        if self.status == 202:
            world.journal.acknowledged(body["event_id"], PROBE.user_id, PROBE.song_id, PROBE.action)
