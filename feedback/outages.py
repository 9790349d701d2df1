"""What a loop does while its database or its log is away: it says so, waits and tries again."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from django.db import Error, connection

from feedback.complaints import Complaints
from feedback.log import LogUnavailable
from recommendations.database_away import is_away

RETRY_SECONDS: Final = 0.5


def _nothing() -> None:
    pass


class Outages:
    """Waits out what goes away and comes back; what does neither is raised.

    once: the loop is to end soon, and a log that is away is raised as LogUnavailable. A database
    is waited for all the same: what cannot be asked cannot be called done.
    before_retry: what the loop must take back when its database went away in the middle of a turn.
    """

    def __init__(self, *, once: bool, before_retry: Callable[[], None] = _nothing) -> None:
        self._once = once
        self._before_retry = before_retry
        self._complaints = Complaints()

    @contextmanager
    def waited_out(self) -> Iterator[None]:
        """Around one turn of the loop. One that comes to its end says that all is back."""
        try:
            yield
        except LogUnavailable as error:
            if self._once:
                raise
            self._complaints.about(error)
        except Error as error:
            if not is_away(error):
                raise
            self._complaints.about(error)
            self._before_retry()
            # The next query opens another, which after a failover leads to another server.
            connection.close()
        else:
            self._complaints.over()
            return
        time.sleep(RETRY_SECONDS)
