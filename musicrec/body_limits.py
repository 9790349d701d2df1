"""How large a body may be: refused by its announced length, or as soon as too much has come."""

from collections.abc import Callable
from io import BytesIO
from typing import Final

from django.core.handlers.wsgi import LimitedStream, WSGIRequest
from django.http import HttpResponseBase

from musicrec.problems import problem

MAX_BYTES: Final = 64 * 1024
MAX_BATCH_BYTES: Final = 1024 * 1024
BATCH_ROUTE: Final = "/api/v1/feedback"

Handler = Callable[[WSGIRequest], HttpResponseBase]


def limit_bodies(get_response: Handler) -> Handler:
    """Middleware: 413 for a body past the limit, 415 for a compressed one.

    A compressed body is refused unread: a kilobyte of it can stand for a gigabyte.
    """

    def middleware(request: WSGIRequest) -> HttpResponseBase:
        meta = request.META
        announced = meta.get("CONTENT_LENGTH")
        if announced or "HTTP_TRANSFER_ENCODING" in meta:
            refusal = _refusal(request, announced)
            if refusal is not None:
                return refusal
        return get_response(request)

    return middleware


def _refusal(request: WSGIRequest, announced: str | None) -> HttpResponseBase | None:
    limit = MAX_BATCH_BYTES if request.path_info.rstrip("/") == BATCH_ROUTE else MAX_BYTES
    if request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() not in (
        "identity",
        "",
    ):
        return problem(415, "Send the body as it is, without a Content-Encoding.")
    if announced:
        if not (announced.isascii() and announced.isdigit()):
            return problem(400, "The Content-Length is not a number.")
        return _too_large(limit) if int(announced) > limit else None
    body = _read(request, limit + 1)
    if len(body) > limit:
        return _too_large(limit)
    # Django takes a body without a length for an empty one: give it what has come.
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._stream = LimitedStream(BytesIO(body), len(body))  # type: ignore[assignment]
    return None


def _read(request: WSGIRequest, most: int) -> bytes:
    stream, parts, missing = request.environ["wsgi.input"], [], most
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _too_large(limit: int) -> HttpResponseBase:
    return problem(413, f"A body may have {limit} bytes here.")
