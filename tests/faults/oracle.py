"""Holds what was promised against what the database says, after a fault.

lost     acknowledged, and neither applied nor put aside
twice    a second effect of one event: a profile written twice by it, its id claimed twice, a
         revision raised without a change, a part of the log applied twice, more effects of
         unanswered requests than there were requests, or consumers that count more than there is
wrong    a pair whose profile does not hold its last word, or that nobody spoke of; a profile
         that went back to an earlier word on the way
gaps     records that were read and neither applied, put aside nor known as repeated

so that all that was read is accounted for: consumed = applied + repeated + put aside.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from tests.faults.audit import Note, notes
from tests.faults.database import Database, hex_of
from tests.faults.journal import Journal, Pair, Said

SHOWN: Final = 3


@dataclass
class Verdict:
    """What the oracle found. problems: in words, with a few of the events each."""

    acknowledged: int = 0
    unanswered: int = 0
    consumed: int = 0
    applied: int = 0
    repeated: int = 0
    dead: int = 0
    lost: int = 0
    twice: int = 0
    wrong: int = 0
    gaps: int = 0
    problems: list[str] = field(default_factory=list)

    def blame(self, what: str, found: Collection[object]) -> int:
        """Note what was found, if anything was; returns how many."""
        if found:
            some = ", ".join(str(each) for each in list(found)[:SHOWN])
            self.problems.append(f"{len(found)} {what}: {some}")
        return len(found)


@dataclass(frozen=True)
class _Seen:
    """The database's half."""

    outbox: list[Said]
    finals: dict[Pair, int]
    claimed: set[str]
    put_aside: list[str]
    notes: list[Note]


def judge(
    journal: Journal,
    database: Database,
    *,
    log: Sequence[str] | None = None,
    counted: Iterable[int] = (),
    finals: Mapping[Pair, int] | None = None,
) -> Verdict:
    """Judge a database that has come to rest.

    log: all records that the broker holds, where one does and has never forgotten any; those
        that say the same event are the same text (broker_log.py).
    counted: what each consumer that ended in order says that it has applied.
    finals: what the profiles must hold, where the journal's order does not say it.
    """
    seen, words = _look(database), journal.words()
    verdict = Verdict(
        acknowledged=sum(bool(said.event_id) for said in words),
        unanswered=sum(not said.event_id for said in words),
        applied=len(seen.claimed),
        dead=len(seen.put_aside),
    )
    _look_for_lost(verdict, words, seen)
    _look_for_second_effects(verdict, seen.notes)
    _look_for_phantoms(verdict, words, seen)
    allowed = {pair: {value} for pair, value in (finals or {}).items()} or _finals(words, seen)
    _look_at_finals(verdict, allowed, seen)
    _look_at_places(verdict, seen.notes)
    _balance(verdict, seen, log)
    more = sum(counted) - verdict.applied
    if more > 0:
        verdict.twice += verdict.blame("more applied by the consumers' counts", range(more))
    return verdict


def _look(database: Database) -> _Seen:
    finals = database.query(
        "SELECT user_id, song_id, value FROM user_profile"
        " JOIN listener ON listener.id = user_profile.listener_id"
    )
    aside = "SELECT event_id FROM dead_letter WHERE state <> 'replayed' AND source <> 'api'"
    return _Seen(
        outbox=[
            _said(event_id, payload)
            for event_id, payload in database.query(
                "SELECT event_id, payload FROM outbox ORDER BY seq"
            )
        ],
        finals={(user_id, song_id): value for user_id, song_id, value in finals},
        claimed=set(database.ids("SELECT event_id FROM applied_event")),
        put_aside=database.ids(aside),
        notes=notes(database),
    )


def _said(event_id: object, payload: bytes) -> Said:
    try:
        message = json.loads(bytes(payload))
        said = message["user_id"], message["song_id"], message.get("action", "like")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        # Rubbish that a test has put there.
        said = "", "", ""
    return Said(*said, hex_of(event_id))


def _look_for_lost(verdict: Verdict, words: Sequence[Said], seen: _Seen) -> None:
    promised = {said.event_id for said in words if said.event_id}
    verdict.lost = verdict.blame("lost", promised - seen.claimed - set(seen.put_aside))


