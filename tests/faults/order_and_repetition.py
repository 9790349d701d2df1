"""The same word again and again, and words that come in any other order than they were said in."""

import json
import random
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from tests.faults import broker_log
from tests.faults.forms import Form
from tests.faults.journal import VALUES, Said
from tests.faults.load import Caller
from tests.faults.scenario import Outcome
from tests.faults.template import SONGS
from tests.faults.world import World

AT_ONCE: Final = 8
SECOND_US: Final = 1_000_000
# How far around the present the times of foreign words lie, so that any of a pair may win.
SPREAD_US: Final = 20 * SECOND_US


def the_same_event_again(world: World, form: Form) -> Outcome:
    """Send a request twice and a hundred times, a row twice in a batch, a record 2x and 100x."""
    outcome = Outcome()
    world.start_all()
    for times in (2, 100):
        _repeat_request(world, outcome, Said(f"again-{times}", SONGS[0], "like"), times)
    _repeat_row(world, outcome, Said("again-in-a-batch", SONGS[0], "dislike"))
    if world.broker is not None:
        world.wait(lambda: not world.waiting(), "the first of each to have its effect")
        _publish_again(world)
    outcome.take(world.settle())
    rows = world.database.number("SELECT COUNT(*) FROM outbox")
    outcome.require(rows == len(world.journal), f"{rows} rows for {len(world.journal)} events")
    revisions = {row[0] for row in world.database.query("SELECT revision FROM listener")}
    outcome.require(revisions == {1}, f"revisions {revisions}, all should be 1")
    return outcome


def _repeat_request(world: World, outcome: Outcome, said: Said, times: int) -> None:
    def send(_: int) -> str:
        caller = Caller(world.server)
        answer, body = caller.say(said, key="the same")
        caller.close()
        return str(body["event_id"]) if answer.status == 202 else f"status {answer.status}"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = set(pool.map(send, range(times)))
    outcome.note(f"sent {times} times", len(answers), "answer")
    outcome.require(len(answers) == 1, f"{times} times the same had {len(answers)} answers")
    world.journal.acknowledged(answers.pop(), said.user_id, said.song_id, said.action)


def _repeat_row(world: World, outcome: Outcome, said: Said) -> None:
    row = {
        "user_id": said.user_id,
        "song_id": said.song_id,
        "action": said.action,
        "event_id": "the same",
    }
    _, body = world.web.call("POST", "/api/v1/feedback", [row, row])
    answers = {result.get("event_id") for result in body["results"]}
    outcome.require(len(answers) == 1, f"twice in a batch: {body}")
    world.journal.acknowledged(answers.pop(), said.user_id, said.song_id, said.action)


def _publish_again(world: World) -> None:
    """As a relay would that was killed before it could note what it had sent."""
    assert world.broker is not None
    producer = broker_log.producer(world.broker.address)
    for number, (user_id, payload) in enumerate(
        world.database.query("SELECT user_id, payload FROM outbox ORDER BY seq")
    ):
        for _ in range(100 if number else 2):
            producer.send(world.topic, bytes(payload), key=user_id.encode())
    producer.flush(10)
    producer.close()


@dataclass(frozen=True)
class _Word:
    """One of the words on a pair, and how it comes. row: of the outbox; raw: of the log."""

    said: Said
    order_key: int
    row: tuple[Any, ...] = ()
    raw: bytes = b""
    record_us: int = 0

    @property
    def is_of_a_file(self) -> bool:
        """Whether it comes by loadcsv."""
        return not (self.row or self.raw)


