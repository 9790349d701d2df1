"""A broker that is not there, goes away, hangs, or has forgotten all it was told."""

import time
from collections.abc import Callable

from tests.faults import broker_log
from tests.faults.forms import Form
from tests.faults.load import Load
from tests.faults.scenario import Outcome
from tests.faults.world import World

LIKES_PER_SECOND = 100.0


def down_at_start(world: World, form: Form) -> Outcome:
    """Start everything while there is no broker, and bring it later."""
    outcome = Outcome()
    world.bring_broker(up=False)
    started = time.monotonic()
    world.start_web()
    outcome.at_most("API ready in", time.monotonic() - started, 3.0 * form.slack)
    world.start_relay()
    world.start_consumer()
    with world.load(per_second=LIKES_PER_SECOND) as load:
        world.pass_time(form.load_seconds)
        status, ready = world.web.call("GET", "/readyz")
    state = ready["status"], ready["checks"]["kafka"]["status"]
    outcome.require(state == ("degraded", "degraded"), f"/readyz says {status} {ready}")
    _only_accepted(outcome, load)
    outcome.at_most("p99", 1_000 * load.quantile(0.99), 50 * form.slack, "ms")
    world.bring_broker()
    outcome.take(world.settle())
    return outcome


def down_in_use(world: World, form: Form) -> Outcome:
    """Kill the broker under load, start it later, and see how fast the backlog drains."""
    outcome = Outcome()
    broker = world.bring_broker()
    world.start_all()
    with world.load(per_second=LIKES_PER_SECOND) as load:
        world.wait(lambda: world.applied() > 100, "likes to come through")
        broker.kill()
        world.say(form.backlog)
        world.pass_time(form.outage_seconds)
        broker.start()
        address, topic = broker.address, world.topic
        back = "the broker to serve the topic"
        world.wait(lambda: broker_log.ends(address, topic), back, every=0.05)
        outcome.note("backlog", world.waiting())
        _drain(world, outcome, form.slack)
    _only_accepted(outcome, load)
    outcome.take(world.settle())
    return outcome


def _drain(world: World, outcome: Outcome, slack: float) -> None:
    """From the moment that the broker is back: how soon it begins, and how fast it goes."""
    first, target = world.applied(), world.applied() + world.waiting()
    begun = world.wait(lambda: world.applied() > first, "the backlog to begin to drain")
    at_begin = world.applied()
    seconds = world.wait(lambda: world.applied() >= target, "the backlog to drain")
    outcome.at_most("begins after", begun, 2.0 * slack)
    outcome.at_least("drained", (target - at_begin) / max(seconds, 0.001), 2_000 / slack, "/s")


def hangs(world: World, form: Form) -> Outcome:
    """Stop the broker (SIGSTOP) under load, with its connections open, and let it go on."""
    outcome = Outcome()
    broker = world.bring_broker()
    world.start_all()
    probes: list[float] = []
    with world.load(per_second=LIKES_PER_SECOND) as load:
        world.wait(lambda: world.applied() > 100, "likes to come through")
        broker.pause()
        world.say(form.backlog // 10)
        end = time.monotonic() + form.hang_seconds
        world.wait(_probing(world, probes, end), "the time to pass", form.hang_seconds * 2)
        broker.resume()
    _only_accepted(outcome, load)
    # What waits for the broker waits as long as it hangs: less must be allowed, with any slack.
    limit = min(2.0 * form.slack, 0.8 * form.hang_seconds)
    outcome.at_most("slowest request", load.slowest, limit)
    outcome.at_most("slowest /readyz", max(probes), limit)
    outcome.take(world.settle())
    return outcome


def _probing(world: World, probes: list[float], end: float) -> Callable[[], bool]:
    def probe() -> bool:
        started = time.monotonic()
        world.web.call("GET", "/readyz")
        probes.append(time.monotonic() - started)
        return time.monotonic() >= end

    return probe


def forgets(world: World, form: Form) -> Outcome:
    """Empty the broker: once while a consumer is down that has yet to read, once while it runs."""
    outcome = Outcome()
    broker = world.bring_broker()
    consumer = world.start_all()["consumer"]
    world.say(form.backlog // 10)
    world.wait(lambda: not world.waiting(), "the first likes to have their effect")
    world.end(consumer)
    world.say(form.backlog // 10)
    world.wait(lambda: not _unsent(world), "the relay to send")
    sent = set(world.database.ids("SELECT event_id FROM outbox WHERE applied_at IS NULL"))
    for again in (False, True):
        broker.kill()
        broker.forget()
        world.say(100)
        broker.start()
        if not again:
            world.start_consumer()
            world.wait(lambda: not world.waiting(), "what the broker forgot to have its effect")
            resent = broker_log.event_ids(broker_log.records(broker.address, world.topic))
            outcome.note("published again", len(sent & resent))
            outcome.require(sent <= resent, f"{len(sent - resent)} were not published again")
    outcome.take(world.settle(forgotten=True))
    epoch = world.database.number("SELECT MAX(epoch) FROM consumer_offset")
    outcome.note("epoch", epoch)
    outcome.require(epoch >= 3, f"twice another log, and epoch {epoch}")
    return outcome


def _unsent(world: World) -> int:
    return world.database.number("SELECT COUNT(*) FROM outbox WHERE sent_at IS NULL")


def _only_accepted(outcome: Outcome, load: Load) -> None:
    outcome.require(set(load.statuses) == {202}, f"answers: {dict(load.statuses)}")
