"""The log of likes in Kafka, as the consumer's loop wants it."""

import logging
from typing import Any

from django.conf import settings
from kafka import TopicPartition
from kafka.errors import FencedInstanceIdError, InconsistentGroupProtocolError

from feedback import offsets
from feedback.events import LAST_SEQ, Record
from feedback.kafka.clients import BROKER_ERRORS
from feedback.kafka.member import Fetched, Member
from feedback.log import Batch, LogUnavailable
from feedback.offsets import Position

logger = logging.getLogger(__name__)


class KafkaLog:
    """Reads as a member of the group, and connects anew after any fault of the broker.

    member_name: what the group knows this reader by, also after a restart; nobody else may use it.
    """

    def __init__(self, member_name: str) -> None:
        self._member_name = member_name
        self._member: Member | None = None
        # Whether the group has members that know no cooperative rebalance; see _share_as_they_do.
        self._eager = False
        self._ends: dict[int, int] = {}
        # Where the last batch ends; it becomes the position when its transaction stands.
        self._pending: dict[TopicPartition, Position] = {}

    def poll(self, timeout_seconds: float) -> Batch:
        """The next records of all partitions of ours. Raises LogUnavailable."""
        try:
            return self._batch(self._connected().fetch(timeout_seconds))
        except InconsistentGroupProtocolError as error:
            return self._share_as_they_do(error)
        except BROKER_ERRORS as error:
            raise self._lost(error) from error

    def committed(self) -> None:
        """Go on after the last batch, and tell Kafka, for those who watch the lag there."""
        if self._member is None:
            return
        try:
            for tp, position in self._pending.items():
                self._member.move(tp, position)
        except BROKER_ERRORS as error:
            level = logging.WARNING if isinstance(error, FencedInstanceIdError) else logging.DEBUG
            logger.log(level, "%s", self._lost(error))

    def rewind(self) -> None:
        """Read on from where the database says."""
        if self._member is not None:
            self._member.rewind()

    def mark_end(self) -> None:
        """Remember how far the topic goes now. Raises LogUnavailable."""
        try:
            self._ends = self._connected().ends()
        except BROKER_ERRORS as error:
            raise self._lost(error) from error

    def at_end(self) -> bool:
        """Whether every partition was read up to there, by us or by others of the group."""
        try:
            return self._member is not None and self._member.has_reached(self._ends)
        except BROKER_ERRORS as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Leave."""
        self._drop()

    def _connected(self) -> Member:
        if self._member is None:
            self._member = Member(self._member_name, eager=self._eager)
        return self._member

    def _share_as_they_do(self, error: Exception) -> Batch:
        """Come back in the way of earlier versions, which the broker says some members still are.

        The next connection after this one tries again whether they have gone.
        """
        if self._eager:
            raise self._lost(error) from error
        logger.info("the group has members of an earlier version: sharing with them as they do")
        self._drop()
        self._eager = True
        return Batch()

    def _lost(self, error: Exception) -> LogUnavailable:
        self._drop()
        self._eager = False
        if isinstance(error, FencedInstanceIdError):
            return LogUnavailable(
                f"another consumer has joined the group {settings.LIKES_GROUP} under the name of"
                f" this one, {self._member_name}, and each throws the other out: give one of them"
                " another host name or STATE_DIR, or another LIKES_GROUP"
            )
        return LogUnavailable(f"Kafka cannot be reached ({type(error).__name__}: {error})")

    def _drop(self) -> None:
        member, self._member = self._member, None
        if member is None:
            return
        try:
            member.close()
        except BROKER_ERRORS as error:
            logger.debug("closing a broken connection: %s", error)

    def _batch(self, fetched: Fetched) -> Batch:
        member = self._connected()
        starts = {tp: member.position(tp) for tp in fetched}
        self._pending = {tp: _after(starts[tp], found[-1]) for tp, found in fetched.items()}
        records = [as_record(starts[tp].epoch, found) for tp in fetched for found in fetched[tp]]
        # In one order for all consumers, so that two who claim the same partitions wait for
        # one another instead of forming a deadlock.
        moves = [(starts[tp], self._pending[tp]) for tp in sorted(fetched)]

        def settle() -> None:
            for start, end in moves:
                offsets.advance(start, end)

        return Batch(records, settle)


def _after(start: Position, last: Any) -> Position:
    """The position after a record of Kafka's client."""
    digest = offsets.record_digest(last.key, last.value, last.timestamp)
    return Position(start.topic, start.partition, start.epoch, last.offset + 1, digest)


def as_record(epoch: int, found: Any) -> Record:
    """A record of Kafka's client as ours."""
    return Record(
        raw=found.value or b"",
        time_us=_time_us(found.timestamp),
        own_id=offsets.own_id(epoch, found.topic, found.partition, found.offset),
        key=found.key,
        epoch=epoch,
        topic=found.topic,
        partition=found.partition,
        offset=found.offset,
    )


def _time_us(timestamp_ms: int) -> int:
    """The record's time, 0 where it brings none.

    Formats older than Kafka 0.10 say -1. A time past the year 9999 (microseconds in the place of
    milliseconds, say) is none either: later than all that can be said, it would end the
    conversation about that song, and further on it would not fit into the database.
    """
    time_us = timestamp_ms * 1_000
    return time_us if 0 <= time_us <= LAST_SEQ else 0
