"""Why a row of a file was not loaded: a closed list of codes, and where the errors are told."""

import json
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple, TextIO

SHOWN_FIRST = 10
VALUE_LIMIT = 80


class Code(StrEnum):
    """Every reason there is; docs/data-formats.md says what to do about each."""

    FIELD_COUNT = "field_count"
    UNCLOSED_QUOTE = "unclosed_quote"
    BAD_QUOTING = "bad_quoting"
    FIELD_TOO_LONG = "field_too_long"
    LINE_TOO_LONG = "line_too_long"
    BAD_UTF8 = "bad_utf8"
    CONTROL_CHARACTER = "control_character"
    MISSING_VALUE = "missing_value"
    TOO_LONG = "too_long"
    BAD_LIKE = "bad_like"
    BAD_TIMESTAMP = "bad_timestamp"
    FUTURE_TIMESTAMP = "future_timestamp"
    UNKNOWN_SONG = "unknown_song"
    CONFLICTING_SONG = "conflicting_song"


class RowError(NamedTuple):
    """One bad row: its first line, the column at fault ("" for the row as a whole), and why."""

    line: int
    column: str
    code: Code
    value: str
    message: str


class BadValue(Exception):
    """A value that cannot be loaded; ``at`` turns it into the error of its row."""

    def __init__(self, column: str, code: Code, value: str, message: str) -> None:
        super().__init__(message)
        self._parts = (column, code, value, message)

    def at(self, line: int) -> RowError:
        """The error of the row on this line."""
        return RowError(line, *self._parts)


class TooManyErrors(Exception):
    """More rows are bad than was allowed."""


def printable(value: str) -> str:
    """The value cut short and in quotes, with nothing in it that a terminal or a log obeys."""
    shown = repr(value[:VALUE_LIMIT])
    return f"{shown}… ({len(value):,} characters)" if len(value) > VALUE_LIMIT else shown


class ErrorLog:
    """Takes every error: the first few for the reader's eye, all of them for a file, if any."""

    def __init__(
        self,
        show: Callable[[str], object],
        kept: TextIO | None = None,
        limit: int | None = None,
    ) -> None:
        """limit: how many rows may be bad before ``TooManyErrors`` is raised; None for any."""
        self._show, self._kept, self._limit = show, kept, limit
        self.by_code: Counter[str] = Counter()

    def add(self, file: str, error: RowError) -> None:
        """Tell of one bad row. Raises TooManyErrors when that was one too many."""
        if self._kept:
            self._kept.write(_as_json(file, error))
        if self.by_code.total() < SHOWN_FIRST:
            self._show(_as_line(file, error))
        self.by_code[error.code] += 1
        if self._limit is not None and self.by_code.total() > self._limit:
            raise TooManyErrors(f"more than {self._limit:,} bad rows")

    def summary(self) -> str:
        """How many of each code, most first; nothing when there was none."""
        return ", ".join(f"{code} {count:,}" for code, count in self.by_code.most_common())


def _as_line(file: str, error: RowError) -> str:
    where = f"{file}:{error.line}: " + (f"{error.column}: " if error.column else "")
    return f"{where}{error.code}: {error.message}: {printable(error.value)}"


def _as_json(file: str, error: RowError) -> str:
    """One line of JSON, ASCII only: bytes that were no UTF-8 stand as lone surrogates."""
    fields = {"file": file, **error._asdict(), "value": error.value[:VALUE_LIMIT]}
    return json.dumps(fields) + "\n"
