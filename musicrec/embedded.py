"""What stands in where no address is set: a SQLite file, a broker of files, a secret of our own."""

import fcntl
import os
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Any


def make_state_dir(folder: Path) -> None:
    """Make the folder that holds all embedded state, or end with one line that says why not."""
    try:
        # Beat keeps its schedule there, also where Redis is the broker.
        (folder / "celery").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(
            f"cannot make the state folder {folder}: {error.strerror}; set STATE_DIR to another"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        sys.exit(f"cannot write to the state folder {folder}: set STATE_DIR to another")


def sqlite_database(file: Path, lock_timeout_seconds: float) -> dict[str, Any]:
    """Settings of a SQLite database that keeps what it acknowledged.

    IMMEDIATE: a transaction that begins as a reader and then writes fails with "database is
    locked" as soon as there are two of them. FULL: a commit is on the disk when it returns.
    secure_delete: the bytes of what is deleted are overwritten, so that a user who is forgotten
    does not stay in the file. cache_size: 8 MB a connection, of which a web process has one a
    thread and fills each in time; four times as much made loading no faster. cached_statements:
    half of Python's, as those of many rows have 100 KB and more, again in each connection.
    """
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(file),
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": lock_timeout_seconds,
            "cached_statements": 64,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            " PRAGMA cache_size=-8192; PRAGMA mmap_size=268435456; PRAGMA temp_store=MEMORY;"
            " PRAGMA secure_delete=ON",
        },
    }


def filesystem_broker(folder: Path) -> dict[str, Any]:
    """Transport options of Celery's broker of files, which two processes here share."""
    queue, control = folder / "queue", folder / "control"
    for each in (queue, control):
        each.mkdir(parents=True, exist_ok=True)
    return {
        "data_folder_in": str(queue),
        "data_folder_out": str(queue),
        "control_folder": str(control),
    }


def secret_key_of(given: str, database_engine: str, state_dir: Path) -> str:
    """The secret key: the one given, else on SQLite one made once and shared by all commands.

    With a server database several machines must agree on it, so a missing one ends the process.
    """
    if given:
        return given
    if not database_engine.endswith("sqlite3"):
        sys.exit("SECRET_KEY is not set: with a server database every machine needs the same one")
    file = state_dir / "secret_key"
    return _key_in(file) or _made_key(file)


def _key_in(file: Path) -> str:
    """The key that the file holds, "" where there is none."""
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        return ""


def _made_key(file: Path) -> str:
    """Make the key. Processes that want one at the same time all get the same.

    The lock is the folder's own and ends with the process. The file comes into its place whole, so
    that nobody reads half a key; an empty one, left by a disk that was full, counts as none.
    """
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if key := _key_in(file):
            return key
        key = secrets.token_urlsafe(50)
        handle, name = tempfile.mkstemp(prefix="secret_key-", dir=file.parent)
        with os.fdopen(handle, "w") as out:
            out.write(key)
            out.flush()
            os.fsync(handle)
        Path(name).replace(file)
        return key
    finally:
        os.close(folder)
