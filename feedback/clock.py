"""The wall clock, in the unit of the order key."""

import time
from datetime import UTC, datetime, timedelta

from feedback.fields import EPOCH


def now_us() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1_000


def as_datetime(microseconds: int) -> datetime:
    """The moment as the database stores it."""
    return EPOCH + timedelta(microseconds=microseconds)


def record_time_us(recorded_at: datetime) -> int:
    """A stored moment as a log's time, cut to whole milliseconds.

    Kafka keeps milliseconds. The outbox says the same, so that an event has one order key
    whichever way it comes.
    """
    return (recorded_at.astimezone(UTC) - EPOCH) // timedelta(milliseconds=1) * 1_000
