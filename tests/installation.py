"""An installation of its own for a test: a state folder, real processes, and a way to look in."""

import json
import os
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from musicrec.supervision import Child, Supervisor
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[1]
DEADLINE_SECONDS = 60.0
POLL_SECONDS = 0.05


class Installation:
    """Runs the project's commands and processes as a user would, in a folder of its own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self._supervisor = Supervisor(folder / "log")
        inherited = {k: v for k, v in os.environ.items() if k != "KAFKA_BOOTSTRAP_SERVERS"}
        self.environment = inherited | {
            "DJANGO_SETTINGS_MODULE": "musicrec.settings",
            "STATE_DIR": str(folder),
            "PYTHONPATH": str(ROOT),
            **environment,
        }

    def manage(self, *arguments: str) -> str:
        """Run a command to its end and return what it printed. Raises where it fails."""
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{arguments} ended with {done.returncode}:\n{done.stderr}"
        return done.stdout.strip()

    def start(self, name: str, *arguments: str) -> Child:
        """Start one of the long-running commands of manage.py."""
        return self.start_python(name, str(ROOT / "manage.py"), *arguments)

    def start_module(self, name: str, *arguments: str) -> Child:
        """Start a process that is a Python module: granian, celery."""
        return self.start_python(name, "-m", *arguments)

    def start_python(self, name: str, *arguments: str) -> Child:
        """Start a process of the interpreter that runs this one."""
        return self._supervisor.start(name, [sys.executable, *arguments], self.environment)

    def start_web(self, *flags: str) -> "Web":
        """Start the web process on a free port, with more flags, and wait until it answers."""
        port = free_port()
        where = ("--host", "127.0.0.1", "--port", str(port))
        self.start_module(
            f"web-{port}",
            "granian",
            "--interface",
            "wsgi",
            *where,
            *flags,
            "musicrec.wsgi:application",
        )
        web = Web(f"http://127.0.0.1:{port}")
        self.wait_for(web.is_ready, "the web process to be ready")
        return web

    def wait_for(self, condition: Callable[[], Any], what: str) -> Any:
        """Poll until the condition holds; fail with the logs when it does not in time."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (found := condition()):
            self._supervisor.check()
            if time.monotonic() > deadline:
                logs = {p.name: p.read_text()[-2_000:] for p in (self.folder / "log").iterdir()}
                raise AssertionError(f"waited {DEADLINE_SECONDS} s for {what}: {logs}")
            time.sleep(POLL_SECONDS)
        return found

    def query(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Read the installation's SQLite database from outside."""
        connection = sqlite3.connect(self.folder / "musicrec.sqlite3", timeout=10)
        try:
            return connection.execute(statement, parameters).fetchall()
        finally:
            connection.close()

    def stop(self) -> None:
        """End all processes that are still there."""
        self._supervisor.stop()


class Web:
    """A client of the running web process, with a credential or without."""

    def __init__(self, address: str, credential: str | None = None) -> None:
        self.address = address
        self._headers = {"Authorization": f"Bearer {credential}"} if credential else {}

    def as_caller(self, credential: str) -> "Web":
        """The same web process, called with a credential."""
        return Web(self.address, credential)

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status and the JSON of one call."""
        headers = {**self._headers, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - the address is the test's own server
            self.address + path, data=data, headers=headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def is_ready(self) -> bool:
        """Whether requests can be answered."""
        try:
            return self.call("GET", "/readyz")[0] == 200
        except OSError:
            return False
