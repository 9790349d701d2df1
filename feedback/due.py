"""What of the outbox still waits, and the marks that it no longer does.

Nobody keeps a position in the outbox. On Postgres a transaction that began earlier may commit
later with a lower seq, and a reader that remembers "up to here" would never see it.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from feedback.clock import record_time_us
from feedback.events import Record
from feedback.fields import EPOCH
from feedback.models import OutboxEvent
from feedback.stored_ids import as_hex
from recommendations.write_turns import write_turn

# A chunk holds SQLite's one write lock for some milliseconds.
CHUNK_ROWS: Final = 500


def to_apply(limit: int) -> list[Record]:
    """Events without an effect yet, oldest first. Whether Kafka has them makes no difference."""
    return _records(OutboxEvent.objects.filter(applied_at=None), limit)


def to_send(limit: int) -> list[Record]:
    """Events that the broker must still be given, oldest first.

    What has had its effect already, without Kafka, need not be sent any more.
    """
    return _records(OutboxEvent.objects.filter(sent_at=None, applied_at=None), limit)


def with_effect(after_seq: int, limit: int) -> list[Record]:
    """Events that have had their effect, or are dead letters, of a seq above that; in order."""
    return _records(OutboxEvent.objects.filter(applied_at__isnull=False, seq__gt=after_seq), limit)


def done_before(moment: datetime, *, after_seq: int, limit: int) -> list[Record]:
    """Events whose effect is older than a moment, of a seq above that, in order."""
    # An effect comes after its seq, which is a time: so the newer rows need not be looked at.
    latest_us = (moment - EPOCH) // timedelta(microseconds=1)
    done = OutboxEvent.objects.filter(applied_at__lt=moment, seq__gt=after_seq, seq__lte=latest_us)
    return _records(done, limit)


def delete_done(seqs: Collection[int], moment: datetime) -> None:
    """Delete these rows, but for such as have become due again since they were read."""
    in_order(OutboxEvent.objects.filter(seq__in=seqs, applied_at__lt=moment)).delete()


def first_waiting_seq() -> int:
    """The lowest seq of an event without an effect; where none waits, above the greatest."""
    waiting = OutboxEvent.objects.filter(applied_at=None).order_by("seq")
    first = waiting.values_list("seq", flat=True).first()
    return last_seq() + 1 if first is None else first


def is_to_send(*, up_to: int) -> bool:
    """Whether the broker must still be given an event of that seq or below."""
    return OutboxEvent.objects.filter(sent_at=None, applied_at=None, seq__lte=up_to).exists()


def unsent(*, at_most: int) -> tuple[int, datetime | None]:
    """How many events wait to be sent, counted up to a limit only; since when the oldest."""
    waiting = OutboxEvent.objects.filter(sent_at=None, applied_at=None).order_by("seq")
    oldest = waiting.values_list("recorded_at", flat=True).first()
    return waiting.order_by()[:at_most].count(), oldest


def payloads(event_ids: Collection[str]) -> dict[str, bytes]:
    """What the outbox says under these ids, of those that it has: done or not."""
    if not event_ids:
        return {}
    # Not through the ORM: it makes a UUID of each id, and text of that again.
    marks = ", ".join(["%s"] * len(event_ids))
    statement = f"SELECT event_id, payload FROM outbox WHERE event_id IN ({marks})"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, list(event_ids))
        return {as_hex(event_id): bytes(payload) for event_id, payload in cursor.fetchall()}


def mark_sent(seqs: Collection[int]) -> None:
    """Note that the broker has acknowledged these."""
    if seqs:
        with write_turn(), transaction.atomic():
            in_order(OutboxEvent.objects.filter(seq__in=seqs)).update(sent_at=timezone.now())


def mark_applied(event_ids: Collection[str], at: datetime) -> None:
    """Note that these have had their effect, in the transaction of the effect."""
    if not event_ids:
        return
    marks = ", ".join(["%s"] * len(event_ids))
    rows = f"event_id IN ({marks}) AND applied_at IS NULL"
    if connection.features.has_select_for_update:
        # Locked by ascending seq, as by in_order.
        rows = f"SELECT seq FROM outbox WHERE {rows} ORDER BY seq FOR NO KEY UPDATE"  # noqa: S608
        rows = f"seq IN ({rows})"
    with connection.cursor() as cursor:
        statement = f"UPDATE outbox SET applied_at = %s WHERE {rows}"  # noqa: S608 - placeholders
        cursor.execute(statement, [connection.ops.adapt_datetimefield_value(at), *event_ids])


def drop(said: Collection[tuple[str, bytes, int]]) -> None:
    """Delete the rows of these (event id, payload) that lie at or below the seq beside it.

    A row that says something else, or was accepted later, stays.
    """
    ids = {event_id for event_id, _, _ in said}
    rows = OutboxEvent.objects.filter(event_id__in=ids).values_list("event_id", "seq", "payload")
    kept = {event_id.hex: (seq, bytes(payload)) for event_id, seq, payload in rows}
    same = [
        kept[event_id][0]
        for event_id, raw, up_to in said
        if event_id in kept and kept[event_id][0] <= up_to and kept[event_id][1] == raw
    ]
    if same:
        in_order(OutboxEvent.objects.filter(seq__in=same)).delete()


def lock(event_ids: Collection[str]) -> None:
    """Lock the rows of these until the commit, for who changes them by several statements."""
    if connection.features.has_select_for_update:
        rows = OutboxEvent.objects.filter(event_id__in=event_ids).order_by("seq")
        list(rows.select_for_update(no_key=True).values_list("seq"))


def send_again() -> int:
    """Make all without an effect due again, for a broker that has lost its log; return how many.

    By one statement, however many they are: it stands in the transaction in which the new epoch
    begins. With the epoch in one commit and this in later ones, a crash in between would leave
    rows behind that no position shows to be lost.
    """
    waiting = OutboxEvent.objects.filter(applied_at=None, sent_at__isnull=False)
    return in_order(waiting).update(sent_at=None)


def send_late_ones_again(sent_before: datetime) -> int:
    """Make due again what was sent before a moment and has no effect yet; return how many.

    Rows by rows, each in a transaction of its own: likes wait for one at most.
    """
    # Those sent first come first: so the index finds the next ones, whatever the table holds.
    late = OutboxEvent.objects.filter(applied_at=None, sent_at__lt=sent_before)
    first = late.order_by("sent_at", "seq").values_list("seq", flat=True)[:CHUNK_ROWS]
    again = 0
    while seqs := list(first.all()):
        with write_turn(), transaction.atomic():
            # Looked at again: some may have had their effect meanwhile.
            again += in_order(late.filter(seq__in=seqs)).update(sent_at=None)
    return again


def last_seq() -> int:
    """The greatest seq that stands in the outbox, 0 when it is empty."""
    return OutboxEvent.objects.order_by("-seq").values_list("seq", flat=True).first() or 0


def in_order(rows: QuerySet[OutboxEvent]) -> QuerySet[OutboxEvent]:
    """The rows, for one statement that changes them: locked by ascending seq until the commit.

    A consumer, who knows the ids, and the relay, who knows the seqs, mark the same rows at the
    same time. Each in the order in which the server happens to find them, they would deadlock.
    """
    if not connection.features.has_select_for_update:
        return rows
    locked = rows.select_for_update(no_key=True).order_by("seq").values("seq")
    return OutboxEvent.objects.filter(seq__in=locked)


def _records(waiting: QuerySet[OutboxEvent], limit: int) -> list[Record]:
    columns = ("seq", "event_id", "user_id", "payload", "recorded_at")
    return [
        Record(
            raw=bytes(payload),
            time_us=record_time_us(recorded_at, seq),
            own_id=event_id.hex,
            key=user_id.encode(),
            seq=seq,
        )
        for seq, event_id, user_id, payload, recorded_at in waiting.order_by("seq").values_list(
            *columns
        )[:limit]
    ]
