"""A real Kafka broker for tests: started once, killed, paused and made to forget at will."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import IO, Final

from tests.ports import free_port

START: Final = Path(__file__).parent / "start-kafka"
# The first start ever fetches 43 MB of jars.
START_SECONDS: Final = 180.0


def can_start() -> bool:
    """Whether there is what the start script needs."""
    return bool(shutil.which("java") and shutil.which("mvn"))


class Broker:
    """One broker of its own folder and port. What it wrote survives ``kill`` and ``start``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self._controller_port = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    @property
    def address(self) -> str:
        """What goes into KAFKA_BOOTSTRAP_SERVERS."""
        return f"127.0.0.1:{self.port}"

    @property
    def is_running(self) -> bool:
        """Whether its process is there; it may hang."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._output = (self.folder / "output.txt").open("wb")
        self._process = subprocess.Popen(
            [START, self.folder, str(self.port), str(self._controller_port)],
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "output.txt").read_text(errors="replace"))
            time.sleep(0.05)

    def kill(self) -> None:
        """kill -9."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        self._process = None
        if self._output is not None:
            self._output.close()

    def pause(self) -> None:
        """Let it hang: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def forget(self) -> None:
        """Delete all that it wrote, while it is down."""
        shutil.rmtree(self.folder / "log", ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, number)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True
