"""/healthz: this process lives. /readyz: whether, and how well, requests can be answered now."""

import threading
import time
from collections.abc import Callable
from typing import Final

import orjson
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

from musicrec import conditions
from musicrec.conditions import Condition
from musicrec.problems import problem

REMEMBERED_SECONDS: Final = 3.0


class Remembered:
    """Asks at most once in a while, one thread at a time, so that many probes cost like one.

    Whoever comes while another asks gets the last answer, however old; only at the very first
    there is none, and the question waits.
    """

    def __init__(
        self,
        ask: Callable[[], Condition | None],
        seconds: float = REMEMBERED_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._clock = clock
        self._asking = threading.Lock()
        self._answer: Condition | None = None
        self._asked_at: float | None = None

    def __call__(self) -> Condition | None:
        """The answer, as fresh as promised."""
        if self._fresh():
            return self._answer
        if self._asking.acquire(blocking=self._asked_at is None):
            try:
                if not self._fresh():
                    self._answer = self._ask()
                    self._asked_at = self._clock()
            finally:
                self._asking.release()
        return self._answer

    def _fresh(self) -> bool:
        return self._asked_at is not None and self._clock() - self._asked_at < self._seconds


_kafka: Final = Remembered(conditions.kafka)
_redis: Final = Remembered(conditions.redis)


def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Says nothing about what it depends on: a restart would not help that."""
    if request.method not in ("GET", "HEAD"):
        return _only_get()
    return _json({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:
    """200 "ready" or "degraded" while requests can be answered, else 503 "unavailable"."""
    if request.method not in ("GET", "HEAD"):
        return _only_get()
    try:
        found = list(conditions.conditions(_kafka, _redis))
    except DatabaseError:
        found = [Condition("database", "broken", "stopped answering")]
    states = {condition.state for condition in found}
    status = "unavailable" if "broken" in states else "degraded" if states > {"ok"} else "ready"
    checks = {each.name: {"status": each.state, "detail": each.detail} for each in found}
    return _json({"status": status, "checks": checks}, 503 if status == "unavailable" else 200)


def _json(body: object, status: int = 200) -> HttpResponse:
    return HttpResponse(orjson.dumps(body), status=status, content_type="application/json")


def _only_get() -> HttpResponse:
    return problem(405, "Only GET and HEAD.", headers={"Allow": "GET, HEAD"})
