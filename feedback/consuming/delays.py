"""How long likes take until they are visible: counted by each consumer, kept beside the likes.

From the moment that our outbox issued their seq, which is within their commit's transaction, until
the commit of their effect. Only events with a seq count: where another producer, or a phone that
was offline, says when something happened, that says nothing about how quick we are. Only first
effects count: neither repeats nor replays of dead letters. An event that waited because consumer
or broker were away counts with all of its waiting.
"""

import logging
import math
import time
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from django.db import Error, transaction

from feedback.clock import now_us
from feedback.consuming import presence
from feedback.events import Event
from feedback.models import LikeDelay
from recommendations.write_turns import write_turn

logger = logging.getLogger(__name__)

BUCKETS_SECONDS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0),
)
FLUSH_SECONDS: Final = 2.0
# The row of all consumers that are no more. None has this name: Kafka allows no brackets.
ENDED: Final = "(ended)"


class Delays:
    """What one consumer has counted and not stored yet.

    consumer: its name over restarts; it goes on with the row of that name, which only grows.
    """

    def __init__(self, consumer: str) -> None:
        self._consumer = consumer
        self._forget()
        self._flush_at = time.monotonic() + FLUSH_SECONDS

    def count(self, events: Iterable[Event]) -> None:
        """Count events whose effect has just been committed."""
        now = now_us()
        for event in events:
            if event.issued:
                # Below zero only where clocks of two machines differ.
                seconds = max(now - event.order_key, 0) / 1_000_000
                self._counts[bisect_left(BUCKETS_SECONDS, seconds)] += 1
                self._seconds += seconds

    def flush_if_due(self) -> None:
        """Store what was counted, every two seconds."""
        if time.monotonic() >= self._flush_at:
            self.flush()

    def flush(self) -> None:
        """Store what was counted, apart from any like; where that fails, the next time."""
        self._flush_at = time.monotonic() + FLUSH_SECONDS
        if not any(self._counts):
            return
        try:
            self._store()
        except Error as error:
            logger.debug("the delays of likes are stored later: %s", error)
        else:
            self._forget()

    def _store(self) -> None:
        with write_turn(), transaction.atomic():
            rows = LikeDelay.objects.select_for_update()
            row, _ = rows.get_or_create(consumer=self._consumer)
            if len(row.counts) != len(self._counts):
                # Of another release with other buckets: for who reads them, a restart at zero.
                row.counts, row.seconds = [0] * len(self._counts), 0.0
            row.counts = [kept + new for kept, new in zip(row.counts, self._counts, strict=True)]
            row.seconds += self._seconds
            row.save()

    def _forget(self) -> None:
        self._counts = [0] * (len(BUCKETS_SECONDS) + 1)
        self._seconds = 0.0


def all_delays() -> tuple[list[int], float]:
    """Events by bucket, and the sum of their delays in seconds, of all consumers together."""
    return _total(LikeDelay.objects.all())


def fold_ended() -> int:
    """Add up the rows of consumers that are no more in one; returns how many there were.

    The totals stay, and Prometheus takes any that goes back for a restart. A consumer that comes
    back begins a new row.
    """
    names = LikeDelay.objects.exclude(consumer=ENDED).values_list("consumer", flat=True)
    gone = presence.without_trace(names)
    if not gone:
        return 0
    with write_turn(), transaction.atomic():
        chosen = LikeDelay.objects.filter(consumer__in=[*gone, ENDED]).order_by("consumer")
        rows = list(chosen.select_for_update())
        counts, seconds = _total(rows)
        # Rounded up: the sum of all rows must not become less by the last bit of a rounding.
        whole = {"counts": counts, "seconds": math.nextafter(seconds, math.inf)}
        LikeDelay.objects.update_or_create(consumer=ENDED, defaults=whole)
        folded = [row.consumer for row in rows if row.consumer != ENDED]
        LikeDelay.objects.filter(consumer__in=folded).delete()
    return len(folded)


def _total(rows: Iterable[LikeDelay]) -> tuple[list[int], float]:
    """All that fit, added up; the seconds exactly, whatever their order, and rounded once."""
    fitting = [row for row in rows if len(row.counts) == len(BUCKETS_SECONDS) + 1]
    nothing = [0] * (len(BUCKETS_SECONDS) + 1)
    counts = [sum(each) for each in zip(nothing, *(row.counts for row in fitting), strict=True)]
    return counts, math.fsum(row.seconds for row in fitting)
