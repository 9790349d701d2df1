"""The yardstick: what SQLite alone commits, one after another, each on the disk when it returns."""

import shutil
import sqlite3
import time
from pathlib import Path

SECONDS = 1.5


def bare_commits(database: Path) -> float:
    """Commits a second of one row, as large as an event, in a table with one unique index."""
    return _rate(
        database,
        "CREATE TABLE bare (id INTEGER PRIMARY KEY, event_id TEXT UNIQUE, payload BLOB)",
        ["INSERT INTO bare (id, event_id, payload) VALUES (:seq, printf('%032x', :seq), :payload)"],
    )


def outbox_commits(database: Path) -> float:
    """Commits a second of just what a like writes: the outbox's row, its indexes, the sequence."""
    return _rate(
        database,
        "",
        [
            """INSERT INTO outbox (seq, event_id, user_id, song_id, payload, recorded_at) VALUES
            (:seq, printf('%032x', :seq), :seq % 1000, '1', :payload, '2026-07-01 12:00:00')""",
            "UPDATE outbox_sequence SET last_seq = :seq",
        ],
    )


def _rate(database: Path, before: str, statements: list[str]) -> float:
    """Transactions a second on a copy of the database, beside it on the same disk."""
    copy = database.with_name("bare.sqlite3")
    shutil.copy(database, copy)
    connection = sqlite3.connect(copy, isolation_level=None)
    try:
        connection.executescript(
            f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-8192; {before}"
        )
        # An event on the wire has about so many bytes.
        row = {"seq": time.time_ns() // 1_000, "payload": b"x" * 190}
        began, done = time.perf_counter(), 0
        while time.perf_counter() - began < SECONDS:
            row["seq"] += 1  # type: ignore[operator]
            connection.execute("BEGIN IMMEDIATE")
            for statement in statements:
                connection.execute(statement, row)
            connection.execute("COMMIT")
            done += 1
        return done / (time.perf_counter() - began)
    finally:
        connection.close()
        for file in copy.parent.glob(f"{copy.name}*"):
            file.unlink()
