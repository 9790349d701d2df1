"""/healthz and /readyz: ready, degraded or unavailable, and no secrets told."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from feedback.consuming import presence
from feedback.models import ConsumerStop, OutboxEvent
from musicrec import conditions, health
from musicrec.conditions import Condition
from musicrec.remembered import Remembered
from recommendations.leases import Hold
from recommendations.model_store import FORMAT, MANIFEST
from recommendations.models import Lease, ModelVersion, TrainingRun

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> None:
    """Nothing is remembered from another test, and no service is set."""
    settings.KAFKA_BOOTSTRAP_SERVERS, settings.REDIS_URL = [], ""
    settings.MODEL_DIR = tmp_path / "models"
    monkeypatch.setattr(health, "_kafka", Remembered(conditions.kafka))
    monkeypatch.setattr(health, "_redis", Remembered(conditions.redis))


def live_version() -> None:
    """A live version of which nobody asks for more than its manifest."""
    run = TrainingRun.objects.create(started_at=timezone.now())
    ModelVersion.objects.create(
        version="v1", training_run=run, algorithm="x", created_at=timezone.now(), is_live=True
    )
    folder = Path(configured.MODEL_DIR) / "v1"
    folder.mkdir(parents=True)
    manifest = {"format": FORMAT, "algorithm": "x", "parameters": {}, "seed": 0}
    manifest |= {"files": {}, "n_listeners": 0}
    (folder / MANIFEST).write_text(json.dumps(manifest))


def everything_runs() -> None:
    live_version()
    expiry = timezone.now() + timedelta(seconds=5)
    Lease.objects.create(name="likes-consumer-0", holder="x", expires_at=expiry)


def outbox_row(age: timedelta, **more: object) -> OutboxEvent:
    return OutboxEvent.objects.create(
        seq=1,
        event_id="00000000-0000-0000-0000-000000000001",
        user_id="101",
        song_id="1",
        payload=b"{}",
        recorded_at=timezone.now() - age,
        **more,
    )


def test_a_living_process_says_so_whatever_else_is_missing(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_with_everything_there_it_is_ready(client: Client) -> None:
    everything_runs()

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert set(answer.json()["checks"]) == {
        "database",
        "model",
        "consumer",
        "backlog",
        "poison",
        "disk",
    }


def test_without_a_model_or_a_consumer_it_is_degraded_and_still_200(client: Client) -> None:
    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    bad = {name for name, check in answer.json()["checks"].items() if check["status"] != "ok"}
    assert bad == {"model", "consumer"}


def test_a_live_version_of_another_format_is_degraded_and_still_200(client: Client) -> None:
    everything_runs()
    manifest = Path(configured.MODEL_DIR) / "v1" / MANIFEST
    manifest.write_text(manifest.read_text().replace(f'"format": {FORMAT}', '"format": 99'))

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert "refused" in answer.json()["checks"]["model"]["detail"]


def test_a_consumer_whose_lease_ran_out_is_missed(client: Client) -> None:
    everything_runs()
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=30))

    assert client.get("/readyz").json()["checks"]["consumer"]["status"] == "degraded"


def test_with_kafka_a_relay_that_does_not_run_is_missed(client: Client, settings: Settings) -> None:
    everything_runs()
    assert "relay" not in client.get("/readyz").json()["checks"]

    settings.KAFKA_BOOTSTRAP_SERVERS = ["127.0.0.1:1"]
    assert client.get("/readyz").json()["checks"]["relay"]["status"] == "degraded"

    Hold("relay_likes", 5.0).take()
    assert client.get("/readyz").json()["checks"]["relay"]["status"] == "degraded"

    Hold(presence.RELAY_LEASE, 5.0).take()
    assert client.get("/readyz").json()["checks"]["relay"]["status"] == "ok"


@pytest.mark.parametrize(
    ("age", "applied", "status"),
    [
        (timedelta(seconds=5), False, "ready"),
        (timedelta(hours=2), False, "degraded"),
        (timedelta(hours=2), True, "ready"),
    ],
)
def test_a_like_that_has_waited_long_is_missed(
    client: Client, age: timedelta, applied: bool, status: str
) -> None:
    everything_runs()
    outbox_row(age, applied_at=timezone.now() if applied else None)

    assert client.get("/readyz").json()["status"] == status


def test_consumers_that_stopped_at_poison_degrade_it_and_what_they_read_stays_secret(
    client: Client,
) -> None:
    everything_runs()
    ConsumerStop.objects.create(
        stopped_at=timezone.now(),
        dead_in_a_row=1_001,
        recent_dead=1_001,
        recent=1_001,
        message="bad_json 200, first place=song_likes/0/7",
    )

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["checks"]["poison"]["status"] == "degraded"
    assert "song_likes" not in answer.content.decode()


def test_services_that_are_set_and_away_degrade_and_their_addresses_stay_secret(
    client: Client, settings: Settings
) -> None:
    everything_runs()
    settings.KAFKA_BOOTSTRAP_SERVERS = ["127.0.0.1:1"]
    settings.REDIS_URL = "redis://:password@127.0.0.1:1/0"

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert {"kafka", "redis"} <= set(answer.json()["checks"])
    for secret in ("127.0.0.1", "password", str(settings.STATE_DIR)):
        assert secret not in answer.content.decode()


def test_a_database_that_does_not_answer_makes_it_unavailable(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("connection to db.internal refused")

    monkeypatch.setattr("musicrec.conditions.connection.cursor", away)

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert "db.internal" not in answer.content.decode()
    assert client.get("/healthz").status_code == 200


def test_a_database_that_takes_no_writes_degrades_and_is_named(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything_runs()
    with read_only(monkeypatch):
        answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    checks = answer.json()["checks"]
    assert {name for name, check in checks.items() if check["status"] != "ok"} == {"database"}
    assert checks["database"]["detail"].startswith("read-only: ")
    assert str(connection.settings_dict["NAME"]) not in answer.content.decode()
    # The next request asks the server that the address leads to by then.
    assert (connection.close_at == 0.0) is (connection.vendor == "postgresql")


@contextmanager
def read_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The database takes no writes."""
    if connection.vendor == "postgresql":
        monkeypatch.setattr(connection, "close_at", None)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
            yield
            # With the savepoint goes the setting.
            transaction.set_rollback(True)
        return
    file, access = Path(connection.settings_dict["NAME"]), os.access
    assert file.is_file()
    monkeypatch.setattr(os, "access", lambda path, mode: path != file and access(path, mode))
    yield


