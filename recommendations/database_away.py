"""Which errors say that the database is away: locked, full, gone, or a server that only answers.

Through no fault of the request, the data or the code, so it is worth trying again.
"""

from typing import Any, Final

from django.db import InterfaceError, InternalError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

# Postgres's code for a write in a transaction that only reads, which after a failover all are on
# the server that was the first before. Django calls it InternalError, as it does faults of ours.
READ_ONLY: Final = "25006"


def is_away(error: BaseException | None) -> bool:
    """Whether the database did not take something that it will take another time."""
    return isinstance(error, OperationalError | InterfaceError) or is_read_only(error)


def is_read_only(error: BaseException | None) -> bool:
    """Whether the server, or this connection to it, takes no writes."""
    while error is not None:
        if getattr(error, "sqlstate", None) == READ_ONLY:
            return True
        error = error.__cause__
    return False


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
