"""Children that live and die together."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from musicrec import supervision
from musicrec.supervision import ChildEnded, Supervisor

DEADLINE_SECONDS = 10.0


def wait_for_end(supervisor: Supervisor) -> str:
    """What the supervisor says when a child has ended."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        try:
            supervisor.check()
        except ChildEnded as error:
            return str(error)
    pytest.fail("no child ended")


def wait_for_text(file: Path, *, end: str) -> str:
    """What a file holds once that ends as told."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not file.exists() or not (text := file.read_text()).endswith(end):
        assert time.monotonic() < deadline, f"nothing was written to {file}"
        time.sleep(0.01)
    return text


def wait_until_gone(pid: int) -> None:
    """Return when the process has ended, even where nobody has taken its exit code yet."""
    status, deadline = Path(f"/proc/{pid}/status"), time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            if "zombie" in status.read_text():
                return
        except (FileNotFoundError, ProcessLookupError):
            return
        assert time.monotonic() < deadline, f"process {pid} lives on"
        time.sleep(0.01)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_child_that_dies_is_named_with_its_exit_code_and_last_words(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    supervisor.start("steady", python("import time; time.sleep(60)"), os.environ)
    supervisor.start("frail", python("import sys; sys.exit('no port left')"), os.environ)

    said = wait_for_end(supervisor)
    supervisor.stop()

    assert "frail ended with exit code 1" in said
    assert "no port left" in said


def test_stopping_ends_every_child(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    child = supervisor.start("steady", python("import time; time.sleep(60)"), os.environ)

    supervisor.check()
    supervisor.stop()

    assert child.process.returncode == -signal.SIGTERM


STUBBORN = (
    "import pathlib, signal, subprocess, sys, time;"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN if {ignores} else signal.SIG_DFL);"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "pathlib.Path({file!r}).write_text(str(child.pid) + '.');"
    "time.sleep(60)"
)


@pytest.mark.parametrize("ignores", [True, False])
def test_what_a_child_started_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ignores: bool
) -> None:
    monkeypatch.setattr(supervision, "STOP_SECONDS", 0.3)
    supervisor, file = Supervisor(tmp_path), tmp_path / "pid"
    code = STUBBORN.format(ignores=ignores, file=str(file))
    supervisor.start("stubborn", python(code), os.environ)
    pid = int(wait_for_text(file, end=".").removesuffix("."))

    supervisor.stop()

    wait_until_gone(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = (
        "import os, sys, time, pathlib; from musicrec.supervision import Supervisor;"
        f"c = Supervisor(pathlib.Path({str(tmp_path)!r})).start("
        "'steady', [sys.executable, '-c', 'import time; time.sleep(60)'], os.environ);"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(c.process.pid)); os.kill(os.getpid(), 9)"
    )
    import subprocess

    subprocess.run(python(code), cwd=Path(__file__).parents[2], check=False)
    pid = int(pid_file.read_text())

    wait_until_gone(pid)
