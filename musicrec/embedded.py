"""What stands in where no address is set: a SQLite file, a broker of files, a secret of our own."""

import os
import secrets
import sys
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


def sqlite_database(file: Path) -> dict[str, Any]:
    """Settings of a SQLite database that keeps what it acknowledged.

    IMMEDIATE: a transaction that begins as a reader and then writes fails with "database is
    locked" as soon as there are two of them. FULL: a commit is on the disk when it returns.
    """
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(file),
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            " PRAGMA cache_size=-32768; PRAGMA mmap_size=268435456; PRAGMA temp_store=MEMORY",
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
    try:
        # O_EXCL: of two commands started at once, one makes the key and the other reads it.
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text().strip()
    key = secrets.token_urlsafe(50)
    with os.fdopen(handle, "w") as out:
        out.write(key)
    return key
