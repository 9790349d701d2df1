"""Kafka's topic, read from its beginning up to where the consumers are.

Not as a member of their group: it takes no partition from them and commits nothing.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.utils import timezone
from kafka import KafkaConsumer, TopicPartition

from feedback import how_long
from feedback.clock import as_datetime
from feedback.events import Record
from feedback.kafka.clients import BROKER_ERRORS, client_options
from feedback.kafka.log import as_record
from feedback.log import LogUnavailable
from feedback.models import ConsumerOffset
from feedback.offsets import is_of_another_log, record_digest
from feedback.rebuilding.history import HistoryChanged, HistoryMissing

ASK_MS: Final = 5_000
POLL_MS: Final = 1_000
RECORDS_A_POLL: Final = 1_000
# So many polls in a row without a record, where there must be some: the broker hangs.
EMPTY_POLLS: Final = 20
# What consumers may apply between looking ahead and the lock.
AHEAD_RECORDS: Final = 20_000

_ANOTHER_LOG: Final = (
    "the broker's log is another one than that which was read; let consume_likes notice it (it"
    " begins a new epoch), then rebuild"
)


class KafkaHistory:
    """The topic, for as long as its epochs stay. Every method may raise LogUnavailable."""

    def __init__(self) -> None:
        rows = _positions()
        self._epochs = {number: row.epoch for number, row in rows.items()}
        # The record before where consumers stand, as they know it: another one is another log.
        self._known = {(number, row.next_offset - 1): row.digest for number, row in rows.items()}
        self._fetched: dict[int, list[Any]] = {number: [] for number in rows}
        self.cut_at: datetime | None = None
        with _broker_errors():
            self._consumer = KafkaConsumer(
                **client_options(), enable_auto_commit=False, auto_offset_reset="none"
            )
            self._go_to_the_beginning(rows)

    def round(self) -> Iterator[Sequence[Record]]:
        """Everything up to where the consumers are now."""
        ends = {number: row.next_offset for number, row in self._same_log().items()}
        while not self._is_read(ends):
            self._fetch()
            yield self._take(ends)
        yield self._take(ends)

    def look_ahead(self) -> None:
        """Read further than the consumers are, as far as there is anything."""
        with _broker_errors():
            ends = self._consumer.end_offsets(self._partitions(), ASK_MS)
        rows = self._same_log()
        wanted = {
            tp.partition: min(end, rows[tp.partition].next_offset + AHEAD_RECORDS)
            for tp, end in ends.items()
        }
        while not self._is_read(wanted):
            self._fetch()

    def rest(self) -> list[Record] | None:
        """What the consumers have applied since the last round, from memory."""
        ends = {number: row.next_offset for number, row in self._same_log().items()}
        return self._take(ends) if self._is_read(ends) else None

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close(autocommit=False, timeout_ms=2_000)

    def _go_to_the_beginning(self, rows: dict[int, ConsumerOffset]) -> None:
        partitions = self._partitions()
        if not partitions:
            return
        self._consumer.assign(partitions)
        ends = self._consumer.end_offsets(partitions, ASK_MS)
        beginnings = self._consumer.beginning_offsets(partitions, ASK_MS)
        if any(
            rows[tp.partition].next_offset > end
            or is_of_another_log(rows[tp.partition], beginnings[tp])
            for tp, end in ends.items()
        ):
            raise HistoryMissing(_ANOTHER_LOG)
        for tp, offset in beginnings.items():
            self._consumer.seek(tp, offset)
        cut = [tp for tp, offset in beginnings.items() if offset > 0]
        self.cut_at = max((self._reaches_back_to(tp, ends[tp]) for tp in cut), default=None)

    def _reaches_back_to(self, tp: TopicPartition, end: int) -> datetime:
        """The moment from which on all that had its effect is in a partition, or in the base.

        What is applied later than LATE after its record was kept in the base at once. A day more,
        since records do not stand quite in the order of their times.
        """
        while self._consumer.position(tp, ASK_MS) < end and not self._fetched[tp.partition]:
            self._fetch()
        fetched = self._fetched[tp.partition]
        oldest = as_datetime(fetched[0].timestamp * 1_000) if fetched else timezone.now()
        return oldest + how_long.LATE + timedelta(days=1)

    def _partitions(self) -> list[TopicPartition]:
        return [TopicPartition(settings.LIKES_TOPIC, number) for number in self._epochs]

    def _same_log(self) -> dict[int, ConsumerOffset]:
        rows = _positions()
        if {number: row.epoch for number, row in rows.items()} != self._epochs:
            raise HistoryChanged
        return rows

    def _is_read(self, ends: dict[int, int]) -> bool:
        """Whether everything below these offsets has been fetched."""
        with _broker_errors():
            return all(
                (self._consumer.position(tp, ASK_MS) or 0) >= ends.get(tp.partition, 0)
                for tp in self._partitions()
            )

    def _fetch(self) -> None:
        with _broker_errors():
            for _ in range(EMPTY_POLLS):
                found = self._consumer.poll(POLL_MS, RECORDS_A_POLL)
                for tp, records in found.items():
                    self._check(records)
                    self._fetched[tp.partition] += records
                if found:
                    return
        raise LogUnavailable(f"Kafka has handed out nothing for {EMPTY_POLLS} s")

    def _check(self, records: list[Any]) -> None:
        for found in records:
            known = self._known.get((found.partition, found.offset))
            if known and known != record_digest(found.key, found.value, found.timestamp):
                raise HistoryMissing(_ANOTHER_LOG)

    def _take(self, ends: dict[int, int]) -> list[Record]:
        """Those of the fetched that lie below these offsets; each once."""
        taken = []
        for number, fetched in self._fetched.items():
            below = [found for found in fetched if found.offset < ends[number]]
            self._fetched[number] = fetched[len(below) :]
            taken += [as_record(self._epochs[number], found) for found in below]
        return taken


def _positions() -> dict[int, ConsumerOffset]:
    """How far each partition was read; one of which nothing was read has no history."""
    rows = ConsumerOffset.objects.filter(topic=settings.LIKES_TOPIC)
    return {row.partition: row for row in rows}


@contextmanager
def _broker_errors() -> Iterator[None]:
    try:
        yield
    except BROKER_ERRORS as error:
        raise LogUnavailable(
            f"Kafka cannot be reached ({type(error).__name__}: {error})"
        ) from error
