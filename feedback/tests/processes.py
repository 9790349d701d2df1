"""Commands as processes of their own, on the database, topic and folder of the test."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import connection

ROOT: Final = Path(__file__).parents[2]


def environment() -> dict[str, str]:
    """What makes a process of the real settings work where the test does."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "musicrec.settings",
        "DATABASE_URL": database_url(),
        "STATE_DIR": str(settings.STATE_DIR),
        "SECRET_KEY": settings.SECRET_KEY,
        "FORGOTTEN_LEDGER": str(settings.FORGOTTEN_LEDGER),
        "KAFKA_BOOTSTRAP_SERVERS": ",".join(settings.KAFKA_BOOTSTRAP_SERVERS),
        "LIKES_TOPIC": settings.LIKES_TOPIC,
        "LIKES_GROUP": settings.LIKES_GROUP,
        "LIKES_PARTITIONS": str(settings.LIKES_PARTITIONS),
    }


def database_url() -> str:
    """The address of the test's own database."""
    made = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{made['NAME']}"
    login = f"{made['USER']}:{made['PASSWORD']}@{made['HOST']}:{made['PORT'] or 5432}"
    return f"postgres://{login}/{made['NAME']}"


class Running:
    """A command of manage.py that runs until it is stopped, killed or done."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, ROOT / "manage.py", *arguments],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.communicate()

    def stop(self) -> tuple[int, str]:
        """SIGTERM: its exit code and what it printed."""
        self.process.terminate()
        return self.end()

    def end(self, timeout_seconds: float = 60) -> tuple[int, str]:
        """Wait until it is done: its exit code and what it printed."""
        out, error = self.process.communicate(timeout=timeout_seconds)
        return self.process.returncode, out + error


def run(*arguments: str) -> tuple[int, str]:
    """A command of manage.py, to its end: its exit code and what it printed."""
    return Running(*arguments).end()


def wait_for(holds: Callable[[], Any], seconds: float, what: str) -> float:
    """Wait until it holds; returns the seconds that took, and fails the test when it never does."""
    start = time.monotonic()
    while not holds():
        if time.monotonic() - start > seconds:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(0.005)
    return time.monotonic() - start
