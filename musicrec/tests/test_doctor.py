"""``manage.py doctor``: it finds what is broken, says what to do, and changes nothing."""

import json
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from pytest_django import Settings

from feedback.models import ConsumerStop
from musicrec import conditions, examination
from recommendations import forgotten
from recommendations.models import ModelVersion, TrainingRun

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _alone(settings: Settings, tmp_path: Path) -> None:
    """No service is set, and the model store is empty."""
    settings.KAFKA_BOOTSTRAP_SERVERS, settings.REDIS_URL = [], ""
    settings.MODEL_DIR = tmp_path / "models"


def doctor(*arguments: str) -> tuple[int, str]:
    """Its exit code and what it printed."""
    out = StringIO()
    try:
        call_command("doctor", *arguments, stdout=out)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    return 0, out.getvalue()


def states() -> dict[str, str]:
    rows = json.loads(doctor("--json")[1])["findings"]
    return {row["name"]: row["state"] for row in rows}


def test_an_empty_installation_is_not_broken_and_is_told_what_comes_next() -> None:
    code, text = doctor()

    assert code == 0, text
    assert "-> manage.py loadcsv" in text
    assert "-> manage.py consume_likes" in text
    assert "manage.py verify_likes" in text.splitlines()[-1]
    found = states()
    assert found["database"] == found["migrations"] == found["durability"] == "ok"
    assert found["model"] == found["catalogue"] == "degraded"


def test_services_that_are_set_and_away_are_broken(settings: Settings) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = ["127.0.0.1:1"]
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    code, text = doctor()

    assert code == 1
    assert "BROKEN  kafka" in text
    assert "BROKEN  redis" in text
    assert "127.0.0.1:1" in text


def test_a_live_model_without_its_files_is_broken() -> None:
    run = TrainingRun.objects.create(started_at=timezone.now())
    ModelVersion.objects.create(
        version="v1", training_run=run, algorithm="x", created_at=timezone.now(), is_live=True
    )

    code, text = doctor()

    assert code == 1
    assert "manage.py retrain" in text


def test_settings_that_cannot_work_are_findings_and_not_its_end(settings: Settings) -> None:
    settings.MODEL_ALGORITHM = "magic"

    code, text = doctor()

    assert code == 1
    assert "magic" in text
    assert "database" in text


def test_a_secret_that_others_can_read_is_broken(settings: Settings, tmp_path: Path) -> None:
    settings.STATE_DIR = tmp_path
    (tmp_path / "secret_key").write_text("x")

    (tmp_path / "secret_key").chmod(0o600)
    assert "secret key" not in states()

    (tmp_path / "secret_key").chmod(0o644)
    assert states()["secret key"] == "broken"


def test_a_database_that_does_not_answer_ends_no_other_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    away = conditions.Condition("database", "broken", "away", advice="start it")
    monkeypatch.setattr(conditions, "database", lambda: away)

    code, text = doctor()

    assert code == 1
    assert "-> start it" in text
    assert "disk" in text


def test_missing_migrations_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = [("access.0001_initial", False)]
    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda *_: plan)

    code, text = doctor()

    assert code == 1
    assert "access.0001_initial" in text


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="about SQLite's own settings")
def test_a_database_that_does_not_wait_for_the_disk_is_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert connection.vendor == "sqlite"
    real = examination._value
    monkeypatch.setattr(
        examination, "_value", lambda query: 1 if "synchronous" in query else real(query)
    )

    code, text = doctor()

    assert code == 1
    assert "synchronous is 1" in text


@pytest.mark.postgres
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="about Postgres's own settings")
@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit"])
def test_a_server_that_does_not_wait_for_the_disk_is_broken(
    monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    real = examination._value
    monkeypatch.setattr(
        examination, "_value", lambda query: "off" if setting in query else real(query)
    )

    code, text = doctor()

    assert code == 1
    assert f"{setting} is off" in text


def test_a_stop_at_poison_is_told_with_what_was_read_and_what_to_do() -> None:
    ConsumerStop.objects.create(
        stopped_at=timezone.now(),
        dead_in_a_row=1_001,
        recent_dead=1_001,
        recent=1_001,
        message="bad_json 200, first place=song_likes/0/7",
    )

    text = doctor()[1]

    assert "song_likes/0/7" in text
    assert "--accept-poison" in text


def test_markers_that_find_nobody_are_named_with_what_to_do(settings: Settings) -> None:
    forgotten.mark("ann", 5)
    assert states()["forgotten"] == "ok"

    old, settings.SECRET_KEY = settings.SECRET_KEY, "another key of more than 32 characters"
    text = doctor()[1]
    assert "1 of 1 markers find nobody" in text
    assert "FORGOTTEN_KEYS" in text

    settings.FORGOTTEN_KEYS = [old]
    assert states()["forgotten"] == "ok"


@pytest.mark.kafka
def test_a_topic_that_drops_likes_is_broken_and_the_command_that_mends_it_is_told(
    likes_topic: str,
) -> None:
    from kafka import KafkaAdminClient

    from feedback.kafka.clients import client_options

    with closing(KafkaAdminClient(**client_options())) as admin:
        assert states()["topic"] == "ok"
        its = {"cleanup.policy": "compact"}
        admin.create_topics(
            {likes_topic: {"num_partitions": 1, "configs": its}}, wait_for_metadata=True
        )

    code, text = doctor()

    assert code == 1
    assert "cleanup.policy is compact" in text
    assert f"--entity-name {likes_topic} --add-config cleanup.policy=delete," in text
