"""Children that live and die together."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

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

    deadline = time.monotonic() + DEADLINE_SECONDS
    while Path(f"/proc/{pid}").exists() and "zombie" not in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < deadline, "the child outlived its supervisor"
