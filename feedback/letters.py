"""Messages that could not be applied: kept whole, read again when their reason is gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from feedback.events import Record
from feedback.models import DeadLetter
from feedback.reasons import Reason


@dataclass(frozen=True, slots=True)
class Letter:
    """A message about to be put aside."""

    record: Record
    event_id: str
    reason: Reason
    error: str
    user_id: str = ""
    song_id: str = ""


def keep(letters: Sequence[Letter], created_at: datetime) -> None:
    """Store the letters, in the caller's transaction. One that is there already stays as it is."""
    if letters:
        rows = [_row(letter, created_at) for letter in letters]
        DeadLetter.objects.bulk_create(rows, ignore_conflicts=True)


def as_record(row: DeadLetter) -> Record:
    """The message as it was read the first time: the same bytes, place and time."""
    return Record(
        raw=bytes(row.raw),
        time_us=row.record_time_us,
        own_id=row.event_id.hex,
        key=None if row.key is None else bytes(row.key),
        epoch=row.epoch,
        topic=row.topic,
        partition=row.partition,
        offset=row.offset,
        seq=row.seq,
    )


def _row(letter: Letter, created_at: datetime) -> DeadLetter:
    record = letter.record
    return DeadLetter(
        source=_source(record),
        epoch=record.epoch,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        seq=record.seq,
        key=record.key,
        raw=record.raw,
        digest=blake2b(record.raw, digest_size=16).hexdigest(),
        record_time_us=record.time_us,
        event_id=letter.event_id,
        user_id=letter.user_id,
        song_id=letter.song_id,
        reason=letter.reason,
        error=letter.error,
        created_at=created_at,
    )


def _source(record: Record) -> DeadLetter.Source:
    if record.topic:
        return DeadLetter.Source.KAFKA
    return DeadLetter.Source.API if record.seq is None else DeadLetter.Source.OUTBOX
