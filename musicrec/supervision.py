"""Child processes that live and die together: one that ends takes the others with it."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

STOP_SECONDS = 10.0
LAST_LINES = 15
PR_SET_PDEATHSIG = 1


class ChildEnded(Exception):
    """A child ended by itself. The message names it and shows the end of its log."""


@dataclass(frozen=True)
class Child:
    """A running child and the file that holds all it wrote."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    lasting: bool = True

    def last_words(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-LAST_LINES:])


class Supervisor:
    """Starts children, notices the first that ends, and stops all of them."""

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._log_dir.mkdir(parents=True, exist_ok=True)
        self._children: list[Child] = []

    def start(
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        lasting: bool = True,
    ) -> Child:
        """Start a child with its output in a log of its own.

        lasting: it is to run until it is stopped; one that is not may end with exit code 0.
        """
        log = self._log_dir / f"{name}.log"
        with log.open("wb") as out:
            # A session of its own: Ctrl-C reaches the supervisor alone, which ends them in order.
            process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        child = Child(name, process, log, lasting)
        self._children.append(child)
        return child

    def check(self) -> None:
        """Raise ChildEnded if any child has ended that should not, or with an error."""
        for child in self._children:
            code = child.process.poll()
            if code is not None and (child.lasting or code != 0):
                raise ChildEnded(
                    f"{child.name} ended with exit code {code}; the end of {child.log}:\n"
                    f"{child.last_words()}"
                )

    def stop(self) -> None:
        """Ask all children to end, the latest started first, and kill what does not within 10 s.

        What is killed is a child with all it started; of one that ended in order nothing is left.
        """
        children = [child for child in self._children if child.process.poll() != 0]
        for child in reversed(children):
            if child.process.returncode is None:
                child.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for child in children:
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.1, deadline - time.monotonic()))
        for child in children:
            # Its session is its own, and so is its group: the workers of a web server or of Celery
            # are in it, and would keep the port or the training after their leader's end.
            with suppress(ProcessLookupError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()


def _die_with_parent() -> None:
    """Let the kernel end the child when the supervisor is killed, so that no port stays taken."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
