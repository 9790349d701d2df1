"""How records of a log become judgements in profiles: each once, in any order, in one transaction.

The same code serves Kafka, the outbox and the dead letters. In one commit stand the effect, the
id that has had it, the letters put aside, the marks in the outbox and the position in the log;
with any of them in another commit a crash in between would lose events or apply them twice.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from feedback import due, how_long, standing_letters
from feedback.events import Event, Read, Record, Rejection, parse
from feedback.fields import EPOCH
from feedback.forgetting import unsaid
from feedback.letters import Letter, keep
from feedback.models import AppliedEvent, DeadLetter
from feedback.pairs import known_songs, order_keys
from feedback.reasons import Reason
from feedback.stored_ids import as_hex
from recommendations import profile_base
from recommendations.profiles import Judgement, let_writers_in, merge_judgements
from recommendations.write_turns import write_turn


@dataclass(slots=True)
class Tally:
    """What became of records: each is counted once as applied, repeated, dead or forgotten.

    clamped: how many of the applied came with a clock too far ahead.
    forgotten: dropped without a trace, since their users were forgotten after they were said, or
        their records' times say so.
    """

    applied: int = 0
    repeated: int = 0
    dead: int = 0
    clamped: int = 0
    forgotten: int = 0

    def add(self, other: "Tally") -> None:
        """Count the other's on top."""
        self.applied += other.applied
        self.repeated += other.repeated
        self.dead += other.dead
        self.clamped += other.clamped
        self.forgotten += other.forgotten


class Outcome(NamedTuple):
    """What of records is about to be committed.

    fresh: the events that have an effect. put_aside: the dead letters that were not there before;
    letters: these, and those that were.
    """

    fresh: list[Event]
    put_aside: list[Letter]
    letters: list[Letter]


@dataclass(slots=True)
class Sorted:
    """Records by what is to become of them.

    given_up: how many are dead letters for good. done: ids whose rows in the outbox are done with.
    closed: ids of dead letters that waited, each with the event that has its effect now.
    """

    fresh: list[Event]
    repeated: int
    letters: list[Letter]
    given_up: int
    done: set[str]
    closed: dict[int, Event]


def apply(
    records: Sequence[Record],
    settle: Callable[[], None] = lambda: None,
    judge: Callable[[Outcome], None] = lambda _: None,
) -> Tally:
    """Give the records their effect, in one transaction of their own.

    settle: runs first in that transaction, moves the log's position past the records, and
        raises if somebody else has moved it; then nothing of all this has happened.
    judge: runs last in it, and may raise too.
    """
    parsed = [(record, parse(record)) for record in records]
    with write_turn(), transaction.atomic():
        # Before any row is locked: who keeps writers out may be waiting for just that row.
        let_writers_in()
        settle()
        return have_effect(parsed, timezone.now(), judge)


def have_effect(
    parsed: Sequence[tuple[Record, Event | Rejection]],
    now: datetime,
    judge: Callable[[Outcome], None] = lambda _: None,
) -> Tally:
    """The effect of records that are parsed already.

    In the caller's transaction, which has let_writers_in behind it.
    """
    gone = unsaid.among(parsed)
    found = _sort_out([each for at, each in enumerate(parsed) if at not in gone], now)
    merge_judgements([as_judgement(event) for event in found.fresh])
    leaving = _leaving_the_log(parsed, now)
    if leaving:
        profile_base.keep([as_judgement(e) for e in found.fresh if e.event_id in leaving])
    close_letters(found.closed, now)
    put_aside = keep(found.letters, now)
    _finish([(*parsed[at], barrier) for at, barrier in gone.items()], found.done, now)
    judge(Outcome(found.fresh, put_aside, found.letters))
    clamped = sum(event.clamped for event in found.fresh)
    dead = len(found.letters) + found.given_up
    return Tally(len(found.fresh), found.repeated, dead, clamped, len(gone))


def close_letters(letters: Mapping[int, Event], now: datetime) -> None:
    """Mark dead letters, by their ids, as replayed: these events of theirs have had their effect.

    In the caller's transaction, which has them locked.
    """
    if not letters:
        return
    DeadLetter.objects.filter(id__in=letters).update(
        state=DeadLetter.State.REPLAYED, resolved_at=now
    )
    # The log may have dropped what was read so long ago.
    profile_base.keep([as_judgement(event) for event in letters.values()])


def _finish(
    gone: Sequence[tuple[Record, Event | Rejection, int]], done: set[str], at: datetime
) -> None:
    """Mark what is done with in the outbox, and delete there what was forgotten.

    gone: each with the barrier that it lies below. A row above that was accepted after the
    forgetting, however near the relay had to bring its record's time: it stays due, and is sent
    again until its time is believed. Read from the outbox itself, its time is.
    """
    said = [
        (event_id, record.raw, max(barrier, record.seq or 0))
        for record, outcome, barrier in gone
        for event_id in _ids(record, outcome)
    ]
    if said:
        # Both at once, in the one order: the relay marks the same rows.
        due.lock(done.union(event_id for event_id, _, _ in said))
        due.drop(said)
    due.mark_applied(done, at)


def as_judgement(event: Event) -> Judgement:
    """What an event says, as the profiles take it."""
    return Judgement(event.user_id, event.song_id, event.value, event.order_key, event.event_id)


