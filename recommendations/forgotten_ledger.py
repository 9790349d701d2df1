"""Who was forgotten, written down once more outside the database.

A backup of the database that is older than a forgetting lacks its marker. This file is no part of
such a backup: it is only ever appended to, one JSON object a line, and names nobody.

A line is on the disk before the database commits. Should that commit fail, the line stands for a
forgetting that was begun: the next process that reads the file brings it to its end.
"""

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings

logger = logging.getLogger(__name__)


class Entry(NamedTuple):
    """A marker as the ledger holds it; the fields are those of ForgottenListener."""

    digest: str
    key_name: str
    barrier: int
    forgotten_at: datetime


class LedgerUnwritable(Exception):
    """The ledger's file cannot be written: nobody can be forgotten for good."""


class LedgerUnreadable(Exception):
    """There is a ledger, and it cannot be read."""


def append(entry: Entry) -> None:
    """Write a line and have it on the disk. Raises LedgerUnwritable."""
    line = json.dumps(entry._asdict(), default=datetime.isoformat).encode() + b"\n"
    file = Path(settings.FORGOTTEN_LEDGER)
    try:
        is_new = not file.exists()
        with _locked(file) as handle:
            # A line that a crash cut off must not run together with this one.
            os.write(handle, line if _ends_whole(file) else b"\n" + line)
            os.fsync(handle)
        if is_new:
            _sync_folder(file.parent)
    except OSError as error:
        raise LedgerUnwritable(
            f"cannot write to {file} (FORGOTTEN_LEDGER): {error.strerror}"
        ) from error


def read() -> list[Entry]:
    """All whole lines of the set file; none where there is no file. Raises LedgerUnreadable.

    A line that is no entry is left out and said: a crash cuts lines off.
    """
    file = Path(settings.FORGOTTEN_LEDGER)
    try:
        lines = _lines(file)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LedgerUnreadable(
            f"cannot read {file} (FORGOTTEN_LEDGER): {error.strerror}"
        ) from error
    return _entries(lines, file)


def read_other(file: Path) -> list[Entry]:
    """The same of a file that somebody names, such as another machine's ledger.

    Raises LedgerUnreadable also where there is no file, and where it is another one by mistake.
    """
    try:
        lines = _lines(file)
    except FileNotFoundError as error:
        raise LedgerUnreadable(f"there is no file {file}") from error
    except OSError as error:
        raise LedgerUnreadable(f"cannot read {file}: {error.strerror}") from error
    entries = _entries(lines, file)
    if lines and not entries:
        raise LedgerUnreadable(f"{file} is no ledger: none of its {len(lines):,} lines is an entry")
    return entries


def _lines(file: Path) -> dict[int, bytes]:
    """Those with something in them, by their number."""
    lines = enumerate(file.read_bytes().splitlines(), start=1)
    return {number: line for number, line in lines if line.strip()}


def _entries(lines: dict[int, bytes], file: Path) -> list[Entry]:
    read = {number: _entry(line) for number, line in lines.items()}
    wrong = [number for number, entry in read.items() if entry is None]
    if wrong:
        logger.warning(
            "%s, line %d is no entry and is left out%s",
            file,
            wrong[0],
            f", and so are {len(wrong) - 1:,} more" if len(wrong) > 1 else "",
        )
    return [entry for entry in read.values() if entry is not None]


def _entry(line: bytes) -> Entry | None:
    try:
        found: dict[str, Any] = json.loads(line)
        digest, key_name, barrier = found["digest"], found["key_name"], found["barrier"]
        forgotten_at = datetime.fromisoformat(found["forgotten_at"])
    except (ValueError, TypeError, KeyError):
        return None
    right = (
        isinstance(digest, str)
        and len(digest) == 64
        and isinstance(key_name, str)
        and len(key_name) == 16
        and isinstance(barrier, int)
        and 0 <= barrier < 2**63
        and forgotten_at.tzinfo is not None
    )
    return Entry(digest, key_name, barrier, forgotten_at) if right else None


@contextmanager
def _locked(file: Path) -> Iterator[int]:
    """The file open at its end, by one process at a time; made, for its owner alone, if absent."""
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def _ends_whole(file: Path) -> bool:
    with file.open("rb") as reader:
        if reader.seek(0, os.SEEK_END) == 0:
            return True
        reader.seek(-1, os.SEEK_END)
        return reader.read() == b"\n"


def _sync_folder(folder: Path) -> None:
    """Have the name of a new file on the disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
