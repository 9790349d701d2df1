"""Where a like is acknowledged: one commit, and it is never lost again.

Nothing here waits for Kafka. What is accepted stands in the database of the profiles, in the
order in which it was said, and leaves it only long after it has had its effect.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from django.db import connection, transaction

from access.callers import Caller
from feedback import outbox_rows
from feedback.clock import as_datetime, now_us, to_ms
from feedback.events import LAST_SEQ, Event, Record, content_digest, encode, parse
from feedback.fields import ACTIONS
from feedback.group_commit import GroupCommit
from feedback.letters import Letter, keep
from feedback.models import AppliedEvent, OutboxEvent, OutboxSequence
from feedback.pairs import Pair
from feedback.reasons import Reason, Refusal
from recommendations import forgotten
from recommendations.write_turns import write_turn

# The name space of the ids made from what clients send; changing it would forget every repeat.
CLIENT_IDS: Final = uuid.UUID("3b7a4f0e-6f0b-5d0e-9a63-2f6c1f9f5a11")

# How far ahead of the clock, and of all that was issued, a profile may be and still be followed:
# records bring times of at most about an hour, a clock or a backup may add to that.
MAX_HELD_AHEAD_US: Final = 24 * 3_600 * 1_000_000

# How far ahead of the clock a barrier may be. Of what a broker refuses as too late the record gets
# a time 50 minutes ahead of the relay's clock (relay.MAX_AHEAD_MS). If that were below the barrier,
# the word would count as said before it. The rest is for what clocks of machines lie apart.
MAX_BARRIER_AHEAD_US: Final = 30 * 60 * 1_000_000

# How many wishes share a commit at most: what everybody in it waits for.
MOST_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for, its fields checked one by one.

    occurred_at_us: when it happened, if the client says so (it was offline).
    client_id: the client's own id of it or its Idempotency-Key; a repeat has no second effect.
    """

    user_id: str
    song_id: str
    action: str
    occurred_at_us: int | None = None
    client_id: str | None = None

    @property
    def pair(self) -> Pair:
        """The user and the song."""
        return self.user_id, self.song_id

    @property
    def content(self) -> bytes:
        """What it says, as a digest."""
        return content_digest(self.user_id, self.song_id, ACTIONS[self.action], self.occurred_at_us)


