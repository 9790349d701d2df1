"""Noticing that somebody has written to the database, cheaply and within milliseconds."""

import time
from typing import Final

from django.db import connection

# SQLite answers from its own memory in some 20 microseconds, so it can be asked often. A server
# is asked for the rows themselves, over the network, and less often.
SQLITE_POLL_SECONDS: Final = 0.005
SERVER_POLL_SECONDS: Final = 0.02


class DatabaseWatch:
    """Waits for a commit of another connection.

    ``mark``, look for what you want, and if it is not there ``wait``, then look again. A commit
    between the mark and the wait ends the wait at once.
    """

    def __init__(self) -> None:
        self._version: int | None = None

    def mark(self) -> None:
        """Remember how things stand."""
        self._version = self._data_version()

    def wait(self, timeout_seconds: float) -> None:
        """Return when something was committed since the mark, or when the time is over.

        On a database server it returns soon, without knowing: its callers then ask again.
        """
        if self._version is None:
            time.sleep(min(timeout_seconds, SERVER_POLL_SECONDS))
            return
        deadline = time.monotonic() + timeout_seconds
        while self._data_version() == self._version and time.monotonic() < deadline:
            time.sleep(SQLITE_POLL_SECONDS)

    def _data_version(self) -> int | None:
        """SQLite's count of commits by others; None on a database server."""
        if connection.vendor != "sqlite":
            return None
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA data_version")
            return int(cursor.fetchone()[0])
