"""The state of each part that answering requests and applying likes depends on.

Asked for by /readyz, which tells anyone that something is missing but not what or where it is, and
by the command doctor, which tells the operator the rest.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models.functions import Now
from django.utils import timezone

from feedback.consuming import presence
from feedback.models import ConsumerStop, OutboxEvent
from musicrec.reachability import kafka_fault, redis_fault
from recommendations import model_store
from recommendations.database_away import takes_writes
from recommendations.models import Lease, ModelVersion
from recommendations.serving.live_model import live_model

State = Literal["ok", "degraded", "broken"]

PROBE_TIMEOUT_SECONDS: Final = 0.8
LOW_DISK_BYTES: Final = 200 * 1024 * 1024
OLD_BACKLOG: Final = timedelta(seconds=60)
# A loop renews its lease between two batches, and a batch may take long.
GRACE: Final = timedelta(seconds=10)


@dataclass(frozen=True)
class Condition:
    """How one part is.

    detail: for anyone. inside: what only an operator may read (addresses, paths, errors).
    advice: what to do about it.
    """

    name: str
    state: State
    detail: str
    inside: str = ""
    advice: str = ""


def ok(name: str, detail: str, inside: str = "") -> Condition:
    """A part that works."""
    return Condition(name, "ok", detail, inside)


def database() -> Condition:
    """Whether the database answers and has our tables: without it no request can be answered.

    One that takes no writes answers those that only read.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM model_version WHERE is_live")
        is_writable = takes_writes(connection)
    except DatabaseError as error:
        return Condition(
            "database",
            "broken",
            "does not answer, or has not been migrated",
            str(error).strip(),
            "start it or correct DATABASE_URL, then: manage.py migrate",
        )
    if not is_writable:
        return Condition(
            "database",
            "degraded",
            "read-only: recommendations are made, likes are refused (503)",
            connection.vendor,
            "have DATABASE_URL name the server that takes writes; of SQLite, see that the file and"
            " its folder can be written",
        )
    return ok("database", "answers", connection.vendor)


def model() -> Condition:
    """Whether a model is live, and can be read. Without one popular songs go to everyone."""
    version = ModelVersion.objects.filter(is_live=True).values_list("version", flat=True).first()
    if version is None:
        return Condition(
            "model",
            "degraded",
            "none is live: everyone is recommended popular songs",
            advice="manage.py loadcsv …, then manage.py retrain",
        )
    why = model_store.why_unreadable(version) or live_model.why_refused(version)
    if why is not None:
        return Condition(
            "model",
            "degraded",
            "the live version is refused, an earlier one or popularity serves",
            why,
            "manage.py retrain, or make another live: manage.py models",
        )
    return ok("model", "live", version)


def disk() -> Condition:
    """Whether the folders for state and models can be written and have room.

    Models that are mounted read-only are those of a machine that only serves them.
    """
    advice = "make room, correct the folder's rights, or set STATE_DIR and MODEL_DIR"
    models = _existing(Path(settings.MODEL_DIR))
    only_served = mount_flags(models) & os.ST_RDONLY
    for folder in (Path(settings.STATE_DIR), *([] if only_served else [models])):
        if not os.access(folder, os.W_OK | os.X_OK):
            return Condition("disk", "degraded", "a folder is not writable", str(folder), advice)
        free = shutil.disk_usage(folder).free
        if free < LOW_DISK_BYTES:
            inside = f"{folder}: {free >> 20} MB free"
            return Condition("disk", "degraded", "nearly full", inside, advice)
    return ok("disk", "writable", str(settings.STATE_DIR))


