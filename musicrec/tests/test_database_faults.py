"""What errors of the database mean, as the drivers raise them."""

import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.db import Error, IntegrityError, OperationalError, connection, transaction
from django.db.utils import DatabaseErrorWrapper

from feedback.group_commit import NeverTried
from feedback.tests.processes import database_url
from musicrec.database_faults import Fault, fault_of, in_a_line, nothing_was_stored
from recommendations import sealing
from recommendations.models import Song
from tests.ports import free_port


@contextmanager
def somebody_writes() -> Iterator[None]:
    """Another connection has what a new song needs; ours waits for a moment only."""
    if connection.vendor == "sqlite":
        other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 10")
        yield
        other.close()
        connection.close()
        return
    with psycopg.connect(database_url()) as there:
        there.execute("LOCK TABLE song IN ACCESS EXCLUSIVE MODE")
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = 10")
        yield
        there.rollback()
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_lock_that_somebody_holds_is_told_from_all_else() -> None:
    with somebody_writes(), pytest.raises(OperationalError) as raised, transaction.atomic():
        Song.objects.create(song_id="x", title="x")

    assert fault_of(raised.value) is Fault.LOCKED
    assert nothing_was_stored(raised.value)
    line = in_a_line(raised.value) or ""
    assert "is locked" in line
    assert "try again" in line
    assert str(connection.settings_dict["NAME"]) in line


@pytest.mark.django_db
@pytest.mark.parametrize("statement", ["SELECT 1 FROM nowhere", "SELECT missing FROM song"])
def test_tables_that_are_not_there_are_for_migrate_to_make(statement: str) -> None:
    with pytest.raises(Error) as raised, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert fault_of(raised.value) is Fault.NOT_MIGRATED
    assert (in_a_line(raised.value) or "").endswith("run manage.py migrate first")


@pytest.mark.django_db
@pytest.mark.parametrize("statement", ["SELEKT", "INSERT INTO song (id) VALUES (NULL)"])
def test_what_nobody_but_us_can_mend_is_no_fault_of_the_database(statement: str) -> None:
    with pytest.raises(Error) as raised, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert fault_of(raised.value) is None
    assert in_a_line(raised.value) is None


@pytest.mark.django_db
def test_of_a_database_that_is_away_or_of_another_name_no_password_is_told(settings: Any) -> None:
    settings.DATABASES["default"]["PASSWORD"] = "a-secret"
    for said in ("Connection refused", 'FATAL: database "x" does not exist'):
        error = OperationalError(f"connection failed: {said}\n\tIs it running?")

        assert fault_of(error) is Fault.AWAY
        assert not nothing_was_stored(error)
        line = in_a_line(error) or ""
        assert "correct DATABASE_URL" in line
        assert "a-secret" not in line
        assert "\n" not in line


def raised_by_connecting(address: str, **options: Any) -> Error:
    """The error as Django raises it."""
    backend: Any = SimpleNamespace(Database=psycopg, errors_occurred=False)
    with pytest.raises(Error) as raised, DatabaseErrorWrapper(backend):
        psycopg.connect(address, **options)
    return raised.value


def test_a_server_that_refuses_connections_has_stored_nothing() -> None:
    error = raised_by_connecting(f"postgres://me@127.0.0.1:{free_port()}/likes")
    # As each of those gets it who shared the commit.
    given_on = OperationalError(*error.args)
    given_on.__cause__ = error

    assert fault_of(error) is fault_of(given_on) is Fault.AWAY
    assert nothing_was_stored(error)
    assert nothing_was_stored(given_on)


def test_a_server_that_does_not_take_a_connection_in_time_has_stored_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        # Psycopg waits for two seconds at least.
        error = raised_by_connecting(f"postgres://me@127.0.0.1:{port}/likes", connect_timeout=1)

    assert fault_of(error) is Fault.AWAY
    assert nothing_was_stored(error)


@pytest.mark.postgres
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="about servers")
@pytest.mark.django_db
def test_of_a_connection_that_breaks_in_the_middle_it_is_not_known_what_was_stored() -> None:
    with psycopg.connect(database_url()) as there, psycopg.connect(database_url()) as admin:
        admin.execute("SELECT pg_terminate_backend(%s)", [there.info.backend_pid])
        backend: Any = SimpleNamespace(Database=psycopg, errors_occurred=False)
        with pytest.raises(Error) as raised, DatabaseErrorWrapper(backend):
            there.execute("SELECT pg_sleep(5)")

    assert fault_of(raised.value) is Fault.AWAY
    assert not nothing_was_stored(raised.value)


def raised_by_sqlite(database: sqlite3.Connection, statement: str) -> Error:
    """The error as Django raises it."""
    backend: Any = SimpleNamespace(Database=sqlite3, errors_occurred=False)
    with pytest.raises(Error) as raised, DatabaseErrorWrapper(backend):
        database.execute(statement)
    return raised.value


def test_a_full_disk_has_stored_nothing(tmp_path: Path) -> None:
    full = sqlite3.connect(tmp_path / "full", isolation_level=None)
    full.execute("CREATE TABLE t (x)")
    full.execute("PRAGMA max_page_count = 2")

    error = raised_by_sqlite(full, "INSERT INTO t VALUES (zeroblob(100000))")

    assert fault_of(error) is Fault.FULL
    assert nothing_was_stored(error)
    assert "make room" in (in_a_line(error) or "")
    full.close()


def test_a_file_that_cannot_be_used_is_told_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database " * 100)
    text = sqlite3.connect(tmp_path / "text")

    error = raised_by_sqlite(text, "SELECT * FROM t")

    assert fault_of(error) is Fault.UNUSABLE
    assert not nothing_was_stored(error)
    assert "see that its disk is sound" in (in_a_line(error) or "")
    text.close()


def test_one_that_was_moved_says_so() -> None:
    said = sealing.message("likes at db:5432")
    error = IntegrityError(said)

    assert fault_of(error) is Fault.MOVED
    assert nothing_was_stored(error)
    assert (in_a_line(error) or "").startswith(said)
    assert "manage.py move_to --unseal" in (in_a_line(error) or "")


def test_of_a_shared_commit_only_who_was_never_tried_knows_that_nothing_was_stored() -> None:
    assert nothing_was_stored(NeverTried("the database is busy"))
    assert not nothing_was_stored(OperationalError("the database does not answer"))
    assert not nothing_was_stored(OperationalError("the commit was broken off"))


def test_the_cause_is_found_behind_an_error_that_was_given_on() -> None:
    locked = sqlite3.OperationalError("database is locked")
    locked.sqlite_errorcode = sqlite3.SQLITE_BUSY
    first, given_on = OperationalError("database is locked"), OperationalError("database is locked")
    first.__cause__, given_on.__cause__ = locked, first

    assert fault_of(given_on) is Fault.LOCKED
