"""Messages that could not be applied: kept whole, read again when their reason is gone."""

import logging
import uuid
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Final

from django.db import connection, transaction

from feedback.events import Record
from feedback.models import DeadLetter
from feedback.reasons import Reason

logger = logging.getLogger(__name__)

# The columns that hold bytes.
_BYTES: Final = ("key", "raw")
# Of a flood the log has one line a batch, with so many of its letters.
NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Letter:
    """A message about to be put aside."""

    record: Record
    event_id: str
    reason: Reason
    error: str
    user_id: str = ""
    song_id: str = ""


def keep(letters: Sequence[Letter], created_at: datetime) -> list[Letter]:
    """Store the letters, in the caller's transaction, and log them once it stands.

    One that is there already stays as it is. Returns those that are new.
    """
    if not letters:
        return []
    kept = DeadLetter.objects.filter(event_id__in={letter.event_id for letter in letters})
    known = {(event_id.hex, digest) for event_id, digest in kept.values_list("event_id", "digest")}
    new: list[Letter] = []
    for letter in letters:
        message = letter.event_id, raw_digest(letter.record.raw)
        if message not in known:
            known.add(message)
            new.append(letter)
    # By their key, so that two who put the same messages aside wait for one another instead of
    # forming a deadlock.
    rows = sorted((_row(letter, created_at) for letter in new), key=_message)
    _insert(rows)
    if new:
        transaction.on_commit(lambda: _tell(new))
    return new


def _insert(rows: Sequence[DeadLetter]) -> None:
    """Add those rows that are not there yet."""
    if connection.vendor != "postgresql" or not rows:
        DeadLetter.objects.bulk_create(rows, ignore_conflicts=True)
        return
    # Django puts values into the statement as text, bytes in hexadecimal digits: of a message of a
    # megabyte the server then reads two, twelve times as long as it takes to be given the bytes.
    import psycopg

    fields = [field for field in DeadLetter._meta.concrete_fields if not field.primary_key]
    columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    row_of_marks = f"({', '.join('%b' if field.name in _BYTES else '%s' for field in fields)})"
    values = [
        getattr(row, field.attname)
        if field.name in _BYTES
        else field.get_db_prep_save(getattr(row, field.attname), connection)
        for row in rows
        for field in fields
    ]
    statement = f"""
        INSERT INTO dead_letter ({columns}) VALUES {", ".join([row_of_marks] * len(rows))}
        ON CONFLICT DO NOTHING
    """  # noqa: S608 - nothing but names of columns and placeholders goes in
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, values)


def _message(row: DeadLetter) -> tuple[str, str]:
    return str(row.event_id), row.digest


def in_words(letter: Letter) -> str:
    """The letter for a line of a log: no more than its id, reason and place.

    Neither the payload nor the error, which may quote it: anyone can send anything.
    """
    event_id = uuid.UUID(letter.event_id)
    return f"event={event_id} reason={letter.reason.value} place={_place(letter.record)}"


def raw_digest(raw: bytes) -> str:
    """What tells the messages of one event id apart: 32 hex digits."""
    return blake2b(raw, digest_size=16).hexdigest()


def put_aside(event_ids: Collection[str]) -> set[tuple[str, str]]:
    """The messages of these ids that stand among the letters without effect: (id, raw digest)."""
    rows = DeadLetter.objects.filter(event_id__in=event_ids).exclude(
        state=DeadLetter.State.REPLAYED
    )
    return {(event_id.hex, digest) for event_id, digest in rows.values_list("event_id", "digest")}


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
        digest=raw_digest(record.raw),
        record_time_us=record.time_us,
        event_id=letter.event_id,
        user_id=letter.user_id,
        song_id=letter.song_id,
        reason=letter.reason,
        error=letter.error,
        created_at=created_at,
    )


def _tell(letters: Sequence[Letter]) -> None:
    if len(letters) <= NAMED:
        for letter in letters:
            logger.warning("put aside %s", in_words(letter))
        return
    reasons = Counter(letter.reason.value for letter in letters).most_common()
    counts = " ".join(f"{reason}={number}" for reason, number in reasons)
    first = ", ".join(map(in_words, letters[:NAMED]))
    logger.warning("put aside %d messages: %s; the first: %s", len(letters), counts, first)


def _place(record: Record) -> str:
    if record.topic:
        return f"{record.topic}/{record.partition}/{record.offset}"
    return "request" if record.seq is None else f"outbox/{record.seq}"


def _source(record: Record) -> DeadLetter.Source:
    if record.topic:
        return DeadLetter.Source.KAFKA
    return DeadLetter.Source.API if record.seq is None else DeadLetter.Source.OUTBOX
