"""Many rows as one, in JSON that the database makes.

The driver of SQLite lets go of the interpreter's lock for every row that it fetches. With several
threads at work each of these is a fight for it: a request of eighty rows spent half of its CPU
time in waking and waiting (docs/decisions/0006-rows-come-as-one.md).
"""

from typing import Any, Final

import orjson
from django.db import connection

_NAMES: Final = {
    "sqlite": ("json_group_array", "json_array"),
    "postgresql": ("json_agg", "json_build_array"),
}


def list_of(expression: str) -> str:
    """SQL that gathers the values of an expression over all rows into one list."""
    return f"{_NAMES[connection.vendor][0]}({expression})"


def row_of(*expressions: str) -> str:
    """SQL for one row as a list of its values."""
    return f"{_NAMES[connection.vendor][1]}({', '.join(expressions)})"


def read(value: Any) -> list[Any]:
    """The list that came back: text from SQLite, a list or nothing from Postgres."""
    if isinstance(value, str):
        value = orjson.loads(value)
    return value or []