def kafka() -> Condition | None:
    """Whether a broker answers; None where none is set."""
    if not settings.KAFKA_BOOTSTRAP_SERVERS:
        return None
    fault = kafka_fault(settings.KAFKA_BOOTSTRAP_SERVERS, PROBE_TIMEOUT_SECONDS)
    if fault is None:
        return ok("kafka", "answers", ",".join(settings.KAFKA_BOOTSTRAP_SERVERS))
    return Condition(
        "kafka",
        "degraded",
        "does not answer: likes are kept and sent later",
        fault,
        "start the broker or correct KAFKA_BOOTSTRAP_SERVERS",
    )


def redis() -> Condition | None:
    """Whether Redis answers; None where none is set."""
    if not settings.REDIS_URL:
        return None
    fault = redis_fault(settings.REDIS_URL, PROBE_TIMEOUT_SECONDS)
    if fault is None:
        return ok("redis", "answers")
    return Condition(
        "redis",
        "degraded",
        "does not answer: no rate limits and no trainings until it does",
        fault,
        "start Redis or correct REDIS_URL",
    )


def consumer() -> Condition:
    """Whether a consumer of likes has been seen lately: each renews a lease while it runs."""
    return _process(
        "consumer",
        presence.PREFIX,
        "none runs: likes are kept and have their effect later",
        "manage.py consume_likes",
    )


def relay() -> Condition | None:
    """Whether a relay to Kafka has been seen lately; None where there is no Kafka."""
    if not settings.KAFKA_BOOTSTRAP_SERVERS:
        return None
    return _process(
        "relay",
        presence.RELAY_LEASE,
        "none runs: likes are kept and sent later",
        "manage.py relay_likes",
    )


def _process(name: str, lease: str, missed: str, advice: str) -> Condition:
    leases_of_it = Lease.objects.filter(name__startswith=lease)
    # By the database's clock, as leases are written: machines need not agree on the time.
    if leases_of_it.filter(expires_at__gt=Now() - GRACE).exists():
        return ok(name, "runs")
    seen = leases_of_it.order_by("-expires_at").values_list("expires_at", flat=True).first()
    inside = f"last seen {seen:%Y-%m-%d %H:%M:%S} UTC" if seen else "not seen for a day"
    return Condition(name, "degraded", missed, inside, advice)


def backlog() -> Condition:
    """How long the oldest like has waited for its effect."""
    oldest = (
        OutboxEvent.objects.filter(applied_at=None)
        .order_by("seq")
        .values_list("recorded_at", flat=True)
        .first()
    )
    waited = timezone.now() - oldest if oldest else timedelta(0)
    if waited <= OLD_BACKLOG:
        return ok("backlog", "none" if oldest is None else "short")
    return Condition(
        "backlog",
        "degraded",
        f"the oldest like has waited {int(waited.total_seconds())} s for its effect",
        advice="see that consume_likes runs, and with Kafka relay_likes",
    )


def poison() -> Condition:
    """Whether consumers stopped because nearly everything they read would be put aside."""
    stop = ConsumerStop.objects.first()
    if stop is None:
        return ok("poison", "none")
    return Condition(
        "poison",
        "degraded",
        "consumers stopped: nearly all they read would be put aside; likes are kept",
        stop.message,
        "mend the deploy or load the songs, then start consume_likes again; if the log truly is"
        " full of rubbish: manage.py consume_likes --accept-poison",
    )


STORED: Final[tuple[Callable[[], Condition | None], ...]] = (
    model,
    consumer,
    relay,
    backlog,
    poison,
)


def conditions(
    ask_kafka: Callable[[], Condition | None] = kafka,
    ask_redis: Callable[[], Condition | None] = redis,
) -> Iterator[Condition]:
    """All of them. Those that stand in the database are left out where it does not answer."""
    base = database()
    yield base
    if base.state != "broken":
        yield from (found for ask in STORED if (found := ask()) is not None)
    yield disk()
    yield from (found for found in (ask_kafka(), ask_redis()) if found is not None)


def mount_flags(folder: Path) -> int:
    """How the file system that holds the folder is mounted: the ``os.ST_…`` bits."""
    return os.statvfs(folder).f_flag


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there already."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
