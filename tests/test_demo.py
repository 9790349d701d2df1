"""The first command of the README, as someone at a terminal lives it."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.installation import ROOT, Installation, Web
from tests.ports import free_port


@pytest.fixture
def here(installations: Callable[..., Installation]) -> Installation:
    # What demo does is asked, not how good its model can be: the search need not be long.
    return installations(TRAINING_BUDGET_SECONDS="10")


def said(here: Installation) -> str:
    return (here.folder / "log" / "demo.log").read_text()


def test_demo_prepares_everything_says_what_there_is_and_ends_cleanly(here: Installation) -> None:
    port = free_port()
    demo = here.start("demo", "demo", "--no-browser", "--port", str(port))
    here.wait_for(lambda: "Ctrl-C ends everything" in said(here), "demo to be ready")
    web = Web(f"http://127.0.0.1:{port}")

    assert "1,200 songs, 800 users" in said(here)
    ours, popular = map(float, re.findall(r"(?:NDCG@10|popularity) (0\.\d+)", said(here)))
    assert ours > 1.2 * popular
    assert web.call("GET", "/readyz")[1]["status"] in ("ready", "degraded")
    check_pasted_lines(here)
    children = here.query("SELECT 1") and children_of(demo.process.pid)
    demo.process.send_signal(signal.SIGINT)

    assert demo.process.wait(20) == 0
    assert children
    assert not any(alive(pid) for pid in children)


def check_pasted_lines(here: Installation) -> None:
    """Run the lines that demo prints in a shell, as they stand."""
    lines = [line.strip() for line in said(here).splitlines()]
    token = next(line for line in lines if line.startswith("TOKEN="))
    curls = [
        line.replace("curl", "curl -sS --fail-with-body", 1)
        for line in lines
        if line.startswith("curl")
    ]
    assert len(curls) == 3
    for curl in curls:
        done = subprocess.run(
            ["bash", "-c", f"{token}\n{curl}"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{curl}: {done.stdout}{done.stderr}"


def children_of(pid: int) -> list[int]:
    """The processes that demo started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def run_demo(here: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "manage.py"), "demo", "--no-browser", *arguments]
    return subprocess.run(
        command, env=here.environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_busy_port_is_one_clear_line(here: Installation) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run_demo(here, "--port", str(port))

    assert done.returncode == 1
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .endswith("end what is there, or choose another with --port")
    )
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_folder_that_cannot_be_made_is_one_clear_line(
    installations: Callable[..., Installation], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    here = installations(STATE_DIR=str(tmp_path / "file" / "state"))
    done = run_demo(here)

    assert done.returncode == 1
    assert "cannot make the state folder" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_old_python_is_told_so_in_one_line() -> None:
    code = (
        "import sys, runpy; sys.version_info = (3, 10, 0); sys.argv = ['manage.py', 'demo'];"
        f"runpy.run_path({str(ROOT / 'manage.py')!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "needs Python 3.11 or newer, this is 3.10" in done.stderr


def test_a_child_that_dies_ends_demo_with_its_error(here: Installation) -> None:
    port = free_port()
    demo = here.start("demo", "demo", "--no-browser", "--port", str(port))
    here.wait_for(lambda: "Ctrl-C ends everything" in said(here), "demo to be ready")
    victim = next(
        pid
        for pid in children_of(demo.process.pid)
        if b"consume_likes" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    import os

    os.kill(victim, signal.SIGKILL)

    assert demo.process.wait(20) == 1
    assert "consumer ended with exit code -9" in said(here)


def test_ctrl_c_in_the_first_training_ends_everything_at_once(here: Installation) -> None:
    demo = here.start("demo", "demo", "--no-browser", "--port", str(free_port()))
    here.wait_for(lambda: "training the first model" in said(here), "the training to begin")
    here.wait_for(lambda: (here.folder / "log" / "training.log").exists(), "the trainer")
    demo.process.send_signal(signal.SIGINT)

    assert demo.process.wait(8) == 0


@pytest.mark.parametrize("arguments", [("--port", "99999"), ("--port", "x")])
def test_a_port_that_cannot_be_is_a_usage_error(
    here: Installation, arguments: tuple[str, str]
) -> None:
    assert run_demo(here, *arguments).returncode == 2


def test_a_setting_that_makes_no_sense_is_named_at_once(
    installations: Callable[..., Installation],
) -> None:
    done = run_demo(installations(MODEL_ALGORITHM="magic"))

    assert done.returncode == 1
    assert "MODEL_ALGORITHM" in done.stderr
    assert "Traceback" not in done.stderr


def test_commands_on_a_database_that_is_not_prepared_say_what_to_do(here: Installation) -> None:
    for arguments in (["retrain"], ["recommend", "101"], ["models"], ["consume_likes", "--once"]):
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        done = subprocess.run(
            command, env=here.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].endswith("run manage.py migrate first"), arguments
        assert "Traceback" not in done.stderr
