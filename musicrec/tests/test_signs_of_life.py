"""What a container's health check is told."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.utils import timezone

from feedback.consuming.presence import RELAY_LEASE, Presence
from feedback.kafka.names import MemberSlot
from recommendations.leases import Hold
from recommendations.models import Lease

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def state(tmp_path: Path, settings: Any) -> Path:
    settings.STATE_DIR = tmp_path
    settings.CELERY_BEAT_SCHEDULE_FILENAME = str(tmp_path / "beat-schedule")
    return tmp_path


def run_consumer() -> None:
    slot = MemberSlot()
    Presence(slot.name).renew()
    slot.close()


def run_relay() -> None:
    Hold(RELAY_LEASE, 5.0).take()


@pytest.mark.parametrize(("process", "run"), [("consumer", run_consumer), ("relay", run_relay)])
def test_a_process_lives_while_its_lease_is_renewed(process: str, run: Callable[[], None]) -> None:
    with pytest.raises(SystemExit, match=f"^{process}: no lease"):
        call_command("alive", process)

    run()
    assert call_command("alive", process) == f"{process} runs"

    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=30))
    with pytest.raises(SystemExit, match=f"^{process}: no lease"):
        call_command("alive", process)


def test_the_consumer_of_another_machine_is_no_sign_of_ours() -> None:
    Presence("elsewhere-0").renew()

    with pytest.raises(SystemExit, match=r"^consumer: no lease"):
        call_command("alive", "consumer")


def test_the_consumer_of_another_state_folder_is_no_sign_of_ours(
    state: Path, settings: Any
) -> None:
    run_consumer()
    settings.STATE_DIR = state / "another"

    with pytest.raises(SystemExit, match=r"^consumer: no lease"):
        call_command("alive", "consumer")


# Which file holds the schedule depends on what this Python was built with.
@pytest.mark.parametrize("ending", ["", ".db", "-wal"])
def test_beat_lives_while_it_writes_its_schedule(state: Path, ending: str) -> None:
    with pytest.raises(SystemExit, match=r"^beat: there is no"):
        call_command("alive", "beat")

    file = state / f"beat-schedule{ending}"
    file.touch()
    assert call_command("alive", "beat") == "beat runs"

    os.utime(file, times=(1_000_000_000, 1_000_000_000))
    with pytest.raises(SystemExit, match=r"^beat: .* s old"):
        call_command("alive", "beat")


def test_a_database_that_is_away_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(Lease.objects, "filter", away)

    with pytest.raises(SystemExit, match=r"^relay: the database does not answer"):
        call_command("alive", "relay")
