"""The database of an installation, as somebody outside of the project's code sees it."""

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

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

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold what every writer of likes needs, so that all of them wait."""
        with self._connection() as connection:
            if self.is_sqlite:
                connection.execute("BEGIN IMMEDIATE")
            else:
                connection.execute("LOCK TABLE user_profile, outbox, applied_event")
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
