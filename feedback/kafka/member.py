"""One member of the consumer group: which partitions it has, and where it reads on in each.

Kafka says who reads which partition, the database says from where. Everything here may raise one
of BROKER_ERRORS; the member is then closed and another one takes its place.
"""

import time
from typing import Any, Final

from django.conf import settings
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError
from kafka.structs import MemberState, OffsetAndMetadata

from feedback import offsets
from feedback.kafka.clients import LikesTopic, client_options
from feedback.kafka.group import Sharing
from feedback.kafka.topic_faults import warn_of_faults
from feedback.log import BATCH_SIZE
from feedback.offsets import Position

METADATA_AGE_MS: Final = 5_000
ASK_MS: Final = 5_000
# After a pause this long the topic may have been deleted and made anew while nobody looked.
PAUSE_SECONDS: Final = 0.1
# An offset told after each batch took a seventh of the consumer's CPU time.
TELL_SECONDS: Final = 0.5
# Short: an answer to the rebalance that comes in while nobody polls is lost, and it begins anew.
READ_ON_MS: Final = 10

Fetched = dict[TopicPartition, list[Any]]


class Member:
    """A connection to Kafka that reads the likes as one of the group.

    eager: see Sharing.
    """

    def __init__(self, name: str, *, eager: bool = False) -> None:
        self._topic = LikesTopic()
        self._sharing = Sharing(eager=eager)
        try:
            self._topic.make_if_absent()
            warn_of_faults(self._topic)
            self._consumer = _open_consumer(name, self._sharing)
        except BaseException:
            self._topic.close()
            raise
        self._consumer.subscribe([settings.LIKES_TOPIC], listener=self._sharing.listener)
        # Whether the database must be asked for all positions, not only for new partitions'.
        self._rewound = False
        self._positions: dict[TopicPartition, Position] = {}
        # Partitions whose last record has not been read again since they became ours.
        self._unproven: set[TopicPartition] = set()
        self._identity: str | None = None
        self._read_at = 0.0
        self._untold: dict[TopicPartition, OffsetAndMetadata] = {}
        self._told_at = 0.0

    def fetch(self, timeout_seconds: float) -> Fetched:
        """New records by partition, each list beginning where its partition's position is."""
        self._tell()
        try:
            found = self._found(timeout_seconds)
        except NoOffsetForPartitionError as error:
            # Just assigned, and Kafka has no offset of ours there. Ours stand in the database.
            self._sharing.took(error.args[0])
            found = {}
        except OffsetOutOfRangeError:
            # The log has become shorter than our position in it.
            self.rewind()
            found = {}
        if found and self._another_topic():
            self.rewind()
        if self._sharing.changed.is_set():
            # The client has read in new ones from wherever Kafka thinks best.
            for tp in self._take_positions():
                found.pop(tp, None)
        return {tp: kept for tp, records in found.items() if (kept := self._proven(tp, records))}

    def rewind(self) -> None:
        """Forget where we are: before the next fetch the database is asked."""
        self._rewound = True
        self._sharing.changed.set()

    def position(self, tp: TopicPartition) -> Position:
        """Where we read on in a partition of ours."""
        return self._positions[tp]

    def move(self, tp: TopicPartition, position: Position) -> None:
        """Go on from there: the records before it have had their effect."""
        if tp not in self._positions:
            return
        self._positions[tp] = position
        self._untold[tp] = OffsetAndMetadata(position.next_offset, "", -1)
        self._tell()

    def _tell(self) -> None:
        """Tell Kafka where we are, now and then, for those who watch the lag there.

        Not between a rebalance and our look at it: what was ours may be another's, who is further.
        """
        now = time.monotonic()
        if self._sharing.changed.is_set():
            return
        if self._untold and now - self._told_at >= TELL_SECONDS:
            untold, self._untold, self._told_at = self._untold, {}, now
            self._consumer.commit_async(untold)

    def ends(self) -> dict[int, int]:
        """The offset after the last record of every partition of the topic, ours or not."""
        numbers = self._topic.partitions()
        partitions = [TopicPartition(settings.LIKES_TOPIC, number) for number in numbers]
        found = self._consumer.end_offsets(partitions, ASK_MS)
        return {tp.partition: end for tp, end in found.items()}

    def has_reached(self, ends: dict[int, int]) -> bool:
        """Whether the group has read up to these ends: we in our partitions, others in theirs."""
        if self._sharing.changed.is_set() or self._unproven or not self._is_in(MemberState.STABLE):
            return False
        ours = {tp.partition: self._consumer.position(tp, ASK_MS) or 0 for tp in self._positions}
        reached = offsets.next_offsets(settings.LIKES_TOPIC) | ours
        return all(reached.get(number, 0) >= end for number, end in ends.items() if end)

    def close(self) -> None:
        """Close all connections, within seconds even if the broker hangs."""
        try:
            ours = self._consumer.assignment() - self._sharing.gone()
            untold = {tp: place for tp, place in self._untold.items() if tp in ours}
            if untold:
                self._consumer.commit(untold, timeout_ms=1_000)
        finally:
            self._consumer.close(autocommit=False, timeout_ms=2_000)
            self._topic.close()

    def _found(self, timeout_seconds: float) -> Fetched:
        if self._is_in(MemberState.REBALANCING):
            # kafka-python 3.0 forgets a rebalance that began because the topic has got partitions:
            # to poll it is over once the leader has dealt them out, before it has taken its own.
            self._consumer._coordinator.request_rejoin()
        found: Fetched = self._consumer.poll(int(timeout_seconds * 1_000), BATCH_SIZE)
        if not found and self._is_in(MemberState.REBALANCING):
            # Its poll reads nothing before the last member has answered, for which that one has
            # max_poll_interval_ms. What we have is ours until we hear otherwise.
            found, _ = self._consumer._fetcher.fetch_records(BATCH_SIZE, timeout_ms=READ_ON_MS)
        return found

    def _is_in(self, state: str) -> bool:
        return bool(self._consumer.group_metadata().state == state)

    def _take_positions(self) -> list[TopicPartition]:
        """Ask the database where to read on in every partition that has become ours.

        Returns these. Those that stayed keep their positions and proofs, and reading goes on there.
        """
        gone, everything = self._sharing.gone(), self._rewound
        self._rewound = False
        try:
            ours = self._consumer.assignment()
            identity = self._topic.identity() if ours else None
            if everything or identity != self._identity:
                gone |= ours
            stayed = (self._positions.keys() & ours) - gone
            self._positions = {tp: self._positions[tp] for tp in stayed}
            self._unproven &= stayed
            # Their new reader may be further, and told so.
            self._untold = {tp: place for tp, place in self._untold.items() if tp in stayed}
            self._identity = identity
            taken = sorted(ours - stayed)
            self._look_up(taken)
        except BaseException:
            self.rewind()
            raise
        return taken

    def _look_up(self, partitions: list[TopicPartition]) -> None:
        if not partitions:
            return
        beginnings = self._consumer.beginning_offsets(partitions, ASK_MS)
        ends = self._consumer.end_offsets(partitions, ASK_MS)
        for tp in partitions:
            self._take_position(tp, beginnings[tp], ends[tp])

    def _take_position(self, tp: TopicPartition, beginning: int, end: int) -> None:
        position = offsets.load(tp.topic, tp.partition, beginning=beginning)
        first_needed = position.next_offset - bool(position.digest)
        is_another = offsets.is_of_another_log(position, beginning)
        if first_needed < beginning or position.next_offset > end or is_another:
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


def _open_consumer(name: str, sharing: Sharing) -> KafkaConsumer:
    session_ms = int(settings.LIKES_SESSION_SECONDS * 1_000)
    return KafkaConsumer(
        **client_options(),
        group_id=settings.LIKES_GROUP,
        group_instance_id=name,
        partition_assignment_strategy=sharing.assignors,
        session_timeout_ms=session_ms,
        # A member that is stuck holds up all who join for as long. Should it come back, it finds
        # itself fenced.
        max_poll_interval_ms=int(settings.LIKES_MAX_POLL_SECONDS * 1_000),
        heartbeat_interval_ms=session_ms // 4,
        enable_auto_commit=False,
        auto_offset_reset="none",
        # How soon a deleted topic, or new partitions, are noticed.
        metadata_max_age_ms=METADATA_AGE_MS,
    )