def test_a_database_that_goes_in_the_middle_makes_it_unavailable(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError

    monkeypatch.setattr("musicrec.health.conditions.conditions", away)

    assert client.get("/readyz").status_code == 503


def test_a_folder_that_cannot_be_written_degrades(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything_runs()
    monkeypatch.setattr("musicrec.conditions.os.access", lambda *_: False)

    assert client.get("/readyz").json()["checks"]["disk"]["status"] == "degraded"


def test_models_that_are_mounted_read_only_are_as_they_should_be(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything_runs()
    models = Path(settings.MODEL_DIR)
    flags = {models: 0}
    monkeypatch.setattr("musicrec.conditions.os.access", lambda path, _: Path(path) != models)
    monkeypatch.setattr(conditions, "mount_flags", lambda path: flags.get(path, 0))

    assert client.get("/readyz").json()["checks"]["disk"]["status"] == "degraded"

    flags[models] = os.ST_RDONLY
    assert client.get("/readyz").json()["checks"]["disk"]["status"] == "ok"


def test_only_reading_is_possible(client: Client) -> None:
    for address in ("/healthz", "/readyz"):
        answer = client.post(address)
        assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


def test_an_answer_is_remembered_for_a_while() -> None:
    now, asked = [0.0], []

    def ask() -> Condition:
        asked.append(now[0])
        return Condition("x", "ok", "")

    remembered = Remembered(ask, seconds=3.0, clock=lambda: now[0])
    for time in (0.0, 2.9, 3.0, 3.1, 5.9, 6.0):
        now[0] = time
        remembered()

    assert asked == [0.0, 3.0, 6.0]
