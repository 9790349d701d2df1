"""Rows out of a CSV file that may hold anything: each with its line number, bad ones named.

A broken row never takes a good one with it. An opening quote without an end makes a CSV reader
swallow all that follows; here the row that opened it is reported, and reading goes on at the line
after it.
"""

import csv
import gzip
import io
import sys
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

from recommendations.loading.row_errors import Code, RowError, printable

LINE_LIMIT = 1 << 20  # characters: a longer line is not held in memory
RECORD_LINES = 1_000  # a quoted value over more lines than this is a quote that was never closed
FIELD_LIMIT = 131_072  # characters, the csv module's own

Reject = Callable[[RowError], None]
Row = tuple[int, tuple[str, ...]]


class UnreadableFile(Exception):
    """The file as a whole cannot be used; the message is one line for the user."""


class CsvSource:
    """An open file of rows: its text, and how much of the file on disk was read so far."""

    def __init__(self, name: str, raw: BinaryIO, data: BinaryIO, size: int | None) -> None:
        self.name, self.size = name, size
        self._raw = raw
        # surrogateescape: bytes that are no UTF-8 spoil their own row, not the file.
        self.text = io.TextIOWrapper(data, "utf-8-sig", "surrogateescape", newline="")

    def position(self) -> int:
        """Bytes read of the file as it lies on disk (compressed ones, if it is)."""
        return self._raw.tell() if self.size is not None else 0


@contextmanager
def open_csv(name: str) -> Iterator[CsvSource]:
    """Open a file, gzipped or not, or standard input for "-". Raises UnreadableFile."""
    try:
        raw = sys.stdin.buffer if name == "-" else Path(name).open("rb")  # noqa: SIM115
        zipped = raw.peek(2)[:2] == b"\x1f\x8b"  # type: ignore[union-attr]
        size = None if name == "-" else Path(name).stat().st_size
    except OSError as error:
        raise UnreadableFile(f"cannot read {name}: {error.strerror}") from error
    data = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if zipped else raw
    source = CsvSource("standard input" if name == "-" else name, raw, data, size)
    try:
        yield source
    finally:
        source.text.detach()
        if name != "-":
            raw.close()


