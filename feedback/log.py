"""A log of likes as its reader sees it, and the reader of the outbox.

There are two: Kafka's topic (kafka/log.py) and, where no Kafka is set, the outbox itself. Both
hand out batches of records and know how to note, in the transaction of the effects, that a batch
is done. Nothing above this line knows which of them it reads.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from feedback import due
from feedback.database_watch import DatabaseWatch
from feedback.events import Record

# A batch holds SQLite's one write lock for 8 to 10 ms, and a like that comes meanwhile waits for
# the rest of one batch: they take turns (write_turns.py). Larger batches drain little faster.
BATCH_SIZE: Final = 100


class Fenced(Exception):
    """Another reader has moved the position: this batch is not ours to apply."""


class LogUnavailable(Exception):
    """The log cannot be reached now. Nothing is lost; try again."""


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Batch:
    """Records to be applied together.

    settle: to be called in their transaction; moves the position past them, or raises Fenced.
    """

    records: list[Record] = field(default_factory=list)
    settle: Callable[[], None] = _nothing


class Log(Protocol):
    """What a consumer needs of a log."""

    def poll(self, timeout_seconds: float) -> Batch:
        """The next records, at most BATCH_SIZE; an empty batch when none come in time.

        Raises LogUnavailable.
        """

    def committed(self) -> None:
        """The transaction of the last batch stands."""

    def rewind(self) -> None:
        """The last batch was not applied: hand it out again, from where the database says."""

    def mark_end(self) -> None:
        """Remember what is there now, for ``at_end``. Raises LogUnavailable."""

    def at_end(self) -> bool:
        """Whether all that was there at ``mark_end`` is done."""

    def close(self) -> None:
        """Let go of connections."""


class OutboxLog:
    """The outbox, read without Kafka. What has no effect yet is due: there is no position."""

    def __init__(self) -> None:
        self._watch = DatabaseWatch()
        self._end_seq = 0

    def poll(self, timeout_seconds: float) -> Batch:
        """The oldest events without an effect; where there are none, waits for a commit."""
        self._watch.mark()
        records = due.to_apply(BATCH_SIZE)
        if not records and timeout_seconds > 0:
            self._watch.wait(timeout_seconds)
            records = due.to_apply(BATCH_SIZE)
        # Applying marks the rows, by their event ids, so there is nothing else to settle.
        return Batch(records)

    def committed(self) -> None:
        """Nothing is left to do."""

    def rewind(self) -> None:
        """Nothing is left to do: what has no effect is due again by itself."""

    def mark_end(self) -> None:
        """Remember the last event that stands there now."""
        self._end_seq = due.last_seq()

    def at_end(self) -> bool:
        """Whether no event of then is due."""
        oldest = due.to_apply(1)
        return not oldest or (oldest[0].seq or 0) > self._end_seq

    def close(self) -> None:
        """Nothing is open."""
