"""Writers of a SQLite database one after another, in turn.

SQLite lets one write, and the others look again after 1, 2, 5, 10 … milliseconds: much of the time
nobody writes though somebody wants to, and one that writes all the time keeps the rest out for
long. Here they look three times a millisecond, and who has just written cannot write again before
somebody who waits. This only orders those who ask; what keeps writers apart is SQLite's own lock.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.conf import settings
from django.db import connection

LOOK_SECONDS: Final = 0.0003
# Of what SQLite waits for its own lock afterwards, which then says whether there is an error: where
# a stranger has that lock, whoever has the turn waits for it, and the rest behind them as well.
PATIENCE_SHARE: Final = 0.25


@contextmanager
def write_turn() -> Iterator[None]:
    """Wait for the turn and have it; to be held around a transaction, and no longer.

    Nothing is waited for on a server database, and inside a transaction, which has its turn.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    turn = _turn_of(str(connection.settings_dict["NAME"]))
    try:
        yield
    finally:
        if turn is not None:
            os.close(turn)


def _turn_of(database: str) -> int | None:
    """The open file whose lock is the turn; None, and no order, where it cannot be opened.

    Whoever waits for the turn holds the lock of another file meanwhile. The one who ends a turn
    needs that for the next, and so comes after. The system unlocks what a process leaves behind.
    """
    try:
        waiting = _opened(f"{database}-waiting")
    except OSError:
        return None
    try:
        turn = _opened(f"{database}-turn")
        deadline = time.monotonic() + settings.LOCK_TIMEOUT_SECONDS * PATIENCE_SHARE
        _lock(waiting, deadline)
        _lock(turn, deadline)
    except OSError:
        return None
    else:
        return turn
    finally:
        os.close(waiting)


def _opened(name: str) -> int:
    # Opened anew each time: a lock belongs to what was opened, not to a thread or a process.
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


def _lock(file: int, deadline: float) -> None:
    """Lock the file, or go on without when another holds it for too long."""
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return
            time.sleep(LOOK_SECONDS)
        else:
            return
