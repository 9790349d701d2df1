"""Processes that are killed in the middle of their work, or asked to end in it."""

import random
import time
from collections.abc import Callable

from musicrec.supervision import Child
from tests.faults.forms import Form
from tests.faults.scenario import Outcome
from tests.faults.world import World

# Rows that wait while consumers are killed, so that each dies in the middle of a batch.
IN_HAND = 1_500
# When none of the kills has hit a transaction, as chance may have it: so many times as many.
MOST_KILLS = 4
# A batch takes some 20 ms, most of them in its transaction: a kill comes anywhere in one.
UP_TO_A_BATCH_SECONDS = 0.03


def consumer_in_mid_batch(world: World, form: Form) -> Outcome:
    """Kill consumers one after the other while they drain a backlog."""
    outcome, dice = Outcome(), random.Random(world.seed)
    world.start_web()
    if world.broker is not None:
        world.start_relay()
    share = form.consumer_events // form.consumer_kills
    world.say(max(share, IN_HAND))
    consumer = world.start_consumer()
    resumed: list[float] = []
    hit = 0
    while len(resumed) < form.consumer_kills * (1 if hit else MOST_KILLS):
        # Before the refill: a fast consumer may be through with all of it when that returns.
        progress = _growth(world, dice.randrange(1, share))
        _refill(world, share)
        world.wait(progress, "the consumer to make progress")
        time.sleep(dice.uniform(0, UP_TO_A_BATCH_SECONDS))
        hit += world.database.is_written()
        world.kill(consumer)
        # While nobody reads: on a busy machine the last one may have got to the end.
        _refill(world, share)
        grown = _growth(world, 1)
        consumer = world.start_consumer()
        resumed.append(world.wait(grown, "a new consumer to go on"))
    outcome.note("kills", len(resumed))
    outcome.note("in a transaction", hit)
    outcome.require(hit > 0, "no consumer was hit in a transaction")
    outcome.take(world.settle())
    limit = 3.0 if world.broker is None else form.session_seconds + 6.0
    outcome.at_most("resumed within", max(resumed), limit * form.slack)
    return outcome


def api_in_mid_request(world: World, form: Form) -> Outcome:
    """Kill the web process while clients like, in turns as a whole and its worker alone."""
    outcome, dice = Outcome(), random.Random(world.seed)
    web = world.start_all()["web"]
    with world.load() as load:
        for number in range(form.api_kills):
            answered = len(load.answers) + dice.randrange(20, 80)
            world.wait(lambda: len(load.answers) >= answered, "answers")  # noqa: B023
            (world.kill, world.kill_worker)[number % 2](web)
            web = world.start_web()
    outcome.note("kills", form.api_kills)
    outcome.note("sent again", load.repeated)
    outcome.take(world.settle())
    outcome.require(load.repeated > 0, "no request was hit")
    outcome.require(not load.faults, f"5xx: {load.statuses}")
    return outcome


def asked_to_end_under_load(world: World, form: Form) -> Outcome:
    """Send SIGTERM to each process in turn, and start it anew, while clients like."""
    outcome = Outcome()
    running = world.start_all()
    slowest = 0.0
    with world.load() as load:
        for _ in range(form.terminations):
            for name in list(running):
                world.await_answers(load, 100)
                ended = world.end(running[name])
                slowest = max(slowest, ended.seconds)
                outcome.require(ended.code == 0, f"{name} ended with {ended.code}: {ended.said}")
                running[name] = _start(world, name)
    outcome.note("terminations", form.terminations * len(running))
    outcome.take(world.settle())
    outcome.at_most("ended within", slowest, 10.0)
    outcome.require(not load.faults, f"5xx: {load.statuses}")
    return outcome


def _growth(world: World, count: int) -> Callable[[], bool]:
    """A condition: so many more events have had their effect than now."""
    target = world.applied() + count
    return lambda: world.applied() >= target


def _refill(world: World, count: int) -> None:
    if world.waiting() < IN_HAND:
        world.say(max(count, IN_HAND))


def _start(world: World, name: str) -> Child:
    start = {"web": world.start_web, "consumer": world.start_consumer, "relay": world.start_relay}
    return start[name]()
