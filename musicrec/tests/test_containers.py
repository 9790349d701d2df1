"""docker-compose.yml and Dockerfile, where what they say depends on the code."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from django.core.management import get_commands

from musicrec.signs_of_life import FAULTS

ROOT: Final = Path(__file__).resolve().parents[2]
SERVICES: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())[
    "services"
]
ENVIRONMENT: Final[dict[str, str]] = SERVICES["web"]["environment"]
OURS: Final = {name: each for name, each in SERVICES.items() if each.get("image") == "musicrec"}


@pytest.mark.parametrize("process", sorted(FAULTS))
def test_processes_without_a_port_are_asked_for_what_their_loop_renews(process: str) -> None:
    assert "alive" in get_commands()
    assert OURS[process]["healthcheck"]["test"] == ["CMD", "python", "manage.py", "alive", process]


def test_the_address_that_the_health_check_calls_is_always_allowed(tmp_path: Path) -> None:
    assert "//127.0.0.1:8000/readyz" in OURS["web"]["healthcheck"]["test"][-1]

    environment = os.environ | {"STATE_DIR": str(tmp_path), "ALLOWED_HOSTS": "music.example.org"}
    code = "from musicrec import settings; print(*settings.ALLOWED_HOSTS)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["music.example.org", "127.0.0.1"]


def test_replicas_are_not_one_member_of_the_group() -> None:
    assert "hostname" not in OURS["consumer"]


def test_only_the_worker_can_write_models_and_no_state_folder_is_shared() -> None:
    mounts = {name: each["volumes"] for name, each in OURS.items() if "volumes" in each}
    environments = [each["environment"] for each in OURS.values()]

    ledger = "ledger:/data/ledger"
    assert mounts == {
        "web": ["models:/data/models:ro", ledger],
        "worker": ["models:/data/models"],
        "consumer": [ledger],
    }
    assert all(each == ENVIRONMENT for each in environments)
    # A volume of each container's own: no other is mounted there, and the image declares one.
    assert (ENVIRONMENT["STATE_DIR"], ENVIRONMENT["MODEL_DIR"]) == ("/data", "/data/models")
    image = (ROOT / "Dockerfile").read_text()
    assert "VOLUME /data\n" in image
    # A new volume takes its owner from the image's folder, which must be there for that.
    assert "mkdir -p /data/models /data/ledger && chown -R musicrec /data\n" in image
    assert ENVIRONMENT["FORGOTTEN_LEDGER"] == "/data/ledger/forgotten.jsonl"
