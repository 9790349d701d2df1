"""/metrics: numbers for Prometheus. For service keys, operators among them, and staff."""

from typing import Final

from django.http import HttpResponse
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from access.permissions import caller_of
from musicrec import metrics
from musicrec.shared_numbers import shared_numbers

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Scrapes(BasePermission):
    """Service keys of any scope, and staff: numbers about everybody are not for listeners."""

    message = "This needs a service key, or a session of staff."

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the caller may see them."""
        return caller_of(request).kind in ("service", "staff")


class AnyFormat(BaseContentNegotiation):
    """There is one format, whatever a scraper says that it accepts."""

    def select_parser(self, request: Request, parsers: object) -> None:
        """No body is read."""

    def select_renderer(
        self, request: Request, renderers: object, format_suffix: str | None = None
    ) -> tuple[object, str]:
        """What errors are written with."""
        return next(iter(renderers)), "application/json"  # type: ignore[call-overload]


class MetricsPage(APIView):
    """GET /metrics."""

    permission_classes = (Scrapes,)
    content_negotiation_class = AnyFormat
    schema = None

    def get(self, request: Request) -> HttpResponse:
        """All numbers, as text."""
        lines = [*metrics.requests.lines(), *shared_numbers()]
        return HttpResponse("\n".join(lines) + "\n", content_type=CONTENT_TYPE)
