"""What stands behind an error of the database: for the line that ends a command, and for a client.

Both drivers say it by codes that do not depend on a language: SQLite by its error code, Postgres
by its SQLSTATE. What is not told here is a fault of ours, and nobody else can mend it.
"""

import sqlite3
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final

from django.conf import settings
from django.db import Error, connection

from feedback.group_commit import NeverTried
from recommendations import database_away, sealing


class Fault(Enum):
    """What is wrong with a database, as far as somebody can do something about it."""

    NOT_MIGRATED = auto()
    MOVED = auto()
    LOCKED = auto()
    FULL = auto()
    READ_ONLY = auto()
    UNUSABLE = auto()
    AWAY = auto()


# By the primary code, the lowest byte.
_OF_SQLITE: Final = {
    sqlite3.SQLITE_BUSY: Fault.LOCKED,
    sqlite3.SQLITE_LOCKED: Fault.LOCKED,
    sqlite3.SQLITE_FULL: Fault.FULL,
    sqlite3.SQLITE_READONLY: Fault.UNUSABLE,
    sqlite3.SQLITE_IOERR: Fault.UNUSABLE,
    sqlite3.SQLITE_CANTOPEN: Fault.UNUSABLE,
    sqlite3.SQLITE_CORRUPT: Fault.UNUSABLE,
    sqlite3.SQLITE_NOTADB: Fault.UNUSABLE,
}
_NOT_MIGRATED_SQLITE: Final = ("no such table", "no such column", "has no column named")
_OF_POSTGRES: Final = {
    "42P01": Fault.NOT_MIGRATED,  # undefined_table
    "42703": Fault.NOT_MIGRATED,  # undefined_column
    "55P03": Fault.LOCKED,  # lock_not_available
    "40P01": Fault.LOCKED,  # deadlock_detected
    "40001": Fault.LOCKED,  # serialization_failure
    "53100": Fault.FULL,  # disk_full
    database_away.READ_ONLY: Fault.READ_ONLY,
}

_ADVICE: Final = {
    Fault.NOT_MIGRATED: "the database {name} is not prepared ({said}): run manage.py migrate first",
    Fault.MOVED: "{said} to its address (moved was {name}; manage.py move_to --unseal"
    " lets it be used again)",
    Fault.LOCKED: "the database {name} is locked ({said}): {holder}; try again when that is done",
    Fault.FULL: "the disk of the database {name} is full ({said}): make room, then try again",
    Fault.READ_ONLY: "the database {name} takes no writes ({said}), as the former first server"
    " after a failover: have DATABASE_URL name the one that does",
    Fault.UNUSABLE: "cannot use the database {name} ({said}): see that its disk is sound and has"
    " room, and that the file and its folder can be written; STATE_DIR or DATABASE_URL names"
    " another",
    Fault.AWAY: "cannot use the database {name} ({said}): start it, or correct DATABASE_URL",
}
_HOLDERS: Final = {
    "sqlite": "another process is writing for long, such as a load, a backup or a sqlite3 that"
    " somebody left open (fuser {name} shows who has it open)",
    "postgresql": "another transaction holds what this one needs (pg_stat_activity shows which)",
}


def fault_of(error: BaseException) -> Fault | None:
    """What the error tells; None for one that is ours."""
    if sealing.speaks(error):
        return Fault.MOVED
    for each in _with_causes(error):
        if isinstance(each, NeverTried):
            return Fault.LOCKED
        if isinstance(each, sqlite3.Error) and hasattr(each, "sqlite_errorcode"):
            return _of_sqlite(each)
        state = getattr(each, "sqlstate", None)
        if state in _OF_POSTGRES:
            return _OF_POSTGRES[state]
    return Fault.AWAY if database_away.is_away(error) else None


def nothing_was_stored(error: BaseException) -> bool:
    """Whether the error says that its transaction has had no effect.

    A connection that breaks does not: the server may have committed, and only its answer is lost.
    One that could not even be opened does. A request commits once, and asks for nothing after.
    """
    if database_away.was_never_reached(error):
        return True
    return fault_of(error) in (Fault.MOVED, Fault.LOCKED, Fault.FULL, Fault.READ_ONLY)


def in_a_line(error: Error) -> str | None:
    """What is wrong, with which database, and what to do; None for an error that is ours."""
    fault = fault_of(error)
    if fault is None:
        return None
    name = _name()
    holder = _HOLDERS.get(connection.vendor, "").format(name=name)
    return _ADVICE[fault].format(name=name, said=one_line(error), holder=holder)


def one_line(error: BaseException) -> str:
    """What a database said; of a connection that failed it names host and user, no password."""
    return " ".join(str(error).split())


def _of_sqlite(error: sqlite3.Error) -> Fault | None:
    if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:
        is_unknown = any(words in str(error) for words in _NOT_MIGRATED_SQLITE)
        return Fault.NOT_MIGRATED if is_unknown else None
    return _OF_SQLITE.get(error.sqlite_errorcode & 0xFF)


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, and so on: the driver's own is the last."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__


def _name() -> str:
    """The database that is set, without user and password."""
    database = settings.DATABASES["default"]
    if connection.vendor == "sqlite":
        return str(database["NAME"])
    address = f"{database['HOST'] or 'this machine'}:{database['PORT'] or 5432}"
    return f"{database['NAME']} at {address}"
