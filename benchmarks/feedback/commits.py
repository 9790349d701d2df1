"""The yardstick: what SQLite alone commits, each on the disk when it returns."""

import shutil
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

SECONDS = 1.5
PATIENCE_SECONDS = 60.0


def bare_commits(database: Path) -> float:
    """Commits a second of one row, as large as an event, in a table with one unique index."""
    return _rate(
        database,
        "CREATE TABLE bare (id INTEGER PRIMARY KEY, event_id TEXT UNIQUE, payload BLOB)",
        ["INSERT INTO bare (id, event_id, payload) VALUES (:seq, printf('%032x', :seq), :payload)"],
    )


def outbox_commits(database: Path, writers: int = 1) -> float:
    """Commits a second of just what a like writes: the outbox's row, its indexes, the sequence.

    writers: so many connections at once, a thread each, that wait for each other as SQLite does.
    """
    return _rate(
        database,
        "",
        [
            """INSERT INTO outbox (seq, event_id, user_id, song_id, payload, recorded_at) VALUES
            (:seq, printf('%032x', :seq), :seq % 1000, '1', :payload, '2026-07-01 12:00:00')""",
            "UPDATE outbox_sequence SET last_seq = :seq",
        ],
        writers,
    )


def _rate(database: Path, before: str, statements: list[str], writers: int = 1) -> float:
    """Transactions a second on a copy of the database, beside it on the same disk."""
    copy = database.with_name("bare.sqlite3")
    shutil.copy(database, copy)
    # A counter is safe to share: the interpreter takes its next number in one step.
    seqs, together = count(time.time_ns() // 1_000), threading.Barrier(writers)
    try:
        _open(copy, f"PRAGMA journal_mode=WAL; {before}").close()
        with ThreadPoolExecutor(writers) as pool:
            rates = [
                pool.submit(_write_on, copy, statements, seqs, together) for _ in range(writers)
            ]
            return sum(each.result() for each in rates)
    finally:
        for file in copy.parent.glob(f"{copy.name}*"):
            file.unlink()


def _write_on(
    database: Path, statements: list[str], seqs: "count[int]", together: threading.Barrier
) -> float:
    """Transactions a second of one connection, from when all have theirs."""
    connection = _open(database, "PRAGMA synchronous=FULL; PRAGMA cache_size=-8192")
    # An event on the wire has about so many bytes.
    payload = b"x" * 190
    together.wait()
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        row = {"seq": next(seqs), "payload": payload}
        connection.execute("BEGIN IMMEDIATE")
        for statement in statements:
            connection.execute(statement, row)
        connection.execute("COMMIT")
        done += 1
    seconds = time.perf_counter() - began
    connection.close()
    return done / seconds


def _open(database: Path, script: str) -> sqlite3.Connection:
    connection = sqlite3.connect(database, timeout=PATIENCE_SECONDS, isolation_level=None)
    connection.executescript(script)
    return connection
