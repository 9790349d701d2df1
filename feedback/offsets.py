"""How far each partition was read: kept beside the effects, fenced, and true of one log only."""

import logging
import uuid
from dataclasses import dataclass
from hashlib import blake2b, sha1
from typing import Final

from django.db import connection, transaction
from django.db.models import QuerySet

from feedback import due
from feedback.log import Fenced
from feedback.models import ConsumerOffset
from recommendations import profile_base
from recommendations.write_turns import write_turn

logger = logging.getLogger(__name__)

# The name space of ids of records that bring none; changing it would apply them all again.
PLACES: Final = uuid.UUID("9f4a54b2-0e0b-5cb4-8a0f-5d1f3c9a7e42")

# Written out: every batch does it, in the midst of its transaction.
_ADVANCE: Final = """
    UPDATE consumer_offset SET next_offset = %s, digest = %s
    WHERE topic = %s AND "partition" = %s AND epoch = %s AND next_offset = %s
"""


@dataclass(frozen=True, slots=True)
class Position:
    """Where reading of a partition goes on, and what was read last.

    epoch: which log this is about; it grows by one when the broker's log is another one.
    digest: of the record before next_offset, empty when none was read.
    """

    topic: str
    partition: int
    epoch: int
    next_offset: int
    digest: str = ""


def load(topic: str, partition: int, *, beginning: int) -> Position:
    """The position of a partition; one that was never read starts at the beginning of the log."""
    row, _ = ConsumerOffset.objects.get_or_create(
        topic=topic, partition=partition, defaults={"next_offset": beginning}
    )
    return Position(topic, partition, row.epoch, row.next_offset, row.digest)


def next_offsets(topic: str) -> dict[int, int]:
    """The next offset of every partition that was ever read."""
    rows = ConsumerOffset.objects.filter(topic=topic)
    return dict(rows.values_list("partition", "next_offset"))


def is_of_another_log(position: Position | ConsumerOffset, beginning: int) -> bool:
    """Whether a position behind which nothing was read lies above the beginning of the log.

    It was the beginning once, and that of one log never moves back.
    """
    return not position.digest and position.next_offset > beginning


def advance(start: Position, end: Position) -> None:
    """Move a position, in the caller's transaction.

    Raises Fenced when it is not at ``start`` any more: another consumer was given the partition
    and has applied what we are about to apply.
    """
    with connection.cursor() as cursor:
        to = (end.next_offset, end.digest)
        at = (start.topic, start.partition, start.epoch, start.next_offset)
        cursor.execute(_ADVANCE, (*to, *at))
        moved = cursor.rowcount
    if not moved:
        raise Fenced(f"partition {start.partition} is read by another consumer now")


def begin_epoch(lost: Position, *, beginning: int) -> None:
    """The broker's log is not the one that was read: read it whole, and send again what is lost.

    Events of the lost log that had their effect are known by their ids. Those that had none yet
    stand in the outbox and are due for sending again.

    Nobody can read the lost log again to make the profiles anew, so all that they hold is kept in
    the base, before the new epoch stands. What is applied meanwhile comes from other partitions.
    """
    if not _rows_at(lost).exists():
        return
    profile_base.keep_profiles()
    with write_turn(), transaction.atomic():
        moved = _rows_at(lost).update(epoch=lost.epoch + 1, next_offset=beginning, digest="")
        again = due.send_again() if moved else 0
    if moved:
        logger.warning(
            "partition %s of %s is another log than the one read up to offset %d: reading it"
            " from its beginning, %d events are sent again",
            lost.partition,
            lost.topic,
            lost.next_offset,
            again,
        )


def record_digest(key: bytes | None, value: bytes | None, timestamp_ms: int) -> str:
    """What tells a record from another at the same offset of another log."""
    key, value = key or b"", value or b""
    sizes = f"{timestamp_ms},{len(key)},{len(value)}:".encode()
    return blake2b(sizes + key + value, digest_size=16).hexdigest()


def own_id(epoch: int, topic: str, partition: int, offset: int) -> str:
    """The id of a record that brings none, from its place alone: 32 hex digits.

    A UUID of version 5, put together by hand: the class takes four times as long, for each record.
    """
    place = f"{epoch}:{topic}:{partition}:{offset}".encode()
    digest = bytearray(sha1(PLACES.bytes + place, usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return digest.hex()


def _rows_at(position: Position) -> QuerySet[ConsumerOffset]:
    return ConsumerOffset.objects.filter(
        topic=position.topic,
        partition=position.partition,
        epoch=position.epoch,
        next_offset=position.next_offset,
    )
