"""loadcsv as a process of its own, on a database of its own: killed, stopped, and watched."""

import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
ROWS, SONGS = 400_000, 100
DEADLINE_SECONDS = 60

Pair = tuple[str, str, int, int, str]


class Site:
    """A folder with a database, and the commands run on it."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "musicrec.sqlite3"
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
            "STATE_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": "musicrec.settings",
        }
        assert self.start("migrate", "-v0").wait() == 0

    def start(self, *arguments: str, stderr: int = subprocess.PIPE) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, str(PROJECT / "manage.py"), *arguments],
            env=self._environment,
            stderr=stderr,
            text=True,
            # Whoever started the tests in the background has them ignore Ctrl-C, and us with them.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def profile(self) -> list[Pair]:
        with sqlite3.connect(self.database) as database:
            return database.execute(
                "SELECT user_id, song_id, value, order_key, event_id FROM user_profile"
                " JOIN listener ON listener.id = listener_id ORDER BY 1, 2"
            ).fetchall()

    def count(self) -> int:
        with sqlite3.connect(self.database, timeout=20) as database:
            (count,) = database.execute("SELECT count(*) FROM user_profile").fetchone()
        return int(count)


@pytest.fixture
def load(tmp_path: Path) -> list[str]:
    """The arguments that load two files of many rows."""
    songs, likes = tmp_path / "songs.csv", tmp_path / "interactions.csv"
    songs.write_text(
        "song_id,title,artist,genre\n" + "".join(f"{n},Song {n},,\n" for n in range(SONGS))
    )
    with likes.open("w") as out:
        out.write("user_id,song_id,like,timestamp\n")
        for n in range(ROWS):
            out.write(f"{n % 1_301},{n % SONGS},{n % 2},{1_700_000_000 + n % 5_000}\n")
    return ["loadcsv", "--songs", str(songs), "--interactions", str(likes)]


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_load_killed_halfway_and_run_again_ends_as_if_nothing_had_happened(
    tmp_path: Path, load: list[str]
) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    undisturbed = Site(whole)
    assert undisturbed.start(*load).wait() == 0

    site = Site(killed)
    process = site.start(*load)
    wait_until(lambda: site.count() > 0)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 0 < site.count() < undisturbed.count()

    assert site.start(*load).wait() == 0
    assert site.profile() == undisturbed.profile()


def test_ctrl_c_keeps_whole_batches_and_says_so(tmp_path: Path, load: list[str]) -> None:
    site = Site(tmp_path / "stopped")
    process = site.start(*load)
    wait_until(lambda: site.count() > 0)
    process.send_signal(signal.SIGINT)

    _, said = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 130
    assert f"100 songs and {site.count():,} interactions written until then are kept" in said
    assert "Traceback" not in said


def read_all(terminal: int) -> str:
    """What is written to a terminal until nobody has it open."""
    said = b""
    try:
        while part := os.read(terminal, 4_096):
            said += part
    except OSError:  # how Linux says that the other end was closed
        pass
    return said.decode()


def test_a_terminal_sees_how_far_a_load_is_how_fast_and_until_when(
    tmp_path: Path, load: list[str]
) -> None:
    watching, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (30, 120))
    process = Site(tmp_path / "watched").start(*load, stderr=terminal)
    os.close(terminal)

    said = read_all(watching)
    assert process.wait() == 0
    assert re.search(r"interactions.csv: +\d+% .*\d\d:\d\d<\d\d:\d\d, [\d,]+ rows, [\d,]+/s", said)
