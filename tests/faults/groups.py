"""Several consumers in one group: they come, go, and are thrown out of it."""

import time

from musicrec.supervision import Child
from tests.faults import broker_log
from tests.faults.forms import Form
from tests.faults.scenario import Outcome
from tests.faults.world import World

LIKES_PER_SECOND = 200.0


def joins_and_leaves(world: World, form: Form) -> Outcome:
    """A second consumer comes and goes under load: in order and, every third time, by kill -9."""
    outcome = Outcome()
    world.start_all()
    longest = 0.0
    with world.load(per_second=LIKES_PER_SECOND):
        _wait_for_members(world, 1)
        for number in range(form.joins):
            second = world.start_consumer()
            _wait_for_members(world, 2)
            longest = max(longest, _seconds_to_catch_up(world))
            _leave(world, second, killed=number % 3 == 1)
            longest = max(longest, _seconds_to_catch_up(world))
    outcome.note("joined and left", form.joins)
    outcome.take(world.settle())
    limit = (form.session_seconds + 6.0) * form.slack
    outcome.at_most("likes waited at most", longest, limit)
    return outcome


def _leave(world: World, consumer: Child, *, killed: bool) -> None:
    if killed:
        world.kill(consumer)
    else:
        world.end(consumer)


def _seconds_to_catch_up(world: World) -> float:
    """Until all that was said before now has had its effect."""
    last = world.database.number("SELECT MAX(seq) FROM outbox")
    waiting = f"SELECT COUNT(*) FROM outbox WHERE applied_at IS NULL AND seq <= {last}"  # noqa: S608
    return world.wait(lambda: not world.database.number(waiting), "the group to catch up")


def slower_than_the_group_allows(world: World, form: Form) -> Outcome:
    """Lock the database until two consumers in mid-batch are thrown out of their group."""
    outcome = Outcome()
    # They are to wait in the middle of it, not to give up and begin anew.
    world.here.environment["LOCK_TIMEOUT_SECONDS"] = str(2 * form.max_poll_seconds)
    world.start_all()
    world.start_consumer()
    _wait_for_members(world, 2)
    world.say(form.backlog)
    so_far = world.applied()
    world.wait(lambda: world.applied() > so_far, "the consumers to be in the middle of it")
    with world.database.locked():
        started = time.monotonic()
        assert world.broker is not None
        address, group = world.broker.address, world.group
        patience = form.max_poll_seconds + form.session_seconds + 30
        out = "both to be thrown out"
        world.wait(lambda: broker_log.is_empty(address, group), out, patience, every=0.1)
        outcome.note("locked for", time.monotonic() - started, "s")
    outcome.take(world.settle())
    return outcome


def _wait_for_members(world: World, count: int) -> None:
    assert world.broker is not None
    address, group = world.broker.address, world.group
    world.wait(lambda: broker_log.members(address, group) == count, f"{count} members", every=0.1)