@dataclass(frozen=True, slots=True)
class Accepted:
    """It is kept. event_id: 32 hex digits, the same for a repeat as the first time."""

    event_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It is not kept."""

    event_id: str
    reason: Refusal


# The wishes of one request, with the ids that their events have.
_Asked = Sequence[tuple[Wish, str]]


def accept(caller: Caller, wishes: Sequence[Wish]) -> list[Accepted | Refused]:
    """Write the wishes into the outbox, all in one commit; one answer for each, in their order.

    Threads that ask at the same time share one commit; each gets the answers that it would have
    got alone, in some order of all. Raises an error that ``is_away`` when the database is that.
    Nothing is kept where it is locked, full or read-only; where a connection breaks, or the thread
    that was to commit does not answer, it may be.
    """
    if not wishes:
        return []
    asked = [(wish, _event_id(caller, wish)) for wish in wishes]
    # Inside somebody's transaction the commit is theirs, and not for a leader to make.
    if connection.in_atomic_block:
        return _enter([asked])[0]
    return _group.submit(asked, len(asked))


def _enter(requests: Sequence[_Asked]) -> list[list[Accepted | Refused]]:
    """Enter the wishes of many requests, in one transaction; one list of answers for each."""
    with transaction.atomic():
        books = _Books([each for asked in requests for each in asked])
        answers = [[books.enter(wish, event_id) for wish, event_id in asked] for asked in requests]
        books.write()
    return answers


_group: Final = GroupCommit(_enter, MOST_AT_ONCE, partial(write_turn, before_backlogs=True))


def issue_barrier() -> int:
    """A seq that no event has, in the caller's transaction.

    All that was accepted before can be seen from here on, and all that is accepted later has a
    greater one. In whole milliseconds, as the times of records are: rounded up, one of before
    could otherwise come to lie behind it.
    """
    barrier = to_ms(max(outbox_rows.lock_last_seq() + 1, now_us())) * 1_000
    OutboxSequence.objects.update(last_seq=barrier)
    return barrier


class _Books:
    """One commit's worth of entries, and what must be known to make them."""

    def __init__(self, asked: _Asked) -> None:
        # Locked before anything is looked up: of two requests with one id, the second waits here
        # and then sees the first.
        self.last_seq = outbox_rows.lock_last_seq()
        self.now_us = now_us()
        self.recorded_at = as_datetime(self.now_us)
        self._recorded_at = connection.ops.adapt_datetimefield_value(self.recorded_at)
        self.said = _said_before(event_id for wish, event_id in asked if wish.client_id)
        self.known = outbox_rows.look_up([wish.pair for wish, _ in asked])
        self.barriers = {}
        if self.known.anybody_forgotten:
            self.barriers = forgotten.barriers({wish.user_id for wish, _ in asked})
        self.rows: list[outbox_rows.Row] = []
        self.conflicts: list[Letter] = []

    def enter(self, wish: Wish, event_id: str) -> Accepted | Refused:
        """Enter one wish, or say why not."""
        before = self.said.get(event_id)
        if before is not None:
            return self._repeat(wish, event_id, same=before == wish.content)
        if not self._song_is_known(wish):
            return Refused(event_id, Refusal.UNKNOWN_SONG)
        barrier, own_time = self.barriers.get(wish.user_id, -1), wish.occurred_at_us
        if own_time is not None and own_time <= barrier:
            return Refused(event_id, Refusal.FORGOTTEN)
        if barrier > self.now_us + MAX_BARRIER_AHEAD_US:
            return Refused(event_id, Refusal.FORGOTTEN_AHEAD)
        seq = self._next_seq(wish)
        if seq is None:
            return Refused(event_id, Refusal.HELD_AHEAD)
        self.last_seq = seq
        if wish.client_id is not None:
            self.said[event_id] = wish.content
        self.rows.append(self._row(wish, event_id, seq))
        return Accepted(event_id)

    def write(self) -> None:
        """Write all entries."""
        if self.rows:
            outbox_rows.write(self.rows)
        keep(self.conflicts, self.recorded_at)

    def _repeat(self, wish: Wish, event_id: str, *, same: bool) -> Accepted | Refused:
        if same:
            return Accepted(event_id)
        self.conflicts.append(_conflict(wish, event_id, self.now_us))
        return Refused(event_id, Refusal.ID_CONFLICT)

    def _song_is_known(self, wish: Wish) -> bool:
        # What was said of a song that has left the catalogue since can still be taken back.
        withdraws = wish.action == "unlike" and wish.pair in self.known.keys
        return withdraws or wish.song_id in self.known.songs

    def _next_seq(self, wish: Wish) -> int | None:
        """Later than the clock, than all that was issued and than what the profile holds.

        Without the second a clock that is set back, and without the third a restored backup,
        would make new likes lose against old ones. None where the profile holds what no clock of
        ours can have written: followed, it would take the seqs of all users along. A forget
        marker holds as a profile does.
        """
        seq = max(self.now_us, self.last_seq + 1)
        # With a time of its own it takes its place there, whatever the profile holds.
        held = self.known.keys.get(wish.pair, 0) if wish.occurred_at_us is None else 0
        held = max(held, self.barriers.get(wish.user_id, 0))
        if held < seq:
            return seq if seq <= LAST_SEQ else None
        return held + 1 if held < self.now_us + MAX_HELD_AHEAD_US else None

    def _row(self, wish: Wish, event_id: str, seq: int) -> outbox_rows.Row:
        own_time = wish.occurred_at_us
        payload = encode(
            event_id=event_id,
            user_id=wish.user_id,
            song_id=wish.song_id,
            action=wish.action,
            occurred_at_us=self.now_us if own_time is None else own_time,
            # What happened while the phone was offline keeps its place in time: with a seq it
            # would beat everything said since.
            seq=seq if own_time is None else None,
        )
        return outbox_rows.Row(
            seq, event_id, wish.user_id, wish.song_id, payload, self._recorded_at
        )


def _event_id(caller: Caller, wish: Wish) -> str:
    if wish.client_id is None:
        return uuid.uuid4().hex
    # The lengths keep ("a", "bc") and ("ab", "c") apart.
    parts = (caller.name, wish.user_id, wish.client_id)
    return uuid.uuid5(CLIENT_IDS, "".join(f"{len(part)}:{part}" for part in parts)).hex


def _said_before(event_ids: Iterable[str]) -> dict[str, bytes]:
    """The content of every id that was accepted or applied before, by id."""
    wanted = list(event_ids)
    if not wanted:
        return {}
    applied = AppliedEvent.objects.filter(event_id__in=wanted).values_list("event_id", "content")
    said = {event_id.hex: bytes(content) for event_id, content in applied}
    kept = OutboxEvent.objects.filter(event_id__in=wanted).values_list("event_id", "payload")
    for event_id, payload in kept:
        event = parse(Record(bytes(payload), 0, event_id.hex))
        if isinstance(event, Event):
            said[event_id.hex] = event.content
    return said


def _conflict(wish: Wish, event_id: str, at_us: int) -> Letter:
    """The refused wish as a dead letter: the same bytes however often it is sent."""
    raw = encode(
        event_id=event_id,
        user_id=wish.user_id,
        song_id=wish.song_id,
        action=wish.action,
        occurred_at_us=wish.occurred_at_us,
        seq=None,
    )
    return Letter(
        record=Record(raw, at_us, event_id, key=wish.user_id.encode()),
        event_id=event_id,
        reason=Reason.ID_CONFLICT,
        error="the id was used for another event",
        user_id=wish.user_id,
        song_id=wish.song_id,
    )
