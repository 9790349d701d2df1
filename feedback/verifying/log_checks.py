"""Whether the positions in Kafka fit the log that the broker has. Asks the broker."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from kafka import KafkaConsumer, TopicPartition

from feedback import offsets
from feedback.fields import EPOCH
from feedback.kafka.clients import BROKER_ERRORS, LikesTopic, client_options
from feedback.models import ConsumerOffset
from feedback.verifying.findings import Finding, Look, duration
from feedback.verifying.meanings import Code

ASK_MS: Final = 5_000
READ_SECONDS: Final = 10.0
# So long a record may wait without a word about it.
OLD: Final = timedelta(seconds=60)


OF_THE_LOG: Final = (
    Code.ANOTHER_LOG, Code.LEFT_UNREAD, Code.LAST_READ_GONE, Code.NEVER_READ, Code.LAG
)  # fmt: skip


class BrokerSilent(Exception):
    """The broker says that it has a record and does not give it in time."""


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition as the broker has it.

    last_read: what stands before the position, oldest: what stands at it; None where nothing does.
    """

    number: int
    beginning: int
    end: int
    position: ConsumerOffset | None
    last_read: Any = None
    oldest: Any = None


def positions_fit_the_log(look: Look, positions: Sequence[ConsumerOffset]) -> Iterator[Finding]:
    """Where reading goes on lies in the broker's log, behind the record that was read last."""
    try:
        partitions = _partitions({position.partition: position for position in positions})
    except (*BROKER_ERRORS, BrokerSilent) as error:
        away = look.cases()
        away.add(f"{type(error).__name__}: {error}")
        yield from away.found(Code.BROKER_AWAY)
        return
    cases = {code: look.cases() for code in OF_THE_LOG}
    known = {partition.number for partition in partitions}
    for position in positions:
        if position.partition not in known:
            cases[Code.ANOTHER_LOG].add(f"{position}: the broker has no such partition")
    for partition in partitions:
        for code, what in _wrong(partition, look):
            cases[code].add(f"{settings.LIKES_TOPIC}[{partition.number}]: {what}")
    for code, found in cases.items():
        yield from found.found(code)


def _wrong(partition: Partition, look: Look) -> Iterator[tuple[Code, str]]:
    position, beginning, end = partition.position, partition.beginning, partition.end
    if position is None:
        if end > beginning:
            yield Code.NEVER_READ, f"{end - beginning:,} records"
        return
    code = _contradiction(partition, position)
    if code is not None:
        if not _has_begun_anew(position):
            place = f"read up to {position.next_offset}, the broker has {beginning} to {end}"
            yield code, f"{place}, epoch {position.epoch}"
        return
    if partition.oldest is not None:
        age = look.now - EPOCH - timedelta(milliseconds=max(partition.oldest.timestamp, 0))
        if age > OLD:
            waits = f"{end - position.next_offset:,} records, the oldest for {duration(age)}"
            yield Code.LAG, waits


def _contradiction(partition: Partition, position: ConsumerOffset) -> Code | None:
    if position.next_offset > partition.end:
        return Code.ANOTHER_LOG
    if offsets.is_of_another_log(position, partition.beginning):
        return Code.ANOTHER_LOG
    if position.next_offset < partition.beginning:
        return Code.LEFT_UNREAD
    if not position.digest:
        return None
    if position.next_offset == partition.beginning:
        return Code.LAST_READ_GONE
    last = partition.last_read
    digest = offsets.record_digest(last.key, last.value, last.timestamp)
    same = (last.offset, digest) == (position.next_offset - 1, position.digest)
    return None if same else Code.ANOTHER_LOG


def _has_begun_anew(position: ConsumerOffset) -> bool:
    """Whether the consumer has noticed while we looked."""
    return not ConsumerOffset.objects.filter(pk=position.pk, epoch=position.epoch).exists()


def _partitions(positions: dict[int, ConsumerOffset]) -> list[Partition]:
    """What the broker has. Raises one of BROKER_ERRORS, or BrokerSilent."""
    with closing(LikesTopic()) as topic:
        numbers = sorted(topic.partitions())
    consumer = KafkaConsumer(
        **client_options(), group_id=None, enable_auto_commit=False, auto_offset_reset="none"
    )
    try:
        places = {number: TopicPartition(settings.LIKES_TOPIC, number) for number in numbers}
        beginnings = consumer.beginning_offsets(list(places.values()), ASK_MS)
        ends = consumer.end_offsets(list(places.values()), ASK_MS)
        return [
            _partition(consumer, tp, beginnings[tp], ends[tp], positions.get(number))
            for number, tp in places.items()
        ]
    finally:
        consumer.close(autocommit=False, timeout_ms=2_000)


def _partition(
    consumer: KafkaConsumer, tp: TopicPartition, beginning: int, end: int,
    position: ConsumerOffset | None,
) -> Partition:  # fmt: skip
    found = Partition(tp.partition, beginning, end, position)
    if position is None or not beginning <= position.next_offset <= end:
        return found
    place = position.next_offset
    last_read = oldest = None
    if position.digest and place > beginning:
        last_read = _record_at(consumer, tp, place - 1)
    if place < end:
        oldest = _record_at(consumer, tp, place)
    return Partition(tp.partition, beginning, end, position, last_read, oldest)


def _record_at(consumer: KafkaConsumer, tp: TopicPartition, offset: int) -> Any:
    """The record at an offset, or the first one after it."""
    consumer.assign([tp])
    consumer.seek(tp, offset)
    deadline = time.monotonic() + READ_SECONDS
    while time.monotonic() < deadline:
        records = consumer.poll(500, max_records=1).get(tp)
        if records:
            return records[0]
    raise BrokerSilent(f"no record of {tp.topic}[{tp.partition}] came from offset {offset}")
