"""manage.py: what somebody can mend ends a command with one line, not with a traceback."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

import manage
from feedback.models import DeadLetter
from musicrec.moving import all_models
from recommendations import sealing
from tests.installation import ROOT
from tests.ports import free_port

Run = Callable[..., tuple[int, str]]

WRITING = (
    ["dead_letters", "discard", "--all", "--yes"],
    ["prune_likes"],
    ["consume_likes", "--rebuild"],
    ["delete_user", "ann", "--yes"],
    ["issue_token", "--service", "shop"],
)


@pytest.fixture
def run(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run manage.py in this process, to its end: the exit code, and what is on standard error."""

    def to_the_end(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["manage.py", *arguments])
        with pytest.raises(SystemExit) as end:
            manage.main()
        said = capsys.readouterr().err
        # As the interpreter does it: a text is printed, and the code is 1.
        return (
            (1, f"{said}{end.value}")
            if isinstance(end.value.code, str)
            else (int(end.value.code or 0), said)
        )

    return to_the_end


@pytest.fixture
def open_letter(transactional_db: None) -> DeadLetter:
    """Something to discard or replay."""
    return DeadLetter.objects.create(
        source="kafka",
        raw=b"{",
        digest="x",
        record_time_us=1,
        event_id="0" * 32,
        reason="bad_json",
        error="no JSON",
        created_at="2026-07-01T12:00:00Z",
    )


@pytest.fixture
def locked(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Another process writes to the SQLite file, and nobody waits for it for long."""
    if connection.vendor != "sqlite":
        pytest.skip("a lock on the whole database is SQLite's")
    connection.close()
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 0.01)
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.close()
    connection.close()


@pytest.fixture
def sealed(transactional_db: None) -> Iterator[None]:
    """The database was moved away."""
    if connection.vendor != "sqlite":
        pytest.skip("only a SQLite database is moved")
    sealing.seal((model._meta.db_table for model in all_models()), "likes at db:5432")
    yield
    sealing.unseal()


@pytest.mark.parametrize("command", [*WRITING, ["dead_letters", "replay", "--all"]], ids=" ".join)
def test_a_locked_database_is_one_line_that_says_who_may_hold_it(
    open_letter: DeadLetter, locked: None, run: Run, command: list[str]
) -> None:
    code, said = run(*command)

    assert code == 1
    [line] = said.strip().splitlines()
    assert f"the database {connection.settings_dict['NAME']} is locked" in line
    assert line.endswith("try again when that is done")


@pytest.mark.parametrize("command", WRITING, ids=" ".join)
def test_a_database_that_was_moved_is_one_line(
    open_letter: DeadLetter, sealed: None, run: Run, command: list[str]
) -> None:
    code, said = run(*command)

    assert code == 1
    [line] = said.strip().splitlines()
    assert sealing.message("likes at db:5432") in line


@pytest.mark.parametrize(
    "command",
    [
        ["dead_letters"],
        ["export_user", "ann"],
        ["prune_likes"],
        ["consume_likes", "--rebuild"],
        ["verify_likes"],
        ["delete_user", "ann", "--yes"],
    ],
    ids=" ".join,
)
def test_a_server_that_is_away_is_one_line_without_its_password(
    tmp_path: Path, command: list[str]
) -> None:
    port = free_port()
    done = ended(tmp_path, *command, DATABASE_URL=f"postgres://me:a-secret@127.0.0.1:{port}/likes")

    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith(f"cannot use the database likes at 127.0.0.1:{port} (")
    assert line.endswith("start it, or correct DATABASE_URL")
    assert "a-secret" not in line


@pytest.mark.parametrize("command", [["verify_likes"], ["delete_user", "ann", "--yes"]])
def test_tables_that_are_missing_are_one_line(tmp_path: Path, command: list[str]) -> None:
    done = ended(tmp_path, *command)

    assert done.returncode == 1
    assert done.stderr.strip().endswith("run manage.py migrate first")
    assert "Traceback" not in done.stderr


def test_with_traceback_the_error_itself_is_shown(tmp_path: Path) -> None:
    done = ended(tmp_path, "prune_likes", "--traceback")

    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")


def test_a_fault_of_ours_is_no_single_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELEKT")

    monkeypatch.setattr("feedback.management.commands.prune_likes.prune", broken)

    with pytest.raises(Exception, match="SELEKT"):
        run("prune_likes")


@pytest.mark.parametrize(
    ("command", "at"),
    [
        (["consume_likes", "--rebuild"], "feedback.management.commands.consume_likes.rebuild"),
        (["prune_likes"], "feedback.management.commands.prune_likes.prune"),
    ],
)
def test_ctrl_c_is_one_line_and_130(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: list[str], at: str
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(at, interrupted)

    assert run(*command) == (130, "stopped; what was done until then stands\n")


def test_ctrl_c_while_everything_is_still_being_imported_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "environs.py").write_text("raise KeyboardInterrupt\n")

    done = ended(tmp_path, "prune_likes", PYTHONPATH=str(tmp_path))

    assert (done.returncode, done.stderr) == (130, "stopped; what was done until then stands\n")


def ended(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command as a process of its own, in a state folder of its own."""
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *command],
        env={name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        | {
            "DJANGO_SETTINGS_MODULE": "musicrec.settings",
            "STATE_DIR": str(folder),
            "SECRET_KEY": "of no use but long enough for a test",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
