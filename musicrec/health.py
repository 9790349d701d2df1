"""/healthz: this process lives. /readyz: whether, and how well, requests can be answered now."""

from typing import Final

import orjson
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

from musicrec import conditions
from musicrec.conditions import Condition
from musicrec.problems import problem
from musicrec.remembered import Remembered

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
