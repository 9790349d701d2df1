"""The consumer's loop: take a batch, apply it, say so; when something is away, wait and go on."""

import logging
from collections.abc import Callable
from typing import Final

from feedback import dead_letters
from feedback.applying import Outcome, Tally, apply
from feedback.consuming.delays import Delays
from feedback.consuming.poison import NO_LIMITS, Poisoned, PoisonGuard, remember, set_limits
from feedback.consuming.presence import Presence
from feedback.events import Event
from feedback.forgetting import deletion
from feedback.log import Fenced, Log
from feedback.outages import Outages

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.25


def consume(
    log: Log,
    *,
    once: bool,
    should_stop: Callable[[], bool],
    presence: Presence | None = None,
    delays: Delays | None = None,
    accept_poison: bool = False,
) -> Tally:
    """Apply records until told to stop, or with ``once`` until all that was there is done.

    A database that is locked, read-only or away is waited for; nothing is put aside because of it.
    A log that is away is waited for too, but with ``once`` LogUnavailable is raised. Nothing is
    applied before the ledger of the forgotten has been read.
    Raises LedgerUnreadable, and Poisoned when nearly everything would be put aside, unless
    accept_poison says that it may.
    """
    guard = PoisonGuard(NO_LIMITS if accept_poison else set_limits())
    work, outages = _Work(log, guard, presence, delays), Outages(once=once, before_retry=log.rewind)
    if once:
        log.mark_end()
    while not should_stop():
        with outages.waited_out():
            work.prepare(should_stop)
            if once and log.at_end():
                break
            work.next_batch()
    return work.tally


class _Work:
    """What a consumer does while everything is there, and what came of it."""

    def __init__(
        self, log: Log, guard: PoisonGuard, presence: Presence | None, delays: Delays | None
    ) -> None:
        self.tally = Tally()
        self._log = log
        self._guard = guard
        self._presence = presence
        self._delays = delays
        self._songs = dead_letters.NewSongs()
        self._obeyed = False

    def prepare(self, should_stop: Callable[[], bool]) -> None:
        """Do what comes before a batch: show that we run, obey the ledger once, look for songs."""
        if self._presence is not None:
            self._presence.renew()
        if not self._obeyed:
            deletion.obey_ledger()
            self._obeyed = True
        if self._songs.may_have_come():
            self.tally.add(dead_letters.replay_for_songs(should_stop))

    def next_batch(self) -> None:
        """Read a batch and apply it. Raises what the log and the database raise, and Poisoned."""
        if self._delays is not None:
            self._delays.flush_if_due()
        batch = self._log.poll(POLL_SECONDS)
        if not batch.records:
            return
        fresh: list[Event] = []

        def judge(outcome: Outcome) -> None:
            self._guard.judge(batch.records, outcome.put_aside)
            fresh.extend(outcome.fresh)

        try:
            tally = apply(batch.records, batch.settle, judge)
        except Fenced as error:
            logger.info("%s", error)
            self._log.rewind()
            return
        except Poisoned as error:
            # Should storing it fail, the same batch comes again, and the stop with it.
            self._log.rewind()
            remember(error.stop)
            raise
        self._guard.passed()
        if self._delays is not None:
            self._delays.count(fresh)
        self._log.committed()
        self.tally.add(tally)