def out_of_order(world: World, form: Form) -> Outcome:
    """Words on one pair from outbox, other producers and files, every pair in an order of its own.

    In each round one word of every pair comes, while others are being loaded from a file.
    """
    outcome, dice = Outcome(), random.Random(world.seed)
    world.start_web()
    pairs = [(f"p{number}", dice.choice(SONGS)) for number in range(form.permutations)]
    foreign = [list(_foreign_words(dice, pair, time.time_ns() // 1_000)) for pair in pairs]
    words = [a + b for a, b in zip(_accepted(world, dice, pairs), foreign, strict=True)]
    for each in words:
        dice.shuffle(each)
    world.start_consumer()
    if world.broker is not None:
        world.start_relay()
    applied = 0
    for round_of in zip(*words, strict=True):
        applied += _bring(world, round_of)
        world.wait(lambda: world.applied() >= applied, "the round to have its effect")  # noqa: B023
    finals = {
        each[0].said.pair: max(each, key=lambda w: (w.order_key, w.said.event_id)) for each in words
    }
    outcome.note("permutations", len(pairs))
    outcome.note("words", sum(map(len, words)))
    outcome.take(world.settle(finals={pair: word.said.value for pair, word in finals.items()}))
    keys = world.database.query(
        "SELECT user_id, song_id, order_key FROM user_profile"
        " JOIN listener ON listener.id = user_profile.listener_id"
    )
    wrong = [pair for *pair, key in keys if finals[pair[0], pair[1]].order_key != key]
    outcome.require(not wrong, f"{len(wrong)} pairs hold another than the greatest: {wrong[:3]}")
    return outcome


def _accepted(world: World, dice: random.Random, pairs: list[tuple[str, str]]) -> list[list[_Word]]:
    """Two words a pair that the API accepts; their rows are taken out, to come in their turn."""
    said = [Said(*pair, dice.choice(sorted(VALUES))) for pair in pairs * 2]
    world.say_these(said)
    columns = ", ".join(_COLUMNS)
    found: dict[tuple[str, str], list[_Word]] = {pair: [] for pair in pairs}
    acknowledged = {word.event_id: word for word in world.journal.words()}
    for row in world.database.query(f"SELECT {columns} FROM outbox ORDER BY seq"):  # noqa: S608
        word = acknowledged[uuid.UUID(str(row[1])).hex]
        found[word.pair].append(_Word(word, row[0], row=row))
    world.database.run(["DELETE FROM outbox"])
    return list(found.values())


_COLUMNS: Final = ("seq", "event_id", "user_id", "song_id", "payload", "recorded_at")


def _foreign_words(dice: random.Random, pair: tuple[str, str], now_us: int) -> Iterator[_Word]:
    """A bare like; two words of one moment, which their ids put in order; a row of a file."""

    def moment(until: int = SPREAD_US) -> int:
        return now_us + dice.randrange(-SPREAD_US, until)

    user_id, song_id = pair
    at_us = moment() // 1_000 * 1_000
    bare = json.dumps({"user_id": user_id, "song_id": song_id}).encode()
    yield _Word(Said(*pair, "like", _id(dice)), at_us, raw=bare, record_us=at_us)
    at_us = moment()
    for action in ("like", "dislike"):
        said = Said(*pair, action, _id(dice))
        message = {
            "v": 1,
            "event_id": str(uuid.UUID(said.event_id)),
            "user_id": user_id,
            "song_id": song_id,
            "action": action,
            "occurred_at": datetime.fromtimestamp(at_us / SECOND_US, UTC).isoformat(),
        }
        raw = json.dumps(message).encode()
        yield _Word(said, _us(message["occurred_at"]), raw=raw, record_us=now_us)
    # A file may not say what is yet to come.
    at_us = moment(until=0) // SECOND_US * SECOND_US
    yield _Word(Said(*pair, dice.choice(("like", "dislike"))), at_us)


def _id(dice: random.Random) -> str:
    return uuid.UUID(int=dice.getrandbits(128), version=4).hex


def _us(moment: object) -> int:
    return round(datetime.fromisoformat(str(moment)).timestamp() * SECOND_US)


def _bring(world: World, words: tuple[_Word, ...]) -> int:
    """Bring a word to every pair, each on its own way; returns how many will be applied."""
    world.database.insert("outbox", _COLUMNS, [word.row for word in words if word.row])
    foreign = [word for word in words if word.raw]
    # In Kafka a bare word has its id from its place, which nobody knows before.
    world.journal.extend(w.said for w in foreign if world.broker is None or b"event_id" in w.raw)
    if world.broker is None:
        _bring_as_rows(world, foreign)
    else:
        _bring_as_records(world, foreign)
    _load(world, [word for word in words if word.is_of_a_file])
    return sum(not word.is_of_a_file for word in words)


def _bring_as_records(world: World, words: list[_Word]) -> None:
    assert world.broker is not None
    producer = broker_log.producer(world.broker.address)
    for word in words:
        key, at_ms = word.said.user_id.encode(), -(-word.record_us // 1_000)
        producer.send(world.topic, word.raw, key=key, timestamp_ms=at_ms)
    producer.flush(10)
    producer.close()


def _bring_as_rows(world: World, words: list[_Word]) -> None:
    """Without Kafka there are no other producers: what they would say takes a row each."""
    # A seq below 2020 is none: the row's time is its record's.
    first = world.database.number("SELECT COUNT(*) FROM outbox WHERE seq < 1000000") + 1
    rows = [
        (seq, word.said.event_id, "another", "", word.raw, _stored(word.record_us))
        for seq, word in enumerate(words, first)
    ]
    world.database.insert("outbox", _COLUMNS, rows)


def _stored(at_us: int) -> str:
    seconds, micros = divmod(at_us, SECOND_US)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{micros:06}"


def _load(world: World, words: list[_Word]) -> None:
    file = world.here.folder / "words.csv"
    lines = [
        f"{word.said.user_id},{word.said.song_id},{int(word.said.value > 0)},"
        f"{word.order_key // SECOND_US}\n"
        for word in words
    ]
    file.write_text("user_id,song_id,like,timestamp\n" + "".join(lines))
    world.run("loadcsv", "--interactions", str(file))
