"""Messages that did not come through the API: another producer's, or rows put into the outbox."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from tests.faults import broker_log
from tests.faults.database import Database
from tests.faults.world import World

# What a producer may give a record for a key; none of it means anything to whoever reads.
KEYS: Final = (None, b"", b"poison", b"\xff\0\xfe", b"k" * 1_000)
# An id that is the message's alone, also where it brings another or none, and its bytes.
Message = tuple[str, bytes]


class Foreign(Protocol):
    """A way into the log that is not the API."""

    def publish(self, messages: Sequence[Message]) -> None:
        """Put them into the log, in this order, and wait until they are there."""

    def close(self) -> None:
        """Let go of connections."""


def foreign(world: World) -> Foreign:
    """The way that a world has: its topic, or without Kafka rows of the outbox."""
    if world.broker is None:
        return _Rows(world.database)
    return _Topic(world.broker.address, world.topic, random.Random(world.seed))


class _Topic:
    def __init__(self, address: str, topic: str, dice: random.Random) -> None:
        self._producer: Any = broker_log.producer(address)
        self._topic, self._dice = topic, dice

    def publish(self, messages: Sequence[Message]) -> None:
        sent = [self._send(raw) for _, raw in messages]
        for each in sent:
            each.get(10)

    def close(self) -> None:
        self._producer.close()

    def _send(self, raw: bytes) -> Any:
        return self._producer.send(self._topic, raw, key=self._dice.choice(KEYS))


class _Rows:
    """There are no other producers; a message takes a row."""

    def __init__(self, database: Database) -> None:
        self._database, self._seq = database, 0

    def publish(self, messages: Sequence[Message]) -> None:
        now = datetime.now(UTC).replace(tzinfo=None).isoformat(" ")
        rows = []
        for event_id, raw in messages:
            # No seq of ours: a small one leaves the record its own time.
            self._seq += 1
            rows.append((self._seq, event_id, raw, "another", "", now))
        self._database.insert(
            "outbox", ("seq", "event_id", "payload", "user_id", "song_id", "recorded_at"), rows
        )

    def close(self) -> None:
        pass
