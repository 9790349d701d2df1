"""Messages that can never be applied: some among good ones, and nothing but them."""

import json
import random
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

from tests.faults.database import hex_of
from tests.faults.foreign import Message, foreign
from tests.faults.forms import Form
from tests.faults.moments import seconds_since_1970
from tests.faults.poison_messages import Poison, poison
from tests.faults.scenario import Outcome
from tests.faults.template import SONGS
from tests.faults.world import World

# A burst every so often makes 500 a second, in 8 MB, and one in six of them is good. What comes
# faster than a consumer reads waits, whatever it is: that would tell nothing about poison.
BURST: Final = 50
BURST_SECONDS: Final = 0.1
GOOD_SHARE: Final = 5
LIKES_PER_SECOND: Final = 100.0
# What a consumer may put aside in a row before it stops, unless it is set.
IN_A_ROW: Final = 1_000
BEFORE: Final = 200
# What goes of the catalogue, and the limit that it makes a consumer cross.
LOSSES: Final = (
    ("DELETE FROM song", "messages in a row"),
    ("DELETE FROM song WHERE id % 2 = 0", "of the last"),
)


def poison_among_good(world: World, form: Form) -> Outcome:
    """Publish poison among good events of another producer, while the API accepts likes."""
    outcome, dice = Outcome(), random.Random(world.seed)
    # Here it is to be put aside, however much there is.
    world.here.environment |= {"POISON_SHARE": "0", "POISON_IN_A_ROW": "0"}
    world.start_all()
    world.say(BEFORE)
    _wait_for_effect(world)
    began = time.time()
    # A row of the outbox has the id that it brings; only in a topic can it be somebody else's.
    taken = world.journal.ids() if world.broker is not None else []
    bad = poison(dice, form.poison, taken)
    good = [_good(dice, number) for number in range(form.poison // GOOD_SHARE)]
    said: dict[str, float] = {}
    with world.load(clients=4, per_second=LIKES_PER_SECOND) as load:
        world.wait(lambda: load.answers, "the first answer")
        _publish(world, dice, bad, good, said)
    outcome.note("poison", len(bad))
    outcome.take(world.settle(), dead=len(bad))
    outcome.require(not load.faults, f"5xx: {load.statuses}")
    _compare_letters(world, bad, outcome)
    outcome.at_most("a good event waited", _longest_wait(world, began, said), 1.0 * form.slack)
    broken = [log.name for log in world.logs() if "Traceback" in log.read_text(errors="replace")]
    outcome.require(not broken, f"tracebacks in {broken}")
    return outcome


def _good(dice: random.Random, number: int) -> Message:
    """One like of a user who says nothing else, in one of the forms that are allowed."""
    event_id = uuid.UUID(int=dice.getrandbits(128))
    like = {"event_id": str(event_id), "user_id": f"other-{number}", "song_id": dice.choice(SONGS)}
    more = dice.choice(({}, {"v": 1, "action": "like", "note": ["x"]}, {"action": "like"}))
    return event_id.hex, json.dumps(like | more).encode()


def _publish(
    world: World,
    dice: random.Random,
    bad: Sequence[Poison],
    good: Sequence[Message],
    said: dict[str, float],
) -> None:
    way = foreign(world)
    mixed: list[Message] = [*good, *((each.event_id, each.raw) for each in bad)]
    dice.shuffle(mixed)
    ours = dict(good)
    next_at = time.monotonic()
    for start in range(0, len(mixed), BURST):
        burst = mixed[start : start + BURST]
        said |= {event_id: time.time() for event_id, _ in burst if event_id in ours}
        way.publish(burst)
        for event_id, raw in burst:
            if event_id in ours:
                like = json.loads(raw)
                world.journal.acknowledged(event_id, like["user_id"], like["song_id"], "like")
        next_at += BURST_SECONDS
        time.sleep(max(0.0, next_at - time.monotonic()))
    way.close()


def _compare_letters(world: World, bad: Sequence[Poison], outcome: Outcome) -> None:
    """Each is there once, byte for byte, with the reason that its kind has."""
    rows = world.database.query("SELECT raw, reason FROM dead_letter")
    found = Counter((_digest(bytes(raw)), reason) for raw, reason in rows)
    wanted = Counter((_digest(each.raw), each.reason) for each in bad)
    wrong = (found - wanted) + (wanted - found)
    shown = [
        (bytes(raw)[:80], reason) for raw, reason in rows if (_digest(bytes(raw)), reason) in wrong
    ]
    outcome.require(not wrong, f"{wrong.total()} letters are wrong: {shown[:5]}")
    outcome.note("reasons", len({reason for _, reason in rows}))


def _digest(raw: bytes) -> str:
    return blake2b(raw, digest_size=16).hexdigest()


def _longest_wait(world: World, began: float, said: dict[str, float]) -> float:
    """Seconds from saying to effect of what was said since.

    Of what the API took, from its commit; of the others', from sending.
    """
    waits = [
        seconds_since_1970(applied) - seconds_since_1970(recorded)
        for recorded, applied in world.database.query(
            "SELECT recorded_at, applied_at FROM outbox WHERE song_id <> ''"
        )
        if seconds_since_1970(recorded) > began
    ]
    for event_id, applied in world.database.query("SELECT event_id, applied_at FROM applied_event"):
        at = said.get(hex_of(event_id))
        if at is not None:
            waits.append(seconds_since_1970(applied) - at)
    return max(waits)


def everything_is_poison(world: World, form: Form) -> Outcome:
    """Lose the catalogue, then half of it, under a backlog; start the consumer again and again."""
    outcome = Outcome()
    world.start_web()
    if world.broker is not None:
        world.start_relay()
    losses = LOSSES[: form.poison_losses]
    outcome.note("restarts", len(losses) * form.poison_restarts)
    consumer = world.start_consumer()
    for loss, limit in losses:
        world.say(BEFORE)
        _wait_for_effect(world)
        world.end(consumer)
        # Accepted while the songs were there: the API asks for them too.
        world.say(form.poison_backlog)
        world.database.run([loss])
        stopped = _stopped(world, limit, outcome)
        for _ in range(form.poison_restarts):
            again = _stopped(world, limit, outcome)
            outcome.require(again == stopped, f"a restart ate on: {stopped}, then {again}")
        outcome.require(0 < stopped.dead <= IN_A_ROW, f"{stopped.dead} were put aside")
        world.run("loadcsv", "--songs", str(world.here.folder / "songs.csv"))
        consumer = world.start_consumer()
        _wait_for_effect(world)
    outcome.take(world.settle())
    return outcome


class Place(NamedTuple):
    """How far consumers have come. read: records passed, or rows of the outbox done with."""

    read: int
    applied: int
    dead: int


def _stopped(world: World, limit: str, outcome: Outcome) -> Place:
    """Start a consumer, wait for its end, and look where it has left everything."""
    ended = world.await_end(world.start_consumer())
    outcome.require(ended.code == 1, f"the consumer ended with {ended.code}")
    outcome.require(limit in ended.said, f"the consumer said {ended.said}")
    read = "SELECT COUNT(*) FROM outbox WHERE applied_at IS NOT NULL"
    if world.broker is not None:
        read = f"SELECT SUM(next_offset) FROM consumer_offset WHERE topic = '{world.topic}'"  # noqa: S608
    letters = "SELECT COUNT(*) FROM dead_letter WHERE state = 'open'"
    place = Place(world.database.number(read), world.applied(), world.database.number(letters))
    outcome.require(place.read == place.applied + place.dead, f"not accounted for: {place}")
    return place


def _wait_for_effect(world: World) -> None:
    letters = "SELECT COUNT(*) FROM dead_letter WHERE state = 'open'"
    world.wait(lambda: not world.waiting(), "every like to have its effect")
    world.wait(lambda: not world.database.number(letters), "the letters to be replayed")
