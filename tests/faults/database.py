"""The database of an installation, as somebody outside of the project's code sees it."""

import shutil
import sqlite3
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests import postgres

Rows = list[tuple[Any, ...]]


class Database:
    """SQLite or Postgres, by the installation's DATABASE_URL or its file."""

    def __init__(self, file: Path, url: str = "") -> None:
        self.file, self.url = file, url

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return not self.url

    def query(self, statement: str) -> Rows:
        """All rows, as they are committed now."""
        with self._connection() as connection:
            return [tuple(row) for row in connection.execute(statement).fetchall()]

    def number(self, statement: str) -> int:
        """The one number that a statement finds, 0 where it is none."""
        return int(self.query(statement)[0][0] or 0)

    def ids(self, statement: str) -> list[str]:
        """The ids in the first column, as 32 hex digits."""
        return [hex_of(row[0]) for row in self.query(statement)]

    def run(self, script: list[str]) -> None:
        """Run statements, all in one commit."""
        with self._connection() as connection:
            for statement in script:
                connection.execute(statement)
            connection.commit()

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Add rows, all in one commit."""
        marks = ", ".join(["?" if self.is_sqlite else "%s"] * len(columns))
        statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
        with self._connection() as connection:
            connection.cursor().executemany(statement, rows)
            connection.commit()

    def is_sound(self) -> bool:
        """Whether SQLite finds its file whole; a server looks after its own."""
        return not self.is_sqlite or self.query("PRAGMA integrity_check") == [("ok",)]

    def back_up(self, file: Path) -> None:
        """Back up while everything runs, as docs/operations.md says."""
        if not self.is_sqlite:
            self._server_program("pg_dump", "--format=custom", f"--file={file}", self.url)
            return
        with self._connection() as connection, closing(sqlite3.connect(file)) as copy:
            connection.backup(copy)

    def restore(self, file: Path) -> None:
        """Put a backup in the place of the database, while nothing runs."""
        if not self.is_sqlite:
            flags = ("--clean", "--if-exists", "--no-owner")
            self._server_program("pg_restore", *flags, f"--dbname={self.url}", str(file))
            return
        for lost in ("", "-wal", "-shm"):
            Path(f"{self.file}{lost}").unlink(missing_ok=True)
        shutil.copyfile(file, self.file)

    def _server_program(self, name: str, *arguments: str) -> None:
        where = postgres.programs()
        assert where is not None
        subprocess.run([where / name, *arguments], check=True)

    def is_written(self) -> bool:
        """Whether somebody is in the middle of a transaction that writes."""
        if not self.is_sqlite:
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            found = (
                f"SELECT COUNT(*) FROM pg_stat_activity WHERE {others} AND backend_xid IS NOT NULL"  # noqa: S608
            )
            return self.number(found) > 0
        with closing(sqlite3.connect(self.file, timeout=0)) as probe:
            try:
                probe.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
        return False

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold what every writer of likes needs, so that all of them wait."""
        with self._connection() as connection:
            if self.is_sqlite:
                connection.execute("BEGIN IMMEDIATE")
            else:
                # What the API locks first, then what a consumer does: each waits without holding
                # what the other of us wants. Reading goes on, as it does on SQLite.
                connection.execute("LOCK TABLE outbox_sequence, user_profile IN EXCLUSIVE MODE")
            yield
            connection.rollback()

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        made: Any = (
            sqlite3.connect(self.file, timeout=20) if self.is_sqlite else psycopg.connect(self.url)
        )
        try:
            yield made
        finally:
            made.close()


def hex_of(event_id: Any) -> str:
    """An id as 32 hex digits: SQLite keeps them so, Postgres as a type of its own."""
    return uuid.UUID(str(event_id)).hex
