"""A SQLite database that was moved to a server: sealed, so that nobody writes to it by mistake.

A process that still has the old setting would otherwise go on acknowledging likes that nobody
will ever see. The seal is triggers in the database itself: it binds whatever opens the file.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from django.db import IntegrityError, connection

MESSAGE: Final = "this database was moved to a server; set DATABASE_URL"
_PREFIX: Final = "moved_away_"


def seal(tables: Iterable[str]) -> None:
    """Refuse every change of the tables from now on, in the caller's transaction."""
    with connection.cursor() as cursor:
        for table in tables:
            for event in ("INSERT", "UPDATE", "DELETE"):
                cursor.execute(
                    f'CREATE TRIGGER "{_PREFIX}{event.lower()}_{table}" BEFORE {event} ON "{table}"'
                    f" BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
                )


def unseal() -> int:
    """Take the seal off; return how many triggers it was made of."""
    found = _triggers()
    with connection.cursor() as cursor:
        for name in found:
            cursor.execute(f'DROP TRIGGER "{name}"')
    return len(found)


def is_sealed() -> bool:
    """Whether this database was moved away."""
    return bool(_triggers())


class DatabaseMoved(Exception):
    """Nothing can be written here any more; the text says what to do."""


def refuse_if_sealed() -> None:
    """Raises DatabaseMoved where this database was moved away."""
    if is_sealed():
        raise DatabaseMoved(MESSAGE)


@contextmanager
def told_if_sealed() -> Iterator[None]:
    """Raises DatabaseMoved if the database is sealed, or is sealed in the middle of the work."""
    refuse_if_sealed()
    try:
        yield
    except IntegrityError as error:
        if speaks(error):
            raise DatabaseMoved(MESSAGE) from error
        raise


def speaks(error: BaseException) -> bool:
    """Whether it is the seal that refused a change: an IntegrityError to SQLite."""
    return MESSAGE in str(error)


def _triggers() -> list[str]:
    if connection.vendor != "sqlite":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        return [name for (name,) in cursor.fetchall() if name.startswith(_PREFIX)]
