"""What had its effect, read again from its beginning: the outbox and, with Kafka, its topic.

A history hands out in rounds what it has not handed out before, so that a rebuild catches up with
the consumers that go on beside it. What waits for its effect is never handed out.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, Protocol

from feedback import due
from feedback.events import Record

ROWS_A_READ: Final = 1_000


class HistoryChanged(Exception):
    """The log is another one than at the start, or has other partitions: begin again."""


class HistoryMissing(Exception):
    """A part of what had its effect lies where these settings do not lead."""


class History(Protocol):
    """A log as a rebuild reads it.

    cut_at: the log may lack what had its effect before that moment; None where it lacks nothing.
    """

    @property
    def cut_at(self) -> datetime | None:
        """See above."""

    def round(self) -> Iterator[Sequence[Record]]:
        """All that had its effect and was not handed out yet; may wait for a broker."""

    def look_ahead(self) -> None:
        """Read what consumers may apply in the next moments, so that ``rest`` need not wait."""

    def rest(self) -> list[Record] | None:
        """The last of it, at once, while nobody can apply anything.

        None when consumers have come further than was looked ahead. Raises HistoryChanged.
        """

    def close(self) -> None:
        """Let go of connections."""


class OutboxHistory:
    """The rows of the outbox that have had their effect, by seq."""

    # A row that leaves the outbox is kept in the base by the same transaction.
    cut_at: datetime | None = None

    def __init__(self) -> None:
        self._from_seq = 0

    def round(self) -> Iterator[Sequence[Record]]:
        """Page by page."""
        # Looked up first: what has its effect while we read is handed out again, not left out.
        next_from = due.first_waiting_seq()
        after = self._from_seq - 1
        while page := due.with_effect(after, ROWS_A_READ):
            yield page
            after = page[-1].seq or 0
        self._from_seq = next_from

    def look_ahead(self) -> None:
        """Nothing need be: the rest is read from the same database."""

    def rest(self) -> list[Record]:
        """What had its effect since the last round."""
        return [record for page in self.round() for record in page]

    def close(self) -> None:
        """Nothing is open."""
