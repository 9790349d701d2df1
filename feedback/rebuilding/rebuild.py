"""The profiles made anew from the base and the log, beside the live ones, and put in their place.

Nothing stops for it. What has its effect meanwhile is read in rounds. Then those listeners whose
live profiles differ are finished, some at a time: only then other writers of profiles are kept
out, while the last that had its effect is read and the rows are written over. The order alone
decides which word of a pair stands, so that reading the log again gives what reading it live gave.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from typing import Final

from django.db import transaction
from django.utils import timezone

from feedback.applying import as_judgement
from feedback.events import Event, Record, parse
from feedback.forgetting import unsaid
from feedback.forgetting.deletion import obey_ledger
from feedback.letters import put_aside, raw_digest
from feedback.rebuilding.history import History, HistoryChanged
from feedback.rebuilding.opening import open_histories
from feedback.standing_letters import Message, names
from recommendations import profile_shadow as shadow
from recommendations.leases import Hold, lease
from recommendations.profile_shadow import Differences
from recommendations.profiles import keep_writers_out, let_writers_in
from recommendations.word_tables import chunks
from recommendations.write_turns import write_turn

logger = logging.getLogger(__name__)

LEASE: Final = "rebuild"
LEASE_SECONDS: Final = 30.0
# How far clocks of machines may lie apart that write the base while it is read.
CLOCKS_APART: Final = timedelta(minutes=5)
BATCH_RECORDS: Final = 500
# Epochs begin rarely, and consumers seldom outrun what was looked ahead.
TRIES: Final = 5
WHY_LEFT_OUT: Final = ("unreadable", "dead letters", "repeated", "forgotten")

Progress = Callable[[str, int], object]
Finish = Callable[[Sequence[int]], Differences]


class RebuildGaveUp(Exception):
    """The log changed, or consumers were ahead, at every try."""


@dataclass
class Rebuilt:
    """What a rebuild has read and found.

    believed: live rows that nothing else tells of, written when the log that is left had not begun.
    left_out: records without effect by why. longest_alone_seconds: the longest time for which other
    writers of profiles were kept out.
    """

    base_rows: int = 0
    records: int = 0
    believed: int = 0
    left_out: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WHY_LEFT_OUT, 0))
    differences: Differences = field(default_factory=Differences)
    seconds: float = 0.0
    longest_alone_seconds: float = 0.0


def rebuild(*, progress: Progress = lambda _what, _count: None) -> Rebuilt:
    """Make user_profile anew while everything runs.

    Raises LeaseTaken where another does so, HistoryMissing, LogUnavailable, RebuildGaveUp or
    LedgerUnreadable. However it ends, each listener's profile is whole: as it was, or rebuilt.
    """
    # The base of a restored backup may hold users who were forgotten since.
    obey_ledger()
    return _at_last(shadow.replace, progress)


def differences(*, progress: Progress = lambda _what, _count: None) -> Rebuilt:
    """What ``rebuild`` would change, without changing it. Raises as it does."""
    return _at_last(shadow.compare, progress)


def _at_last(finish: Finish, progress: Progress) -> Rebuilt:
    with lease(LEASE, ttl_seconds=LEASE_SECONDS) as hold:
        for _ in range(TRIES):
            try:
                with _attempt(hold, progress) as attempt:
                    return attempt.run(finish)
            except HistoryChanged:
                logger.warning("the log became another one in the middle: beginning again")
    raise RebuildGaveUp("the log became another one at every try; try again when it has settled")


@contextmanager
def _attempt(hold: Hold, progress: Progress) -> Iterator["_Attempt"]:
    """One attempt, and an empty shadow before and after it."""
    shadow.clear()
    last_listener = shadow.last_listener_id()
    histories: list[History] = []
    try:
        histories += open_histories()
        yield _Attempt(hold, histories, progress)
    finally:
        for history in histories:
            history.close()
        shadow.clear()
        # A dry run, or an attempt that failed, leaves nothing behind.
        shadow.drop_new_listeners(last_listener)


class _Attempt:
    def __init__(self, hold: Hold, histories: Sequence[History], progress: Progress) -> None:
        self._hold = hold
        self._histories = histories
        self._progress = progress
        self._began_at = timezone.now() - CLOCKS_APART
        self._began = time.monotonic()
        self._report = Rebuilt()
        # Ids of events whose order depends on the record: of two records the first counts.
        self._first_counts: set[str] = set()

    def run(self, finish: Finish) -> Rebuilt:
        """Fill the shadow, and finish it with the listeners whose profiles differ from it."""
        self._report.base_rows = shadow.fill_from_base()
        self._progress("base", self._report.base_rows)
        self._round()
        # What the first round took long to read others have left behind meanwhile.
        self._round()
        cut_at = max((h.cut_at for h in self._histories if h.cut_at is not None), default=None)
        if cut_at is not None:
            self._report.believed = shadow.believe_live(cut_at)
        # Whoever does not differ now need not be looked at again: what comes is applied live.
        suspects = sorted(shadow.listeners_that_differ())
        for listener_ids in chunks(suspects, shadow.MOST_LISTENERS):
            self._finish(listener_ids, finish)
        self._report.seconds = time.monotonic() - self._began
        return self._report

    def _round(self) -> None:
        """Read what is new."""
        for history in self._histories:
            for records in history.round():
                for batch in chunks(records, BATCH_RECORDS):
                    with write_turn(), transaction.atomic():
                        self._add(batch)
                self._progress("log", self._report.records)

    def _finish(self, listener_ids: Sequence[int], finish: Finish) -> None:
        """Finish some listeners, in one transaction."""
        for _ in range(TRIES):
            for history in self._histories:
                history.look_ahead()
            if self._finished(listener_ids, finish):
                return
        raise RebuildGaveUp("the consumers were ahead at every try; try again under less load")

    def _finished(self, listener_ids: Sequence[int], finish: Finish) -> bool:
        """Be alone, read the rest and finish; False if consumers have come too far for that."""
        with write_turn(), transaction.atomic():
            keep_writers_out()
            if not self._hold.renew():
                raise RebuildGaveUp("another rebuild began while this one stood still")
            alone_since = time.monotonic()
            rests = [history.rest() for history in self._histories]
            for batch in chain.from_iterable(chunks(rest or [], BATCH_RECORDS) for rest in rests):
                self._add(batch)
            if None in rests:
                return False
            shadow.add_from_base(listener_ids, self._began_at)
            self._report.differences.add(finish(listener_ids))
        alone = time.monotonic() - alone_since
        self._report.longest_alone_seconds = max(self._report.longest_alone_seconds, alone)
        return True

    def _add(self, records: Sequence[Record]) -> None:
        """Merge the records that count into the shadow, in the caller's transaction."""
        let_writers_in()
        self._report.records += len(records)
        parsed = [(record, parse(record)) for record in records]
        gone = unsaid.among(parsed)
        self._report.left_out["forgotten"] += len(gone)
        events = [
            (record, outcome)
            for at, (record, outcome) in enumerate(parsed)
            if at not in gone and isinstance(outcome, Event)
        ]
        self._report.left_out["unreadable"] += len(parsed) - len(gone) - len(events)
        aside = put_aside({each for record, event in events for each in names(record, event)})
        counting = [
            event
            for record, event in events
            if self._counts(record, event, is_aside=_is_among(aside, record, event))
        ]
        shadow.add([as_judgement(event) for event in counting])

    def _counts(self, record: Record, event: Event, *, is_aside: bool) -> bool:
        """Whether a record has an effect: no dead letter, and the first that places its event.

        Events nearly always bring their place in the order, and the same one however often they
        are sent. Of one that does not the first record counted, as it did live.
        """
        if is_aside:
            self._report.left_out["dead letters"] += 1
            return False
        if not event.clamped and event.order_key != record.time_us:
            return True
        if event.event_id in self._first_counts:
            self._report.left_out["repeated"] += 1
            return False
        self._first_counts.add(event.event_id)
        return True


def _is_among(aside: set[Message], record: Record, event: Event) -> bool:
    digest = raw_digest(record.raw) if aside else ""
    return any((each, digest) in aside for each in names(record, event))
