"""Stopping when nearly all that is read would be put aside.

A message that cannot be applied is one dead letter, and reading goes on. When nearly every message
is one, the fault is more likely here: a bad deploy, or a catalogue that is not loaded. Going on
would put the whole log aside, and the mended program would find nothing left to read. So the batch
that crosses a limit is rolled back, and the process ends.

What starts it again must not eat on bit by bit, so the stop is stored with its counts, and the next
consumer takes them up: it goes on only when what comes now can be applied.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from django.conf import settings
from django.utils import timezone

from feedback.events import Record
from feedback.letters import Letter, in_words
from feedback.models import ConsumerStop
from recommendations.write_turns import write_turn

# A record that was put aside, and one that was not, in the row of the last ones.
DEAD: Final = b"\1"
FINE: Final = b"\0"

WHAT_TO_DO: Final = (
    "Nothing of the last batch was applied, put aside or passed over. Mend the program or load"
    " what is missing (manage.py dead_letters shows what was put aside before) and start"
    " consume_likes again: it goes on from here. If the log truly is full of rubbish:"
    " manage.py consume_likes --accept-poison"
)


class Poisoned(Exception):
    """Nearly everything would be put aside; the batch must be rolled back. Says it in words.

    stop: what is to be stored, for the next consumer to go on from.
    """

    def __init__(self, stop: ConsumerStop) -> None:
        super().__init__(f"{stop.message}. {WHAT_TO_DO}")
        self.stop = stop


@dataclass(frozen=True, slots=True)
class Limits:
    """More than so many in a row, or than this share of the last ``window``; 0 is no limit."""

    in_a_row: int
    share: float
    window: int

    @property
    def of_window(self) -> float:
        """How many of the window may be put aside.

        A window that is not full yet has the same: a few bad messages at the start of a small log
        are a large share of it, and no sign of anything.
        """
        return self.share * self.window


def set_limits() -> Limits:
    """The limits that the settings name."""
    return Limits(settings.POISON_IN_A_ROW, settings.POISON_SHARE, settings.POISON_WINDOW)


NO_LIMITS: Final = Limits(0, 0.0, 0)
# After a stop, where no share is set: with less than this of what comes next it is over.
BEARABLE_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Counts:
    """What one consumer has read.

    in_a_row: how many were put aside at the end, in a row.
    recent: a byte for each of the last ones, DEAD or FINE, oldest first.
    since: where a stop was taken up, how many were read since; None where none was, or where that
        is long ago. dead_since: how many of them were put aside.
    """

    in_a_row: int = 0
    recent: bytes = b""
    since: int | None = None
    dead_since: int = 0


class PoisonGuard:
    """Counts what one consumer reads, and stops it. Everything is judged batch by batch."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._counts = self._next = Counts()
        self._stop: ConsumerStop | None = None
        self._began = False

    def judge(self, records: Sequence[Record], put_aside: Sequence[Letter]) -> None:
        """Look at a batch, in its transaction. Raises Poisoned, and the batch must not stand.

        put_aside: the letters that would be new. Messages that were put aside before, and are
            read again, are no news.
        """
        self._take_up()
        flags = _flags(records, put_aside)
        counts = self._read(flags)
        rows = (DEAD * self._row_before(counts) + flags).split(FINE)
        self._next = replace(counts, in_a_row=len(rows[-1]))
        longest = max(map(len, rows))
        if put_aside and (crossed := self._crossed(longest)):
            raise Poisoned(self._new_stop(crossed, longest, put_aside))
        if self._stop is not None:
            # Only the one that was taken up: another consumer may have stopped since.
            ConsumerStop.objects.filter(stopped_at=self._stop.stopped_at).delete()

    def passed(self) -> None:
        """The transaction of the batch that was judged last stands."""
        self._counts, self._stop = self._next, None

    def _take_up(self) -> None:
        """Before the first batch: go on counting where the last consumer stopped, if one did."""
        if self._began:
            return
        self._stop = ConsumerStop.objects.first()
        if self._stop is not None:
            self._counts = Counts(self._stop.dead_in_a_row, _spread(self._stop), since=0)
        self._began = True

    def _read(self, flags: bytes) -> Counts:
        before, window = self._counts, self._limits.window
        recent = (before.recent + flags)[-window:] if window else b""
        if before.since is None or before.since >= max(window, self._limits.in_a_row):
            return Counts(recent=recent)
        dead_since = before.dead_since + flags.count(DEAD)
        return Counts(recent=recent, since=before.since + len(flags), dead_since=dead_since)

    def _row_before(self, counts: Counts) -> int:
        """How long the row is that a batch goes on with if it begins with a dead letter.

        A row from before the stop goes on only if the batch does: any batch may begin with one
        bad message. Of one that is past the limit no more is needed.
        """
        if self._stop is not None and not self._goes_on(counts):
            return 0
        return min(self._counts.in_a_row, self._limits.in_a_row + 1)

    def _goes_on(self, counts: Counts) -> bool:
        """Whether it goes on as before the stop, if there was one.

        The last ones are full of dead letters from before it, of which nothing can be learnt.
        """
        bearable = self._limits.share or BEARABLE_SHARE
        return counts.since is None or counts.dead_since > bearable * counts.since

    def _crossed(self, longest: int) -> str:
        """The limit that is crossed, in words; "" when none is."""
        limits, counts = self._limits, self._next
        if limits.in_a_row and longest > limits.in_a_row:
            return f"more than {limits.in_a_row:,} messages in a row"
        most = limits.of_window
        if most and counts.recent.count(DEAD) > most and self._goes_on(counts):
            return f"more than {limits.share:.4g} of the last {limits.window:,} messages"
        return ""

    def _new_stop(self, crossed: str, longest: int, put_aside: Sequence[Letter]) -> ConsumerStop:
        """The stop to be stored. One that was taken up, and is not over, keeps its counts."""
        stop, recent = self._stop, self._next.recent
        if stop is None:
            stop = ConsumerStop(
                stopped_at=timezone.now(),
                dead_in_a_row=longest,
                recent_dead=recent.count(DEAD),
                recent=len(recent),
            )
        reasons = Counter(letter.reason.value for letter in put_aside).most_common()
        stop.message = (
            f"{crossed} would be put aside, stopped since {stop.stopped_at:%Y-%m-%d %H:%M:%S} UTC;"
            f" in the last batch {', '.join(f'{reason} {number}' for reason, number in reasons)},"
            f" first {in_words(put_aside[0])}"
        )
        return stop


def remember(stop: ConsumerStop) -> None:
    """Store the stop, in place of an earlier one."""
    counts = {name: getattr(stop, name) for name in ("dead_in_a_row", "recent_dead", "recent")}
    told = {"stopped_at": stop.stopped_at, "message": stop.message}
    with write_turn():
        ConsumerStop.objects.update_or_create(id=1, defaults={**told, **counts})


def _flags(records: Sequence[Record], put_aside: Sequence[Letter]) -> bytes:
    if not put_aside:
        return FINE * len(records)
    dead = {letter.record for letter in put_aside}
    return b"".join(DEAD if record in dead else FINE for record in records)


def _spread(stop: ConsumerStop) -> bytes:
    """Records with the counts of a stop, the dead ones spread evenly.

    Where among the last ones they stood is not known any more.
    """
    dead_up_to = [n * stop.recent_dead // max(stop.recent, 1) for n in range(stop.recent + 1)]
    return b"".join(DEAD if a < b else FINE for a, b in pairwise(dead_up_to))
