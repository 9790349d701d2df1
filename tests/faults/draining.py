"""A backlog that drains at full speed beside clients who like."""

import time
from typing import Final

from musicrec.web_flags import WEB_FLAGS
from tests.faults.forms import Form
from tests.faults.load import quantile
from tests.faults.scenario import Outcome
from tests.faults.world import World

LIKES_PER_SECOND: Final = 200.0
CLIENTS: Final = 16
# What is left of the backlog when the time that counts is over.
LEFT: Final = 500
LOOK_SECONDS: Final = 0.2
ALONE_SECONDS: Final = 2.0


def beside_writers(world: World, form: Form) -> Outcome:
    """Start consumer and relay on a backlog while clients like at a steady rate."""
    outcome = Outcome()
    world.start_web(*WEB_FLAGS)
    world.say(form.drained)
    with world.load(clients=CLIENTS, per_second=LIKES_PER_SECOND, repeat=0.0) as load:
        few = len(load.answers) + int(LIKES_PER_SECOND * ALONE_SECONDS)
        world.wait(lambda: len(load.answers) > few, "likes while nothing drains")
        alone = list(load.answers)
        world.start_consumer()
        if world.broker is not None:
            world.start_relay()
        world.wait(lambda: world.applied() > 0, "the consumer to begin")
        began, first = len(load.answers), world.applied()
        started = time.monotonic()
        while world.waiting() > LEFT:
            # Looking takes time that the others would have.
            world.pass_time(LOOK_SECONDS)
        beside, drained = load.answers[began:], world.applied() - first
    outcome.note("drained", round(drained / (time.monotonic() - started)), "/s")
    outcome.note("likes beside it", len(beside))
    outcome.require(not load.faults, f"5xx: {load.statuses}")
    for name, share, limit in (("p99", 0.99, 0.050), ("slowest", 1.0, 0.250)):
        usual = quantile(alone, share)
        outcome.note(f"{name} alone", usual, "s")
        # Where slack is given other things go on, and likes are slow without a backlog too.
        allowed = limit if form.slack == 1.0 else max(limit, usual) * form.slack
        outcome.at_most(name, quantile(beside, share), allowed)
    outcome.take(world.settle())
    return outcome
