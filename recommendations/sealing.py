"""A SQLite database that was moved to a server: sealed, so that nobody writes to it by mistake.

A process that still has the old setting would otherwise go on acknowledging likes that nobody
will ever see. The seal is triggers in the database itself: it binds whatever opens the file, and
says where the database is now.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from django.db import IntegrityError, connection

# What every seal says, and all that a client of the API is told.
MOVED: Final = "this database was moved to a server"
WHAT_TO_DO: Final = "set DATABASE_URL"
_PREFIX: Final = "moved_away_"
_SAID: Final = re.compile(r"RAISE\(ABORT, '((?:[^']|'')*)'\)")


def message(where: str = "") -> str:
    """What a seal says. where: the server's address without its password, for who operates this."""
    return f"{MOVED} ({where}); {WHAT_TO_DO}" if where else f"{MOVED}; {WHAT_TO_DO}"


def seal(tables: Iterable[str], where: str) -> None:
    """Refuse every change of the tables from now on, in the caller's transaction."""
    # A trigger takes its text as a literal alone.
    said = message(where).replace("'", "''")
    with connection.cursor() as cursor:
        for table in tables:
            for event in ("INSERT", "UPDATE", "DELETE"):
                cursor.execute(
                    f'CREATE TRIGGER "{_PREFIX}{event.lower()}_{table}" BEFORE {event} ON "{table}"'
                    f" BEGIN SELECT RAISE(ABORT, '{said}'); END"
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
    for statement in _triggers().values():
        said = _SAID.search(statement)
        raise DatabaseMoved(said[1].replace("''", "'") if said else message())


@contextmanager
def told_if_sealed() -> Iterator[None]:
    """Raises DatabaseMoved if the database is sealed, or is sealed in the middle of the work."""
    refuse_if_sealed()
    try:
        yield
    except IntegrityError as error:
        if speaks(error):
            raise DatabaseMoved(str(error)) from error
        raise


def speaks(error: BaseException) -> bool:
    """Whether it is the seal that refused a change: an IntegrityError to SQLite."""
    return MOVED in str(error)


def _triggers() -> dict[str, str]:
    """Those of the seal: their names and statements."""
    if connection.vendor != "sqlite":
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        return {name: sql for name, sql in cursor.fetchall() if name.startswith(_PREFIX)}
