"""SQL that the tables of words share: user_profile, profile_base and profile_shadow.

In each, of all that was said of a pair the greatest stays. The comparison is made by the write
itself: two writers that each read, compared and then wrote could undo one another.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final, TypeVar

from django.db import connection

T = TypeVar("T")

PROFILE: Final = "user_profile"
BASE: Final = "profile_base"
SHADOW: Final = "profile_shadow"

# Rows of one INSERT. Six parameters a row keep below the 999 of an old SQLite; more rows were not
# faster (160,000 rows a second at 40, 160 and 500 alike).
ROWS_PER_STATEMENT: Final = 160
IDS_PER_STATEMENT: Final = 900

# (listener row id, song id, value, order key, event id, time of writing)
Row = tuple[Any, ...]

_COLUMNS: Final = "listener_id, song_id, value, order_key, event_id, updated_at"


def upsert(table: str, rows: Sequence[Row]) -> Iterator[tuple[int, int]]:
    """Write rows, one a pair, where they win; to be run to its end.

    Yields (row id, listener id) of every row that was made or changed.
    """
    with connection.cursor() as cursor:
        for chunk in chunks(rows, ROWS_PER_STATEMENT):
            values = ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(chunk))
            statement = f"{_insert(table, f'VALUES {values}')} RETURNING id, listener_id"
            cursor.execute(statement, list(chain.from_iterable(chunk)))
            yield from cursor.fetchall()


def copy(source: str, into: str, where: str, parameters: Sequence[Any] = ()) -> int:
    """Copy the rows of one table that meet a condition into another, where they win.

    Returns how many were written.
    """
    # Not in order of the pair: they were written nearly so, and sorting costs a third more.
    rows = f"SELECT {_COLUMNS} FROM {source} WHERE {where} ORDER BY id"  # noqa: S608
    return insert(into, rows, parameters)


def insert(into: str, rows: str, parameters: Sequence[Any]) -> int:
    """Write the rows that a SELECT gives, with a WHERE of its own, where they win.

    Returns how many were written.
    """
    with connection.cursor() as cursor:
        cursor.execute(_insert(into, rows), list(parameters))
        return max(int(cursor.rowcount), 0)


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in pieces of at most that size."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _insert(table: str, rows: str) -> str:
    """The INSERT of rows that keeps the greatest, in SQL that SQLite and Postgres read alike."""
    return f"""
        INSERT INTO {table} ({_COLUMNS}) {rows}
        ON CONFLICT (listener_id, song_id) DO UPDATE SET
            value = excluded.value, order_key = excluded.order_key,
            event_id = excluded.event_id, updated_at = excluded.updated_at
        WHERE (excluded.order_key, excluded.event_id) > ({table}.order_key, {table}.event_id)
    """
