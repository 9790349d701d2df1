"""Whether every acknowledged like had its effect, or still waits for it."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from feedback.clock import record_time_us
from feedback.events import Event, Record, Rejection, parse
from feedback.fields import EPOCH
from feedback.models import AppliedEvent, DeadLetter, OutboxEvent, OutboxSequence
from feedback.verifying.findings import (
    ROWS_A_READ,
    Finding,
    Look,
    duration,
    pair_in_words,
)
from feedback.verifying.meanings import Code
from recommendations import forgotten
from recommendations.models import Interaction

# The place of a word in the order of all events: its order key, and an event id of 32 hex digits.
Word = tuple[int, str]

# So long a like may wait without a word about it: /readyz says degraded after the same time.
OLD: Final = timedelta(seconds=60)
# The relay gives no record a time further ahead of its clock, whatever the seq.
FAR_AHEAD: Final = timedelta(minutes=50)

EFFECTS: Final = (Code.NOT_IN_PROFILE, Code.EFFECT_OF_ANOTHER, Code.OUTBOX_ALTERED)

_APPLIED: Final = AppliedEvent.objects.filter(event_id=OuterRef("event_id"))
_LETTER: Final = DeadLetter.objects.filter(event_id=OuterRef("event_id"))


def marks_have_an_effect(look: Look) -> Iterator[Finding]:
    """A row marked applied has its id among the applied, or a dead letter, or was forgotten."""
    cases = look.cases()
    marked = OutboxEvent.objects.filter(applied_at__gte=look.ids_kept_since)
    for rows in _pages(marked.exclude(Exists(_APPLIED)).exclude(Exists(_LETTER))):
        forgotten_up_to = forgotten.barriers({row.user_id for row in rows})
        for row in rows:
            outcome = parse(_record(row))
            key = outcome.order_key if isinstance(outcome, Event) else row.seq
            if key > forgotten_up_to.get(row.user_id, -1):
                cases.add(_example(row))
    yield from cases.found(Code.MARKED_WITHOUT_EFFECT)


def effects_are_marked(look: Look) -> Iterator[Finding]:
    """A row whose id is among the applied is marked: in one transaction both were written."""
    cases = look.cases()
    for rows in _pages(OutboxEvent.objects.filter(Exists(_APPLIED), applied_at=None)):
        for row in rows:
            cases.add(_example(row))
    yield from cases.found(Code.EFFECT_WITHOUT_MARK)


def waiting_is_short(look: Look) -> Iterator[Finding]:
    """What waits is no error; what has waited long is told with its age."""
    waiting = OutboxEvent.objects.filter(applied_at=None, recorded_at__lt=look.now - OLD)
    waiting = waiting.exclude(Exists(_APPLIED))
    cases = look.cases()
    unsent, oldest = 0, look.now
    for rows in _pages(waiting):
        for row in rows:
            cases.add(_example(row))
            unsent += row.sent_at is None
            oldest = min(oldest, row.recorded_at)
    yield from cases.found(Code.WAITING, age=duration(look.now - oldest), unsent=f"{unsent:,}")


def sequence_leads(look: Look) -> Iterator[Finding]:
    """The last seq issued is not below one that was issued, nor far ahead of the clock."""
    last_seq = OutboxSequence.objects.values_list("last_seq", flat=True).first() or 0
    later = OutboxEvent.objects.filter(seq__gt=last_seq).order_by("-seq")
    cases = look.cases()
    for row in later.iterator(ROWS_A_READ):
        cases.add(_example(row))
    greatest = later.values_list("seq", flat=True).first()
    yield from cases.found(Code.SEQUENCE_BEHIND, last_seq=last_seq, greatest=greatest)
    ahead = look.cases()
    by = EPOCH + timedelta(microseconds=last_seq) - look.now
    if by > FAR_AHEAD:
        ahead.add(f"last_seq {last_seq}")
    yield from ahead.found(Code.SEQUENCE_AHEAD, ahead=duration(by))


def effects_stand(look: Look) -> Iterator[Finding]:
    """What had its effect stands in the profile, or something later does; rows are as written."""
    cases = {code: look.cases() for code in EFFECTS}
    for rows in _pages(OutboxEvent.objects.annotate(**_WHAT_CAME_OF_IT)):
        for code, row in _wrong(rows):
            cases[code].add(_example(row))
        look.advance(len(rows))
    for code, found in cases.items():
        yield from found.found(code)


# Asked row by row, each by an index: for a page of rows at once Postgres may read all profiles.
_WORD: Final = Interaction.objects.filter(
    listener__user_id=OuterRef("user_id"), song_id=OuterRef("song_id")
)
_WHAT_CAME_OF_IT: Final = {
    "applied_content": Subquery(_APPLIED.values("content")),
    "held_key": Subquery(_WORD.values("order_key")),
    "held_id": Subquery(_WORD.values("event_id")),
}


def _wrong(rows: Sequence[Any]) -> Iterator[tuple[Code, OutboxEvent]]:
    suspects = []
    for row in rows:
        outcome = parse(_record(row))
        content = None if row.applied_content is None else bytes(row.applied_content)
        word = None if row.held_key is None else (row.held_key, row.held_id.hex)
        code = _verdict(row, outcome, content, word)
        if code is Code.OUTBOX_ALTERED:
            yield code, row
        elif code is not None and isinstance(outcome, Event):
            suspects.append((code, row, outcome, word))
    if suspects:
        yield from _without_excuse(suspects)


def _verdict(
    row: OutboxEvent, outcome: Event | Rejection, content: bytes | None, held: Word | None
) -> Code | None:
    if isinstance(outcome, Rejection):
        # Without an effect it becomes a dead letter, which says what is wrong with it.
        return None if content is None else Code.OUTBOX_ALTERED
    said = (outcome.event_id, outcome.user_id, outcome.song_id)
    if said != (row.event_id.hex, row.user_id, row.song_id):
        return Code.OUTBOX_ALTERED
    if content is None:
        return None
    if content != outcome.content:
        return Code.EFFECT_OF_ANOTHER
    if held is None or held < (outcome.order_key, outcome.event_id):
        return Code.NOT_IN_PROFILE
    return None


Suspect = tuple[Code, OutboxEvent, Event, Word | None]


def _without_excuse(suspects: Sequence[Suspect]) -> Iterator[tuple[Code, OutboxEvent]]:
    """The suspects but for what was forgotten, put aside, or had to be set back by the relay."""
    barriers = forgotten.barriers({row.user_id for _, row, _, _ in suspects})
    ids = [row.event_id for _, row, _, _ in suspects]
    put_aside = set(DeadLetter.objects.filter(event_id__in=ids).values_list("event_id", flat=True))
    for code, row, event, held in suspects:
        if event.order_key <= barriers.get(row.user_id, -1):
            continue
        if code is Code.EFFECT_OF_ANOTHER and row.event_id in put_aside:
            continue
        if code is Code.NOT_IN_PROFILE and _was_set_back(row, event, held):
            continue
        yield code, row


def _was_set_back(row: OutboxEvent, event: Event, held: Word | None) -> bool:
    """Whether the event may have had a lower order key than its seq, and what is held is later.

    Through Kafka a seq is believed as far as the record's time, which the relay sets no further
    ahead of its clock than a broker takes: after a clock was set back that is less than the seq.
    """
    if held is None or row.sent_at is None:
        return False
    latest = min(row.recorded_at, row.sent_at) + FAR_AHEAD
    latest_us = (latest - EPOCH) // timedelta(microseconds=1)
    return latest_us < event.order_key and held[0] >= latest_us


def _pages(rows: QuerySet[OutboxEvent]) -> Iterator[list[OutboxEvent]]:
    """The rows in their order, few at a time."""
    last_seq = -1
    while page := list(rows.filter(seq__gt=last_seq).order_by("seq")[:ROWS_A_READ]):
        yield page
        last_seq = page[-1].seq


def _record(row: OutboxEvent) -> Record:
    time_us = record_time_us(row.recorded_at, row.seq)
    return Record(bytes(row.payload), time_us, row.event_id.hex, seq=row.seq)


def _example(row: OutboxEvent) -> str:
    return f"seq {row.seq} event {row.event_id} {pair_in_words(row.user_id, row.song_id)}"
