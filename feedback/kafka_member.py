"""One member of the consumer group: which partitions it has, and where it reads on in each.

Kafka says who reads which partition, the database says from where. Everything here may raise one
of BROKER_ERRORS; the member is then closed and another one takes its place.
"""

import threading
import time
from collections.abc import Sequence
from typing import Any, Final

from django.conf import settings
from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError
from kafka.structs import OffsetAndMetadata

from feedback import offsets
from feedback.kafka_clients import LikesTopic, client_options
from feedback.log import BATCH_SIZE
from feedback.offsets import Position

SESSION_TIMEOUT_MS: Final = 6_000
ASK_MS: Final = 5_000
# After a pause this long the topic may have been deleted and made anew while nobody looked.
PAUSE_SECONDS: Final = 0.1

Fetched = dict[TopicPartition, list[Any]]


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes that the partitions have changed. It runs on the client's own thread: no more here."""

    def __init__(self) -> None:
        self.changed = threading.Event()
        self.joined = threading.Event()

    def on_partitions_revoked(self, _partitions: Sequence[TopicPartition]) -> None:
        self.changed.set()

    def on_partitions_assigned(self, _partitions: Sequence[TopicPartition]) -> None:
        self.changed.set()
        self.joined.set()


class Member:
    """A connection to Kafka that reads the likes as one of the group."""

    def __init__(self, name: str) -> None:
        self._topic = LikesTopic()
        try:
            self._topic.make_if_absent()
            self._consumer = _open_consumer(name)
        except BaseException:
            self._topic.close()
            raise
        self._rebalances = _Rebalances()
        self._consumer.subscribe([settings.LIKES_TOPIC], listener=self._rebalances)
        self._positions: dict[TopicPartition, Position] = {}
        # Partitions whose last record has not been read again since they became ours.
        self._unproven: set[TopicPartition] = set()
        self._identity: str | None = None
        self._read_at = 0.0

    def fetch(self, timeout_seconds: float) -> Fetched:
        """New records by partition, each list beginning where its partition's position is."""
        try:
            found: Fetched = self._consumer.poll(int(timeout_seconds * 1_000), BATCH_SIZE)
        except (NoOffsetForPartitionError, OffsetOutOfRangeError):
            # Just assigned, or the log has become shorter than our position in it.
            self.rewind()
            found = {}
        if self._rebalances.changed.is_set() or (found and self._another_topic()):
            self._take_positions()
            return {}
        return {tp: kept for tp, records in found.items() if (kept := self._proven(tp, records))}

    def rewind(self) -> None:
        """Forget where we are: before the next fetch the database is asked."""
        self._rebalances.changed.set()

    def position(self, tp: TopicPartition) -> Position:
        """Where we read on in a partition of ours."""
        return self._positions[tp]

    def move(self, tp: TopicPartition, position: Position) -> None:
        """Go on from there: the records before it have had their effect."""
        if tp in self._positions:
            self._positions[tp] = position
        self._consumer.commit_async({tp: OffsetAndMetadata(position.next_offset, "", -1)})

    def ends(self) -> dict[int, int]:
        """The offset after the last record of every partition of the topic, ours or not."""
        numbers = self._topic.partitions()
        partitions = [TopicPartition(settings.LIKES_TOPIC, number) for number in numbers]
        found = self._consumer.end_offsets(partitions, ASK_MS)
        return {tp.partition: end for tp, end in found.items()}

    def has_reached(self, ends: dict[int, int]) -> bool:
        """Whether the group has read up to these ends: we in our partitions, others in theirs."""
        settled = self._rebalances.joined.is_set() and not self._rebalances.changed.is_set()
        if not settled or self._unproven:
            return False
        ours = {tp.partition: self._consumer.position(tp, ASK_MS) or 0 for tp in self._positions}
        reached = offsets.next_offsets(settings.LIKES_TOPIC) | ours
        return all(reached.get(number, 0) >= end for number, end in ends.items() if end)

    def close(self) -> None:
        """Close all connections, within seconds even if the broker hangs."""
        self._consumer.close(autocommit=False, timeout_ms=2_000)
        self._topic.close()

    def _take_positions(self) -> None:
        """Ask the database where to read on in every partition that is ours now."""
        # Cleared first: what changes while we look makes us look again.
        self._rebalances.changed.clear()
        try:
            partitions = sorted(self._consumer.assignment())
            self._positions, self._unproven = {}, set()
            if partitions:
                self._identity = self._topic.identity()
                beginnings = self._consumer.beginning_offsets(partitions, ASK_MS)
                ends = self._consumer.end_offsets(partitions, ASK_MS)
                for tp in partitions:
                    self._take_position(tp, beginnings[tp], ends[tp])
        except BaseException:
            self.rewind()
            raise

    def _take_position(self, tp: TopicPartition, beginning: int, end: int) -> None:
        position = offsets.load(tp.topic, tp.partition, beginning=beginning)
        first_needed = position.next_offset - bool(position.digest)
        if first_needed < beginning or position.next_offset > end:
            offsets.begin_epoch(position, beginning=beginning)
            position = offsets.load(tp.topic, tp.partition, beginning=beginning)
        self._positions[tp] = position
        if position.digest:
            # Read the last record again: if it is another one, so is the log.
            self._unproven.add(tp)
        self._consumer.seek(tp, position.next_offset - bool(position.digest))

    def _proven(self, tp: TopicPartition, records: list[Any]) -> list[Any]:
        """The records that are new; none if they are of another log than the one we know."""
        if tp not in self._positions:
            return []
        if tp not in self._unproven:
            return records
        known, first = self._positions[tp], records[0]
        digest = offsets.record_digest(first.key, first.value, first.timestamp)
        if (first.offset, digest) != (known.next_offset - 1, known.digest):
            beginning = self._consumer.beginning_offsets([tp], ASK_MS)[tp]
            offsets.begin_epoch(known, beginning=beginning)
            self.rewind()
            return []
        self._unproven.discard(tp)
        return records[1:]

    def _another_topic(self) -> bool:
        """Whether the topic was made anew while nothing came in.

        The broker is asked for records by the topic's name, and would go on at our offset in a
        new topic of that name as if nothing had happened.
        """
        now = time.monotonic()
        paused = now - self._read_at > PAUSE_SECONDS
        self._read_at = now
        return paused and self._topic.identity() != self._identity


def _open_consumer(name: str) -> KafkaConsumer:
    return KafkaConsumer(
        **client_options(),
        group_id=settings.LIKES_GROUP,
        group_instance_id=name,
        session_timeout_ms=SESSION_TIMEOUT_MS,
        # A member that is stuck holds up all who join for as long. Should it come back, it finds
        # itself fenced.
        max_poll_interval_ms=60_000,
        heartbeat_interval_ms=SESSION_TIMEOUT_MS // 4,
        enable_auto_commit=False,
        auto_offset_reset="none",
        # How soon a deleted topic, or new partitions, are noticed.
        metadata_max_age_ms=5_000,
    )
