"""/metrics: numbers for Prometheus. For service keys, operators among them, and staff."""

from collections.abc import Iterator
from typing import Final

from django.db.models import Count
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from access.permissions import caller_of
from feedback.models import DeadLetter, OutboxEvent
from musicrec import metrics
from musicrec.metrics import family, sample
from recommendations.models import Lease, ModelVersion

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
        lines = [*metrics.requests.lines(), *stored_numbers()]
        return HttpResponse("\n".join(lines) + "\n", content_type=CONTENT_TYPE)


def stored_numbers() -> Iterator[str]:
    """What the database knows; each query reads an index or a few rows."""
    yield from family("musicrec_model_info", "gauge", "The live model, by its labels.")
    for version, algorithm in ModelVersion.objects.filter(is_live=True).values_list(
        "version", "algorithm"
    ):
        yield sample("musicrec_model_info", {"version": version, "algorithm": algorithm}, 1)
    waiting = OutboxEvent.objects.filter(applied_at=None)
    yield from family("musicrec_outbox_waiting", "gauge", "Likes that wait for their effect.")
    yield sample("musicrec_outbox_waiting", {}, waiting.count())
    unsent = waiting.filter(sent_at=None)
    yield from family("musicrec_outbox_unsent", "gauge", "Likes that wait to be sent to Kafka.")
    yield sample("musicrec_outbox_unsent", {}, unsent.count())
    oldest = waiting.order_by("seq").values_list("recorded_at", flat=True).first()
    age = (timezone.now() - oldest).total_seconds() if oldest else 0.0
    yield from family("musicrec_outbox_oldest_seconds", "gauge", "Age of the oldest of them.")
    yield sample("musicrec_outbox_oldest_seconds", {}, round(max(age, 0.0), 3))
    yield from family("musicrec_dead_letters", "gauge", "Messages that could not be applied.")
    groups = DeadLetter.objects.values_list("state", "reason").annotate(Count("id")).order_by()
    for state, reason, number in sorted(groups):
        yield sample("musicrec_dead_letters", {"state": state, "reason": reason}, number)
    yield from family("musicrec_lease_held", "gauge", "Whether a process holds the lease.")
    for name, expires_at in Lease.objects.order_by("name").values_list("name", "expires_at"):
        yield sample("musicrec_lease_held", {"name": name}, int(expires_at > timezone.now()))