def _look_for_second_effects(verdict: Verdict, found: Sequence[Note]) -> None:
    written: Counter[str] = Counter()
    claimed: Counter[str] = Counter()
    last_word: dict[str, tuple[int, str]] = {}
    changed: set[str] = set()
    went_back, raised_for_nothing = [], []
    for note in found:
        if note.what == "applied":
            claimed[note.event_id] += 1
        elif note.what == "profile":
            written[note.event_id] += 1
            word = (note.after, note.event_id)
            if word < last_word.get(note.who, word):
                went_back.append(note.who)
            last_word[note.who] = word
            changed.add(note.who.partition("/")[0])
        elif note.what == "revision":
            if note.who not in changed or note.after <= (note.before or 0):
                raised_for_nothing.append(note.who)
            changed.discard(note.who)
    verdict.twice += verdict.blame("wrote a profile twice", _repeated(written))
    verdict.twice += verdict.blame("were claimed twice", _repeated(claimed))
    verdict.twice += verdict.blame("revisions raised without a change", raised_for_nothing)
    verdict.wrong += verdict.blame("pairs went back to an earlier word", went_back)


def _repeated(counts: Counter[str]) -> list[str]:
    return [event_id for event_id, count in counts.items() if count > 1]


def _look_for_phantoms(verdict: Verdict, words: Sequence[Said], seen: _Seen) -> None:
    """What stands in the outbox unacknowledged must be one of the requests without an answer."""
    promised = {said.event_id for said in words if said.event_id}
    open_requests = Counter((*said.pair, said.action) for said in words if not said.event_id)
    put_aside, phantoms = set(seen.put_aside), []
    for said in seen.outbox:
        request = (*said.pair, said.action)
        if said.event_id in promised or said.event_id in put_aside:
            continue
        open_requests[request] -= 1
        if open_requests[request] < 0:
            phantoms.append(said)
    verdict.twice += verdict.blame("more effects than requests", phantoms)


def _finals(words: Sequence[Said], seen: _Seen) -> dict[Pair, set[int | None]]:
    """What each pair may hold: its last word, or that of a later request without an answer."""
    allowed: dict[Pair, set[int | None]] = defaultdict(lambda: {None})
    # A letter may bring the id of an event that had its effect, to say something else.
    put_aside = set(seen.put_aside) - seen.claimed
    for said in words:
        if not said.event_id:
            allowed[said.pair].add(said.value)
        elif said.event_id not in put_aside:
            allowed[said.pair] = {said.value}
    return allowed


def _look_at_finals(
    verdict: Verdict, allowed: Mapping[Pair, Collection[int | None]], seen: _Seen
) -> None:
    pairs = allowed.keys() | seen.finals.keys()
    wrong = [pair for pair in pairs if seen.finals.get(pair) not in allowed.get(pair, ())]
    verdict.wrong += verdict.blame("pairs without their last word", wrong)


def _look_at_places(verdict: Verdict, found: Sequence[Note]) -> None:
    """Within one epoch a position only grows; what it has grown by was read."""
    moves: dict[tuple[str, int], list[Note]] = defaultdict(list)
    for note in found:
        if note.what == "moved":
            moves[note.who, note.epoch].append(note)
    again = []
    for (place, _), moved in moves.items():
        for earlier, later in pairwise(moved):
            verdict.consumed += later.after - earlier.after
            if later.after <= earlier.after:
                again.append(place)
    verdict.twice += verdict.blame("times a position went back", again)
    if not moves:
        verdict.consumed = sum(note.what == "done" for note in found)


def _balance(verdict: Verdict, seen: _Seen, log: Sequence[str] | None) -> None:
    """Account for all that was read, and for all that was to be read."""
    waiting = {said.event_id for said in seen.outbox} - seen.claimed - set(seen.put_aside)
    verdict.blame("still without an effect", waiting)
    verdict.repeated = verdict.consumed - verdict.applied - verdict.dead
    if any(note.what == "moved" for note in seen.notes):
        # Where the broker has forgotten a log, nobody can say how often it held an event.
        expected = verdict.repeated if log is None else len(log) - len(set(log))
    else:
        expected = 0
    if log is not None and verdict.consumed != len(log):
        verdict.problems.append(f"of {len(log)} records {verdict.consumed} were read")
    verdict.gaps = max(0, verdict.repeated - expected)
    if verdict.repeated < 0 or verdict.repeated != expected:
        verdict.problems.append(
            f"consumed {verdict.consumed} is not applied {verdict.applied} + repeated"
            f" {expected} + put aside {verdict.dead}"
        )
