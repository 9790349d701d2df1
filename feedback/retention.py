"""What may go: rows of the outbox, ids that were applied, letters that are settled, and traces.

Nothing goes that could still be needed. A row of the outbox goes when its effect has stood for a
day, and its word stays in the base; ids and settled letters go when no log can bring their
messages again; leases that were never given back go, and what their consumers have counted stays
as a sum. The sequence of the outbox and the tombstones of the profiles never go.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from feedback import due, how_long
from feedback.applying import as_judgement
from feedback.consuming import delays
from feedback.events import Event, Record, parse
from feedback.letters import put_aside, raw_digest
from feedback.models import AppliedEvent, DeadLetter, OutboxEvent
from feedback.reasons import Reason
from recommendations import leases, profile_base
from recommendations.profiles import let_writers_in
from recommendations.write_turns import write_turn

LEASE: Final = "retention"
LEASE_SECONDS: Final = 30.0
# A chunk holds SQLite's one write lock for some milliseconds.
CHUNK_ROWS: Final = 500


@dataclass
class Pruned:
    """How many rows went, by table.

    untraced: rows of the outbox that are marked as done and whose id stands nowhere. They stay.
    like_delay: of consumers that are no more; their counts stay, added up in one row.
    """

    outbox: int = 0
    untraced: int = 0
    applied_event: int = 0
    dead_letter: int = 0
    lease: int = 0
    like_delay: int = 0


def prune(now: datetime | None = None) -> Pruned:
    """Delete what may go, in short transactions. Raises LeaseTaken where another does so."""
    now = now or timezone.now()
    pruned = Pruned()
    with leases.lease(LEASE, ttl_seconds=LEASE_SECONDS):
        _prune_outbox(now - how_long.OUTBOX, pruned)
        pruned.applied_event = _prune_ids(now - how_long.APPLIED_IDS)
        settled = _settled_letters(now - how_long.SETTLED_LETTERS)
        pruned.dead_letter = _in_chunks(lambda: settled)
        with write_turn():
            pruned.lease = leases.forget_ended(how_long.ENDED_LEASES)
        pruned.like_delay = delays.fold_ended()
    return pruned


def keep_old_profiles(now: datetime | None = None) -> int:
    """Keep in the base what Kafka is about to drop; returns how many rows were new there.

    Without Kafka the outbox is the log, and each of its rows is kept when it goes.
    """
    if not settings.KAFKA_BOOTSTRAP_SERVERS:
        return 0
    before = (now or timezone.now()) - how_long.PROFILES_UNKEPT
    return profile_base.keep_profiles(written_before=before)


def _prune_outbox(before: datetime, pruned: Pruned) -> None:
    after_seq = -1
    while True:
        with write_turn(), transaction.atomic():
            let_writers_in()
            records = due.done_before(before, after_seq=after_seq, limit=CHUNK_ROWS)
            if not records:
                return
            after_seq = records[-1].seq or 0
            traced = _traced(records)
            _keep_words(traced)
            # Locked no sooner: whoever locks listeners and rows of the outbox does so in this
            # order. Nobody but us changes rows that are done.
            due.delete_done([record.seq or 0 for record in traced], before)
        pruned.outbox += len(traced)
        pruned.untraced += len(records) - len(traced)


def _traced(records: Sequence[Record]) -> list[Record]:
    """Those whose id stands among the applied ones or the dead letters."""
    ids = [record.own_id for record in records]
    found = {
        event_id.hex
        for table in (AppliedEvent, DeadLetter)
        for event_id in table._default_manager.filter(event_id__in=ids).values_list(
            "event_id", flat=True
        )
    }
    return [record for record in records if record.own_id in found]


def _keep_words(records: Sequence[Record]) -> None:
    """Keep in the base what the records say, of those that have had their effect."""
    events = [(record, parse(record)) for record in records]
    aside = put_aside([record.own_id for record in records])
    profile_base.keep(
        [
            as_judgement(event)
            for record, event in events
            if isinstance(event, Event) and (event.event_id, raw_digest(record.raw)) not in aside
        ]
    )


def _prune_ids(before: datetime) -> int:
    """Delete applied ids of before a moment of which no row of the outbox is left; how many.

    SQLite has no index by time, which each like would pay for: rows stand there in the order in
    which they were made, so a chunk without old ones is the end of them. What must stay is passed
    by, however much there is. Postgres has an index that costs next to nothing.
    """
    old = AppliedEvent.objects.filter(applied_at__lt=before)
    ours = OutboxEvent.objects.values("event_id")
    if connection.vendor != "sqlite":
        return _in_chunks(lambda: old.exclude(event_id__in=ours))
    total, after_row = 0, 0
    while True:
        with write_turn(), transaction.atomic():
            after_row, ids = _next_ids(after_row)
            in_chunk = old.filter(event_id__in=ids)
            if not in_chunk.exists():
                return total
            total += in_chunk.exclude(event_id__in=ours).delete()[0]


def _next_ids(after_row: int) -> tuple[int, list[str]]:
    """The ids of a chunk of rows after a row of SQLite's, and the last row of the chunk."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rowid, event_id FROM applied_event WHERE rowid > %s ORDER BY rowid LIMIT %s",
            [after_row, CHUNK_ROWS],
        )
        rows = cursor.fetchall()
    return (rows[-1][0] if rows else after_row), [event_id for _, event_id in rows]


def _settled_letters(before: datetime) -> QuerySet[DeadLetter]:
    """Letters that were settled before a moment. One in conflict is when it is put aside."""
    closed = (DeadLetter.State.REPLAYED, DeadLetter.State.DISCARDED)
    in_conflict = Q(state=DeadLetter.State.OPEN, reason=Reason.ID_CONFLICT, created_at__lt=before)
    return DeadLetter.objects.filter(Q(state__in=closed, resolved_at__lt=before) | in_conflict)


def _in_chunks(rows: Callable[[], QuerySet[Any]]) -> int:
    """Delete rows a chunk at a time; returns how many."""
    total = 0
    while True:
        with write_turn(), transaction.atomic():
            chosen = list(rows().values_list("pk", flat=True)[:CHUNK_ROWS])
            table: type[Model] = rows().model
            deleted, _ = table._default_manager.filter(pk__in=chosen).delete()
        total += deleted
        if len(chosen) < CHUNK_ROWS:
            return total
