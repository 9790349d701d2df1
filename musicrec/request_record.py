"""The outermost layer of a request: its id, its time, its line in the log, its headers."""

import logging
from collections.abc import Callable
from time import perf_counter
from typing import Final

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponseBase

from feedback.event_notes import event_of
from musicrec import metrics, request_ids
from musicrec.problems import is_api

PAGE_POLICY: Final = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self';"
    " form-action 'self'; frame-ancestors 'none'"
)
API_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"

LOGIN_LINKS: Final = "/login/"

log = logging.getLogger("musicrec.requests")

Handler = Callable[[WSGIRequest], HttpResponseBase]


def record_requests(get_response: Handler) -> Handler:
    """Middleware: everything inside it runs under one request id, and is counted and timed."""

    def middleware(request: WSGIRequest) -> HttpResponseBase:
        request_id = request_ids.begin(request.META.get("HTTP_X_REQUEST_ID"))
        started = perf_counter()
        try:
            response = get_response(request)
            _finish(request, response, request_id)
            _record(request, response, perf_counter() - started)
        finally:
            request_ids.end()
        return response

    return middleware


def _finish(request: WSGIRequest, response: HttpResponseBase, request_id: str) -> None:
    # Django would log the same answer once more, after the request's id has been forgotten.
    response._has_been_logged = True  # type: ignore[attr-defined]
    headers = response.headers
    headers[request_ids.HEADER] = request_id
    for_programs = is_api(request.path_info)
    if "Content-Security-Policy" not in headers:
        headers["Content-Security-Policy"] = API_POLICY if for_programs else PAGE_POLICY
    if for_programs and "Cache-Control" not in headers:
        # Answers are about one person and change with the next like: no proxy may keep them.
        headers["Cache-Control"] = "no-store"


def _record(request: WSGIRequest, response: HttpResponseBase, seconds: float) -> None:
    status = response.status_code
    match = request.resolver_match
    route = "/" + match.route if match is not None else "(none)"
    # By its address, not by its route: a wrong Host or a redirection to https is answered before
    # there is a route, and the link stays good.
    before, login, link = request.path_info.partition(LOGIN_LINKS)
    address = f"{before}{login}…" if link else request.path_info
    metrics.requests.observe(request.method or "", route, status, seconds)
    if status >= 500 or (status >= 400 and log.isEnabledFor(logging.INFO)) or settings.LOG_REQUESTS:
        level = logging.ERROR if status >= 500 else logging.INFO
        event = f" event={event_id}" if (event_id := event_of(response)) else ""
        # The path without its query: what stands there may be anything, a password too.
        log.log(level, "%s %s %d %.1f ms%s", request.method, address, status, 1000 * seconds, event)