class CsvRows:
    """The rows of a source, each as (line, values of the wanted columns in the order wanted)."""

    def __init__(
        self,
        source: CsvSource,
        required: Sequence[str],
        optional: Sequence[str] = (),
        *,
        multiline_limit: int,
        reject: Reject,
    ) -> None:
        """Read the header. Raises UnreadableFile when it is not as it must be.

        A missing optional column reads as "". multiline_limit: how many characters a wanted value
        that runs over several lines may have; a longer one is a quote that was never closed and
        happened to meet another.
        """
        self._source, self._reject, self._multiline_limit = source, reject, multiline_limit
        self._readline = source.text.readline
        self._given_back: deque[str] = deque()
        self._record: list[str] = []  # the lines of the row being read
        self._last_line = 0  # of the row before it
        self.read = 0  # rows, good and bad
        self.header = self._read_header(required)
        wanted = [*required, *optional]
        self._pick = _picker(self.header, wanted)
        self.ignored = [name for name in self.header if name not in wanted]

    def __iter__(self) -> Iterator[Row]:
        while True:
            try:
                yield from self._rows(csv.reader(self._lines(), strict=True))
            except csv.Error as error:
                self._refuse(*_broken(error))
            else:
                return

    def _rows(self, reader: Iterator[list[str]]) -> Iterator[Row]:
        record, width, pick = self._record, len(self.header), self._pick
        for fields in reader:
            # Nearly every row is one line of the right width: the rest is looked at more closely.
            if len(fields) != width or len(record) > 1:
                if not fields:
                    self._close_record()  # an empty line is no row
                    continue
                if fault := self._fault_of(fields):
                    self._refuse(*fault)
                    continue
            first = self._last_line + 1
            self._close_record()
            self.read += 1
            yield first, pick(fields)

    def _lines(self) -> Iterator[str]:
        """Lines from the file, those given back first, each noted as part of the present row."""
        record, given_back, readline = self._record, self._given_back, self._readline
        try:
            while line := given_back.popleft() if given_back else readline(LINE_LIMIT):
                record.append(line)
                if len(line) >= LINE_LIMIT and line[-1] not in "\r\n":
                    self._skip_line()
                    raise _LineTooLong
                if len(record) > RECORD_LINES:
                    raise csv.Error
                yield line
        except (OSError, EOFError, zlib.error) as error:
            raise UnreadableFile(
                f"{self._source.name} is damaged or cut short after line {self._last_line}: {error}"
            ) from error

    def _skip_line(self) -> None:
        while (rest := self._readline(LINE_LIMIT)) and rest[-1] not in "\r\n":
            pass

    def _close_record(self) -> None:
        self._last_line += len(self._record)
        self._record.clear()

    def _refuse(self, code: Code, message: str) -> None:
        """Report the present row and go on at the line after its first."""
        first, *others = self._record
        if others:
            code, message = (
                Code.UNCLOSED_QUOTE,
                'a " opens a value here that does not end as it must',
            )
        self._given_back.extendleft(reversed(others))
        self._record[:] = [first]
        self._close_record()
        self.read += 1
        self._reject(RowError(self._last_line, "", code, first.rstrip("\r\n"), message))

    def _fault_of(self, fields: list[str]) -> tuple[Code, str] | None:
        """What is wrong with a row of unusual shape, if anything is."""
        if len(fields) != len(self.header):
            there = f"{len(fields)} values where the header has {len(self.header)} columns"
            return Code.FIELD_COUNT, f"{there} (a comma in a value needs quotes around the value)"
        for value in self._pick(fields):
            if len(value) > self._multiline_limit and ("\n" in value or "\r" in value):
                return Code.UNCLOSED_QUOTE, ""
        return None

    def _read_header(self, required: Sequence[str]) -> list[str]:
        name = self._source.name
        try:
            fields = next((row for row in csv.reader(self._lines(), strict=True) if row), [])
        except csv.Error as error:
            raise UnreadableFile(f"{name}: the header line is not CSV: {error}") from error
        self._close_record()
        header = [field.strip().lower() for field in fields]
        expected = f"a header line with {', '.join(required)} is expected"
        if not header:
            raise UnreadableFile(f"{name} is empty: {expected}")
        missing = [column for column in required if column not in header]
        if missing:
            found = printable(",".join(fields))
            raise UnreadableFile(
                f"{name}: no column {', '.join(missing)} in the first line {found}: {expected},"
                " separated by commas, in UTF-8"
            )
        if len(set(header)) < len(header):
            raise UnreadableFile(f"{name}: the first line names a column twice: {','.join(header)}")
        return header


class _LineTooLong(csv.Error):
    """A line that is longer than is read into memory."""


def _picker(header: Sequence[str], wanted: Sequence[str]) -> Callable[[list[str]], tuple[str, ...]]:
    """What takes the wanted columns out of a row's fields, "" for one that the header lacks."""
    places = [header.index(name) if name in header else None for name in wanted]
    present = [place for place in places if place is not None]
    absent = ("",) * (len(places) - len(present))
    if len(present) > 1 and present == places[: len(present)]:
        # What every row of nearly every file takes: itemgetter is several times as fast.
        pick = itemgetter(*present)
        return lambda fields: pick(fields) + absent
    return lambda fields: tuple("" if place is None else fields[place] for place in places)


def _broken(error: csv.Error) -> tuple[Code, str]:
    """The code for what the csv module found wrong with a row of one line."""
    if isinstance(error, _LineTooLong):
        return Code.LINE_TOO_LONG, f"a line has at most {LINE_LIMIT:,} characters"
    if "field limit" in str(error):
        return Code.FIELD_TOO_LONG, f"a value has at most {FIELD_LIMIT:,} characters"
    if "unexpected end" in str(error):
        return Code.UNCLOSED_QUOTE, 'a " opens a value here that does not end as it must'
    return Code.BAD_QUOTING, 'after the " that ends a value comes a comma; a " inside is doubled'