def _leaving_the_log(parsed: Iterable[tuple[Record, Event | Rejection]], now: datetime) -> set[str]:
    """The ids of what Kafka may drop before the profiles of today are kept in the base.

    Profiles are kept by the time of applying, and Kafka drops records by their own.
    """
    limit_us = (now - how_long.LATE - EPOCH) // timedelta(microseconds=1)
    return {
        outcome.event_id for record, outcome in parsed if record.topic and record.time_us < limit_us
    }


def _ids(record: Record, outcome: Event | Rejection) -> tuple[str, str]:
    """The ids under which the outbox may hold it."""
    return record.own_id, outcome.event_id


def _sort_out(parsed: Sequence[tuple[Record, Event | Rejection]], now: datetime) -> Sorted:
    letters = [
        Letter(record, outcome.event_id, outcome.reason, outcome.error)
        for record, outcome in parsed
        if isinstance(outcome, Rejection)
    ]
    reads, foreign = _ours_and_foreign(
        [Read(record, event) for record, event in parsed if isinstance(event, Event)]
    )
    letters += [letter(each.record, each.event, Reason.ID_CONFLICT) for each in foreign]
    done = {read.event.event_id for read in reads}
    # A message that cannot be read may bring any id. Only as a row of the outbox does it say
    # for certain whose it is.
    done |= {record.own_id for record, _ in parsed if record.seq is not None}
    reads, given_up = standing_letters.meet(reads)
    found = Sorted([], 0, letters, given_up, done, {})
    _decide(reads, found, now)
    return found


def _decide(reads: Sequence[Read], found: Sorted, now: datetime) -> None:
    """Sort what may have an effect: each event whose id is claimed here has it."""
    firsts = _first_of_each_id(reads)
    waiting = _unknown_songs(firsts.values())
    claimed = _claim([e for e in firsts.values() if e.event_id not in waiting], now)
    known = contents_of(firsts.keys() - claimed)
    for record, event, letter_id in reads:
        first = firsts[event.event_id]
        if event.content != known.get(event.event_id, first.content):
            found.letters.append(letter(record, event, Reason.ID_CONFLICT))
            continue
        if event.event_id in known or event is not first:
            found.repeated += 1
        elif event.event_id in waiting:
            found.letters.append(letter(record, event, Reason.UNKNOWN_SONG))
        else:
            found.fresh.append(event)
        if letter_id is not None and (event.event_id in claimed or event.event_id in known):
            found.closed[letter_id] = event


def _ours_and_foreign(reads: Sequence[Read]) -> tuple[list[Read], list[Read]]:
    """Part those from the rest that use the id of a row of the outbox to say something else.

    The id is that of an acknowledged like. If the other event had its effect first, or the row
    counted as done with it, the like would be lost.
    """
    brought = {e.event_id for r, e, _ in reads if r.seq is None or e.event_id != r.own_id}
    payloads = due.payloads(brought)
    ours: list[Read] = []
    foreign: list[Read] = []
    for read in reads:
        payload = payloads.get(read.event.event_id, read.record.raw)
        same = payload == read.record.raw or _content(payload) == read.event.content
        (ours if same else foreign).append(read)
    return ours, foreign


def _content(payload: bytes) -> bytes | None:
    """What a row of the outbox says; neither time nor id of its record have a part in that."""
    event = parse(Record(payload, 0, ""))
    return event.content if isinstance(event, Event) else None


def _first_of_each_id(reads: Sequence[Read]) -> dict[str, Event]:
    firsts: dict[str, Event] = {}
    for _, event, _ in reads:
        firsts.setdefault(event.event_id, event)
    return firsts


def _unknown_songs(events: Iterable[Event]) -> set[str]:
    """The ids of events whose song is not in the catalogue.

    Taking back what was said of a song is possible after the song has gone.
    """
    events = list(events)
    songs = known_songs(event.song_id for event in events)
    unknown = [event for event in events if event.song_id not in songs]
    said = order_keys((e.user_id, e.song_id) for e in unknown if e.value == 0)
    return {e.event_id for e in unknown if e.value != 0 or (e.user_id, e.song_id) not in said}


def _claim(events: Sequence[Event], now: datetime) -> set[str]:
    """Note the ids as applied; return those that were not noted before.

    Sorted, so that two consumers that were given the same events wait for one another instead
    of forming a deadlock.
    """
    if not events:
        return set()
    at = connection.ops.adapt_datetimefield_value(now)
    rows = sorted((event.event_id, event.content, at) for event in events)
    statement = f"""
        INSERT INTO applied_event (event_id, content, applied_at)
        VALUES {", ".join(["(%s, %s, %s)"] * len(rows))}
        ON CONFLICT (event_id) DO NOTHING
        RETURNING event_id
    """  # noqa: S608 - nothing but placeholders goes in
    with connection.cursor() as cursor:
        cursor.execute(statement, [value for row in rows for value in row])
        return {as_hex(event_id) for (event_id,) in cursor.fetchall()}


def contents_of(event_ids: Iterable[str]) -> dict[str, bytes]:
    """What the applied among these ids said."""
    wanted = set(event_ids)
    if not wanted:
        return {}
    rows = AppliedEvent.objects.filter(event_id__in=wanted).values_list("event_id", "content")
    return {event_id.hex: bytes(content) for event_id, content in rows}


def letter(record: Record, event: Event, reason: Reason) -> Letter:
    """An event that is well formed, and about to be put aside."""
    errors = {
        Reason.UNKNOWN_SONG: "the song is not in the catalogue; applied when it is added",
        Reason.ID_CONFLICT: "the event id was used for another event before",
    }
    return Letter(record, event.event_id, reason, errors[reason], event.user_id, event.song_id)
