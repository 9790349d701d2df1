"""Every error of the API as RFC 9457 ``application/problem+json``.

    {"type": "about:blank", "title": "Bad Request", "status": 400, "code": "invalid",
     "detail": "2 values are not valid.", "request_id": "…",
     "errors": [{"field": "likes.2", "code": "max_length", "detail": "…"}, …]}

``errors`` is there when single values are wrong and names all of them, or the first 100; ``field``
is the path to the value with dots, "" for the request as a whole. Nothing of the inside is told: a
fault of ours is a 500 with the request id, and the log has the rest.
"""

import logging
import math
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.signals import got_request_exception
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.views import defaults
from rest_framework import exceptions
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from access.throttles import count_refusal
from musicrec import request_ids
from musicrec.database_faults import nothing_was_stored
from recommendations import sealing
from recommendations.database_away import is_away

CONTENT_TYPE: Final = "application/problem+json"
BUSY_RETRY_SECONDS: Final = 2
MOST_ERRORS: Final = 100
NOTHING_STORED: Final = "The database cannot take this now; nothing was stored. Try again."
OUTCOME_UNKNOWN: Final = (
    "The database does not answer. What was to be stored may have been: try again, and with the"
    " same Idempotency-Key or event_id it has its effect once."
)

log = logging.getLogger("musicrec.problems")


def problem(
    status: int,
    detail: str,
    *,
    code: str = "",
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """The answer for one error, ready to be sent."""
    title = HTTPStatus(status).phrase
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "code": code or title.lower().replace(" ", "_"),
        "detail": detail,
        "request_id": request_ids.current(),
    }
    if errors:
        body["errors"] = errors
    return HttpResponse(
        orjson.dumps(body), status=status, content_type=CONTENT_TYPE, headers=headers
    )


def is_api(path: str) -> bool:
    """Whether errors under this path are for programs; all others are for people."""
    return path.startswith(("/api/", "/recommend/")) or path.rstrip("/") in _SINGLE_ROUTES


_SINGLE_ROUTES: Final = {"/api", "/recommend", "/like", "/healthz", "/readyz", "/metrics"}


def exception_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """DRF's EXCEPTION_HANDLER: what a view raised, as a problem. Never raises again."""
    set_rollback()
    request = context.get("request")
    if isinstance(error, exceptions.APIException):
        return _of_api_exception((request is not None and count_refusal(request)) or error)
    if isinstance(error, Http404):
        return _of_api_exception(exceptions.NotFound())
    if isinstance(error, PermissionDenied):
        return _of_api_exception(exceptions.PermissionDenied())
    if is_refused_by_database(error):
        return busy(error)
    if isinstance(error, RequestDataTooBig):
        return problem(413, "The body is too large.")
    if isinstance(error, SuspiciousOperation | BadRequest | UnreadablePostError):
        return problem(400, "The request is malformed.")
    log.error("the request failed", exc_info=error)
    got_request_exception.send(sender=None, request=getattr(request, "_request", request))
    return failed()


def is_refused_by_database(error: BaseException | None) -> bool:
    """Whether the database did not take a request, through no fault of the request or the code."""
    if isinstance(error, IntegrityError):
        return sealing.speaks(error)
    return is_away(error)


def busy(error: BaseException | None) -> HttpResponse:
    """503: the database is locked, full, read-only, away or moved.

    One that went away in the middle may have done what was asked for, and the answer says so.
    """
    log.error("the database did not take the request: %s", error)
    if error is not None and sealing.speaks(error):
        # Without the address that the error tells: it is for who operates this.
        detail = f"T{sealing.message()[1:]}. Nothing was stored."
        return problem(503, detail, code="database_moved")
    is_known = error is not None and nothing_was_stored(error)
    return problem(
        503,
        NOTHING_STORED if is_known else OUTCOME_UNKNOWN,
        code="busy",
        headers={"Retry-After": str(BUSY_RETRY_SECONDS)},
    )


def failed() -> HttpResponse:
    """500: our fault. The log says more under the request id."""
    return problem(500, "This failed on our side; the log has it under the request id.")


def _of_api_exception(error: exceptions.APIException) -> HttpResponse:
    headers = {}
    challenge, wait = getattr(error, "auth_header", None), getattr(error, "wait", None)
    if challenge:
        headers["WWW-Authenticate"] = challenge
    if wait:
        headers["Retry-After"] = str(math.ceil(wait))
    if not isinstance(error.detail, list | dict):
        code = getattr(error.detail, "code", error.default_code)
        return problem(error.status_code, str(error.detail), code=code, headers=headers)
    errors = list(field_errors(error.detail))
    detail = (
        errors[0]["detail"]
        if len(errors) == 1
        else f"{len(errors)} values are not valid: errors lists them."
    )
    return problem(
        error.status_code,
        detail,
        code=error.default_code,
        errors=errors[:MOST_ERRORS],
        headers=headers,
    )


def field_errors(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    """Flatten DRF's nested error detail: one row for each message, with the path to its value."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            below = path if name == api_settings.NON_FIELD_ERRORS_KEY else _join(path, name)
            yield from field_errors(inner, below)
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, list | dict)
            yield from field_errors(inner, _join(path, index) if nested else path)
    else:
        yield {
            "field": path,
            "code": str(getattr(detail, "code", "invalid")),
            "detail": str(detail),
        }


def _join(path: str, part: object) -> str:
    return f"{path}.{part}" if path else str(part)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: a host that is not ours, a body too large, a malformed form."""
    if not is_api(request.path_info):
        return defaults.bad_request(request, exception)
    if isinstance(exception, RequestDataTooBig):
        return problem(413, "The body is too large.")
    return problem(400, "The request is malformed, or its Host is not one of ALLOWED_HOSTS.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    if not is_api(request.path_info):
        return defaults.permission_denied(request, exception)
    return problem(403, "This is not allowed.", code="permission_denied")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404: no route has this address."""
    if not is_api(request.path_info):
        return defaults.page_not_found(request, exception)
    return problem(404, "There is nothing at this address.", code="not_found")


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500, and the last stand of a database that is away."""
    error = sys.exc_info()[1]
    if not is_api(request.path_info):
        response = defaults.server_error(request)
        if is_refused_by_database(error):
            response.status_code = 503
            response["Retry-After"] = str(BUSY_RETRY_SECONDS)
        return response
    return busy(error) if is_refused_by_database(error) else failed()
