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


def record_time_us(recorded_at: datetime, seq: int) -> int:
    """The time of a row of the outbox as a record: never below its seq, in whole milliseconds.

    A clock that was set back, or a restored backup, leaves the seq ahead of the clock. If the
    record's time stayed behind with the clock, the seq would not be believed.
    Kafka keeps milliseconds. The outbox says the same, so that an event has one order key
    whichever way it comes.
    """
    recorded_us = (recorded_at.astimezone(UTC) - EPOCH) // timedelta(microseconds=1)
    return to_ms(max(recorded_us, seq)) * 1_000


def to_ms(microseconds: int) -> int:
    """Whole milliseconds, rounded up."""
    return -(-microseconds // 1_000)
