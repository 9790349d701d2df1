"""Reading much of the database as it stood at one moment, while others go on writing."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.backends.utils import CursorWrapper


@contextmanager
def one_moment() -> Iterator[CursorWrapper]:
    """A cursor in a read transaction of its own: every read in it sees the same data.

    That holds for what the connection is asked through the ORM meanwhile, too. Begun by hand,
    since Django's atomic() would take SQLite's write lock (IMMEDIATE) and so stop every like for
    as long as the reading lasts. Inside a transaction it joins that one.
    """
    with connection.cursor() as cursor:
        if connection.in_atomic_block:
            yield cursor
            return
        postgres = connection.vendor == "postgresql"
        cursor.execute(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if postgres else "BEGIN DEFERRED"
        )
        try:
            yield cursor
        finally:
            cursor.execute("ROLLBACK")
