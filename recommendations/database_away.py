"""Which errors say that the database is away: locked, full, gone, or a server that only answers.

Through no fault of the request, the data or the code, so it is worth trying again.
"""

import os
from pathlib import Path
from typing import Any, Final

from django.db import InterfaceError, InternalError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

# Postgres's code for a write in a transaction that only reads, which after a failover all are on
# the server that was the first before. Django calls it InternalError, as it does faults of ours.
READ_ONLY: Final = "25006"
# The error of psycopg for a server that did not answer in time to being connected to.
_CONNECT_TIMEOUT: Final = "ConnectionTimeout"


def is_away(error: BaseException | None) -> bool:
    """Whether the database did not take something that it will take another time."""
    return isinstance(error, OperationalError | InterfaceError) or is_read_only(error)


def was_never_reached(error: BaseException | None) -> bool:
    """Whether no connection to the server could be opened, so that it was not asked for anything.

    Psycopg hands over the unfinished connection with errors of connecting, and with no others.
    """
    while error is not None:
        if getattr(error, "pgconn", None) is not None or type(error).__name__ == _CONNECT_TIMEOUT:
            return True
        error = error.__cause__
    return False


def is_read_only(error: BaseException | None) -> bool:
    """Whether the server, or this connection to it, takes no writes."""
    while error is not None:
        if getattr(error, "sqlstate", None) == READ_ONLY:
            return True
        error = error.__cause__
    return False


def takes_writes(connection: BaseDatabaseWrapper) -> bool:
    """Whether the database could be written to, as far as that can be told without writing.

    A connection to a server that takes none is opened anew for the next request or task.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # On also where the server only follows another one.
            cursor.execute("SHOW transaction_read_only")
            is_read_only = cursor.fetchone()[0] == "on"
        if is_read_only:
            connection.close_at = 0.0
        return not is_read_only
    file = Path(connection.settings_dict["NAME"])
    # SQLite writes the -wal file beside it. What is no file, as in tests, lies in memory.
    return not file.is_file() or all(os.access(each, os.W_OK) for each in (file, file.parent))


def leave_read_only_servers(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Have a connection that took no write opened anew; the receiver of connection_created.

    The server that was the first goes on answering after a failover, so that to Django such a
    connection is sound: a web process would refuse likes until somebody starts it again.
    """
    if connection.vendor == "postgresql" and _close_if_read_only not in connection.execute_wrappers:
        connection.execute_wrappers.append(_close_if_read_only)


def _close_if_read_only(
    execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    try:
        return execute(sql, params, many, context)
    except InternalError as error:
        if is_read_only(error):
            # As if it were too old: closed between two requests or tasks, never in a transaction.
            context["connection"].close_at = 0.0
        raise
