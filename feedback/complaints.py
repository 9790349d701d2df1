"""Saying that something is away: at once, then now and then, and once more when it is back."""

import logging
import time
from typing import Final

logger = logging.getLogger(__name__)

COMPLAIN_EVERY_SECONDS: Final = 10.0


class Complaints:
    """Keeps a loop that tries twice a second from filling the log."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._last = -COMPLAIN_EVERY_SECONDS

    def about(self, error: Exception) -> None:
        """It has failed (again)."""
        now = time.monotonic()
        self._since = self._since or now
        if now - self._last >= COMPLAIN_EVERY_SECONDS:
            self._last = now
            logger.warning("%s; nothing is lost, trying again", error)

    def over(self) -> None:
        """It works."""
        if self._since is not None:
            logger.warning("back after %.0f s", time.monotonic() - self._since)
            self._since, self._last = None, -COMPLAIN_EVERY_SECONDS
