"""What a check of live data can find, and what all checks share."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from feedback import how_long
from feedback.fields import EPOCH
from feedback.verifying.meanings import MEANINGS, Code, Level

ROWS_A_READ: Final = 2_000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it must be, in plain words, and what to do about it."""

    code: Code
    words: str
    advice: str
    level: Level
    count: int
    examples: list[str]


def _nothing(_rows: int) -> None:
    pass


@dataclass(frozen=True)
class Look:
    """One look at everything: when it is, how many examples it gives, and whom it tells of rows."""

    now: datetime
    limit: int = 5
    advance: Callable[[int], None] = _nothing

    @property
    def now_us(self) -> int:
        """The moment on the number line of order keys."""
        return (self.now - EPOCH) // timedelta(microseconds=1)

    @property
    def ids_kept_since(self) -> datetime:
        """What was applied since then still has its id."""
        return self.now - how_long.APPLIED_IDS

    def cases(self) -> "Cases":
        """An empty collection."""
        return Cases(self.limit)


@dataclass(slots=True)
class Cases:
    """Cases of one kind: all are counted, the first few are kept as examples."""

    limit: int
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.examples) < self.limit:
            self.examples.append(example)

    def found(self, code: Code, **details: object) -> Iterator[Finding]:
        """The finding, where there are cases; the details are told in its words."""
        if self.count:
            meaning = MEANINGS[code]
            words, advice = meaning.words.format(**details), meaning.advice.format(**details)
            yield Finding(code, words, advice, meaning.level, self.count, self.examples)


def rows_of(statement: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
    """Rows of a query, few at a time also where the client would fetch them all (Postgres)."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, list(parameters))
        while rows := cursor.fetchmany(ROWS_A_READ):
            yield from rows


def stored_time(moment: datetime) -> Any:
    """A moment as a parameter of a query that does not come from the ORM."""
    return connection.ops.adapt_datetimefield_value(moment)


def hex_id(stored: Any) -> str:
    """32 hex digits of an event id as the database gives it: text on SQLite, a UUID on Postgres."""
    return stored.hex if isinstance(stored, uuid.UUID) else str(stored)


def duration(age: timedelta) -> str:
    """A duration in the unit that a person would use."""
    seconds = int(age.total_seconds())
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def pair_in_words(user_id: str, song_id: str) -> str:
    """A pair as text that cannot move the cursor of a terminal."""
    return f"user {user_id!a} song {song_id!a}"
