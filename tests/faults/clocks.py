"""Clocks that are wrong, are set forward and back, and times that lie ahead."""

import json
import random
import struct
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.faults.foreign import foreign
from tests.faults.forms import Form
from tests.faults.journal import VALUES, Pair, Said
from tests.faults.scenario import Outcome
from tests.faults.template import SONGS
from tests.faults.world import World
from tests.installation import ROOT

HOOK: Final = Path(__file__).parent / "clock_hook"
HOUR: Final = 3_600
MINUTE: Final = 60
# How wrong the clocks of web process, relay and consumer are, one time after the other.
WRONG: Final = (
    (0, 0, 0),
    (HOUR, -HOUR, 0),
    (0, HOUR, -HOUR),
    (-HOUR, -HOUR, -HOUR),
    (-HOUR, 0, HOUR),
    (0, 0, 0),
)
MOST_AHEAD_SECONDS: Final = 5 * MINUTE
# How far ahead other producers say that their words were said, and by which field.
AHEAD: Final = tuple(
    (field, seconds)
    for field in ("occurred_at", "seq")
    for seconds in (4 * MINUTE, 6 * MINUTE, 2 * HOUR, 400 * 24 * HOUR)
)


class Clock:
    """The clock of some processes, right at first."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.write_bytes(struct.pack("<d", 0.0))

    def be_wrong(self, seconds: float) -> None:
        """Set it forward (or back), under the processes that run."""
        with self.file.open("r+b") as opened:
            opened.write(struct.pack("<d", float(seconds)))


def wrong_clocks(world: World, form: Form) -> Outcome:
    """Say words on the same songs while clocks are set, then have others say theirs from ahead."""
    outcome, dice = Outcome(), random.Random(world.seed)
    world.here.environment["PYTHONPATH"] = f"{HOOK}:{ROOT}"
    clocks = [Clock(world.here.folder / name) for name in ("web", "relay", "consumer", "loader")]
    web, relay, consumer, loader = clocks
    _with(world, web, world.start_web)
    if world.broker is not None:
        _with(world, relay, world.start_relay)
    running = _with(world, consumer, world.start_consumer)
    pairs = [(f"c{number}", dice.choice(SONGS)) for number in range(form.clock_pairs)]
    for number, wrong in enumerate(WRONG * form.clock_rounds):
        for clock, seconds in zip(clocks, wrong, strict=False):
            clock.be_wrong(seconds)
        _say(world, dice, pairs)
        # Every other time the clocks are set while words are still under way.
        if number % 2 == 0:
            world.wait(lambda: not world.waiting(), "words to have their effect")
    world.wait(lambda: not world.waiting(), "words to have their effect")
    outcome.note("times the clocks were set", len(WRONG) * form.clock_rounds)
    clamped = _say_from_ahead(world, dice, outcome)
    of_files = _load_files(world, loader, pairs, outcome)
    world.wait(lambda: not world.waiting(), "words to have their effect")
    said = world.end(running).said
    counted = json.loads(said.splitlines()[-1])["clamped"]
    outcome.note("clamped", counted)
    outcome.require(counted == clamped, f"{counted} are counted as clamped, not {clamped}")
    last_words = {said.pair: said.value for said in world.journal.words()}
    outcome.take(world.settle(finals=last_words | of_files))
    return outcome


def _with(world: World, clock: Clock, start: Any) -> Any:
    world.here.environment["FAULTS_CLOCK"] = str(clock.file)
    return start()


def _say(world: World, dice: random.Random, pairs: Sequence[Pair]) -> None:
    world.say_these([Said(*pair, dice.choice(sorted(VALUES))) for pair in pairs])


def _say_from_ahead(world: World, dice: random.Random, outcome: Outcome) -> int:
    """Have another producer date words ahead, and contradict half of them; returns how many
    lie further ahead than is believed.
    """
    way, now_us = foreign(world), time.time_ns() // 1_000
    messages, answered = [], []
    for number, (field, seconds) in enumerate(AHEAD * 2):
        said = Said(f"ahead-{number}", dice.choice(SONGS), "like", uuid.uuid4().hex)
        at_us = now_us + seconds * 1_000_000
        when = at_us if field == "seq" else datetime.fromtimestamp(at_us / 1e6, UTC).isoformat()
        like = {"v": 1, "event_id": str(uuid.UUID(said.event_id)), "action": "like", field: when}
        like |= {"user_id": said.user_id, "song_id": said.song_id}
        messages.append((said.event_id, json.dumps(like).encode()))
        world.journal.extend([said])
        if number >= len(AHEAD):
            answered.append(said.pair)
    applied = world.applied() + len(messages)
    way.publish(messages)
    way.close()
    world.wait(lambda: world.applied() >= applied, "the words from ahead to have their effect")
    keys = [
        key
        for [key] in world.database.query(
            "SELECT order_key FROM user_profile JOIN listener ON listener.id = listener_id"
            " WHERE user_id LIKE 'ahead-%'"
        )
    ]
    ahead = (max(keys) - time.time_ns() // 1_000) / 1e6
    outcome.at_most("furthest ahead", ahead, MOST_AHEAD_SECONDS)
    world.say_these([Said(*pair, "dislike") for pair in answered])
    return 2 * sum(seconds > MOST_AHEAD_SECONDS for _, seconds in AHEAD)


def _load_files(
    world: World, loader: Clock, pairs: Sequence[Pair], outcome: Outcome
) -> dict[Pair, int]:
    """Load files with a clock that is behind, right and ahead; contradict some of what they say.

    Returns what is to stand in the profiles because of them.
    """
    rows = [(f"file-{number}", SONGS[0]) for number in range(10)]
    now = int(time.time())
    # A clock that is behind takes the present for the future, and says so; one that is ahead takes
    # what is yet to come. What is older than the word of a profile changes nothing.
    for wrong, at, of, code in (
        (-HOUR, now, rows, 3),
        (0, now, rows, 0),
        (HOUR, now + HOUR // 2, rows, 0),
        (0, now - 24 * HOUR, pairs, 0),
    ):
        loader.be_wrong(wrong)
        ended, printed = _loadcsv(world, loader, of, at)
        outcome.require(ended == code, f"loadcsv, {wrong} s off, ended with {ended}: {printed}")
    world.say_these([Said(*pair, "dislike") for pair in rows[:5]])
    return dict.fromkeys(rows[5:], 1)


def _loadcsv(world: World, loader: Clock, rows: Sequence[Pair], at: int) -> tuple[int, str]:
    file = world.here.folder / "dated.csv"
    lines = [f"{user_id},{song_id},1,{at}\n" for user_id, song_id in rows]
    file.write_text("user_id,song_id,like,timestamp\n" + "".join(lines))
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "loadcsv", "--interactions", str(file), "--json"],
        env=world.here.environment | {"FAULTS_CLOCK": str(loader.file)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
