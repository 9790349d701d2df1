"""The numbers of /metrics that are the same whichever process is asked: of the database, of Kafka.

A scrape must stay cheap however much is stored and waits: at most ten queries, none of which reads
more than an index of what is not done yet.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db.models import Count
from django.utils import timezone

from feedback import due
from feedback.consuming.delays import BUCKETS_SECONDS, all_delays
from feedback.models import ConsumerStop, DeadLetter, OutboxEvent
from musicrec.conditions import PROBE_TIMEOUT_SECONDS
from musicrec.metrics import family, histogram, sample
from musicrec.reachability import kafka_fault
from musicrec.remembered import Remembered
from recommendations.models import Lease, ModelVersion

# A million take a third of a second to count, by index. That a backlog is long is known by then;
# how long it takes to drain is seen by the age of its oldest and by the lag in Kafka.
MOST_COUNTED: Final = 100_000


def shared_numbers() -> Iterator[str]:
    """All of them, as text."""
    yield from _model()
    yield from _outbox()
    if settings.KAFKA_BOOTSTRAP_SERVERS:
        yield from _unsent()
        yield from _kafka()
    yield from _consumers()
    yield from _dead_letters()
    yield from _leases()


def _model() -> Iterator[str]:
    yield from family("musicrec_model_info", "gauge", "The live model, by its labels.")
    live = ModelVersion.objects.filter(is_live=True).values_list("version", "algorithm")
    for version, algorithm in live:
        yield sample("musicrec_model_info", {"version": version, "algorithm": algorithm}, 1)


def _outbox() -> Iterator[str]:
    waiting = OutboxEvent.objects.filter(applied_at=None)
    yield from _gauge(
        "musicrec_outbox_waiting",
        f"Likes that wait for their effect, counted up to {MOST_COUNTED}.",
        waiting[:MOST_COUNTED].count(),
    )
    oldest = waiting.order_by("seq").values_list("recorded_at", flat=True).first()
    yield from _gauge("musicrec_outbox_oldest_seconds", "Age of the oldest of them.", _age(oldest))


def _unsent() -> Iterator[str]:
    number, oldest = due.unsent(at_most=MOST_COUNTED)
    yield from _gauge(
        "musicrec_outbox_unsent",
        f"Likes that wait to be sent to Kafka, counted up to {MOST_COUNTED}.",
        number,
    )
    yield from _gauge(
        "musicrec_outbox_oldest_unsent_seconds", "Age of the oldest of them.", _age(oldest)
    )


def _kafka() -> Iterator[str]:
    lags = _lags()
    yield from _gauge("musicrec_kafka_up", "Whether a broker answers.", int(lags is not None))
    if lags is not None:
        what = "Events in Kafka that no consumer has applied yet."
        yield from family("musicrec_consumer_lag_events", "gauge", what)
        for partition, lag in lags.items():
            yield sample("musicrec_consumer_lag_events", {"partition": partition}, lag)


def _ask_for_lags() -> dict[int, int] | None:
    # This one notices at once that nobody listens; the client goes on trying until its time is up.
    if kafka_fault(settings.KAFKA_BOOTSTRAP_SERVERS, PROBE_TIMEOUT_SECONDS) is not None:
        return None
    # Only here: the client is large, and an installation without Kafka need not wait for it.
    from feedback.kafka.lag import lag_by_partition

    return lag_by_partition()


_lags: Final = Remembered(_ask_for_lags)


def _consumers() -> Iterator[str]:
    counts, seconds = all_delays()
    name = "musicrec_like_to_visible_seconds"
    what = "From the acceptance of a like to the commit of its effect."
    yield from family(name, "histogram", what)
    yield from histogram(name, {}, BUCKETS_SECONDS, counts, seconds)
    yield from _gauge(
        "musicrec_poison_stop",
        "Whether a consumer stopped because nearly all it read would be put aside.",
        int(ConsumerStop.objects.exists()),
    )


def _dead_letters() -> Iterator[str]:
    yield from family("musicrec_dead_letters", "gauge", "Messages that could not be applied.")
    groups = DeadLetter.objects.values_list("state", "reason").annotate(Count("id")).order_by()
    for state, reason, number in sorted(groups):
        yield sample("musicrec_dead_letters", {"state": state, "reason": reason}, number)


def _leases() -> Iterator[str]:
    yield from family("musicrec_lease_held", "gauge", "Whether a process holds the lease.")
    for name, expires_at in Lease.objects.order_by("name").values_list("name", "expires_at"):
        yield sample("musicrec_lease_held", {"name": name}, int(expires_at > timezone.now()))


def _gauge(name: str, what: str, value: float) -> Iterator[str]:
    yield from family(name, "gauge", what)
    yield sample(name, {}, value)


def _age(since: datetime | None) -> float:
    """Seconds, not below zero: a clock may have been set back."""
    return round(max((timezone.now() - since).total_seconds(), 0.0), 3) if since else 0.0
