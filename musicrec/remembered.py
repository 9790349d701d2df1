"""Answers that are remembered for a few seconds, because asking is slow and many ask."""

import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

REMEMBERED_SECONDS: Final = 3.0

Answer = TypeVar("Answer")


class Remembered(Generic[Answer]):
    """Asks at most once in a while, one thread at a time, so that many probes cost like one.

    Whoever comes while another asks gets the last answer, however old; only at the very first
    there is none, and the question waits.
    """

    def __init__(
        self,
        ask: Callable[[], Answer],
        seconds: float = REMEMBERED_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._clock = clock
        self._asking = threading.Lock()
        self._last: tuple[Answer, float] | None = None

    def __call__(self) -> Answer:
        """The answer, as fresh as promised."""
        last = self._last
        if last is None:
            with self._asking:
                return self._asked()
        if self._is_old(last) and self._asking.acquire(blocking=False):
            try:
                return self._asked()
            finally:
                self._asking.release()
        return last[0]

    def _asked(self) -> Answer:
        """Ask, unless another thread has just done so."""
        last = self._last
        if last is None or self._is_old(last):
            answer = self._ask()
            last = self._last = (answer, self._clock())
        return last[0]

    def _is_old(self, last: tuple[Answer, float]) -> bool:
        return self._clock() - last[1] >= self._seconds
