"""Writers of a SQLite database one after another, in turn.

SQLite lets one write, and the others look again after 1, 2, 5, 10 … milliseconds: much of the time
nobody writes though somebody wants to, and one that writes all the time keeps the rest out for
long. Here they look three times a millisecond, and who has just written cannot write again before
somebody who waits. A writer for whose answer a client waits goes before those that work through a
backlog. This only orders those who ask; what keeps writers apart is SQLite's own lock.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from django.conf import settings
from django.db import connection

LOOK_SECONDS: Final = 0.0003
# Of what SQLite waits for its own lock afterwards, which then says whether there is an error: where
# a stranger has that lock, whoever has the turn waits for it, and the rest behind them as well.
PATIENCE_SHARE: Final = 0.25
# How long a backlog stands back where clients always wait: it still moves, a batch in this time.
STAND_BACK_SECONDS: Final = 0.02


@contextmanager
def write_turn(*, before_backlogs: bool = False) -> Iterator[None]:
    """Wait for the turn and have it; to be held around a transaction, and no longer.

    Nothing is waited for on a server database, and inside a transaction, which has its turn.

    before_backlogs: for short transactions whose end a client waits for.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    turn = _turn_of(str(connection.settings_dict["NAME"]), before_backlogs=before_backlogs)
    try:
        yield
    finally:
        if turn is not None:
            os.close(turn)


def _turn_of(database: str, *, before_backlogs: bool) -> int | None:
    """The open file whose lock is the turn; None, and no order, where it cannot be opened.

    Whoever waits for the turn holds the lock of another file meanwhile, one of clients and one of
    backlogs. The one who ends a turn needs that for the next, and so comes after. The system
    unlocks what a process leaves behind.
    """
    names = ("clients", "turn") if before_backlogs else ("clients", "backlogs", "turn")
    files: list[int] = []
    try:
        for name in names:
            files.append(_opened(f"{database}-{name}"))  # noqa: PERF401 - to close those there are
        deadline = time.monotonic() + settings.LOCK_TIMEOUT_SECONDS * PATIENCE_SHARE
        if before_backlogs:
            clients, turn = files
            _lock(clients, deadline)
            _lock(turn, deadline)
        else:
            clients, backlogs, turn = files
            _lock(backlogs, deadline)
            _lock(turn, deadline, _goes_first(clients))
        files.remove(turn)
    except OSError:
        return None
    else:
        return turn
    finally:
        for file in files:
            os.close(file)


def _goes_first(clients: int) -> Callable[[], bool]:
    """Whether a client waits, and has not gone first for long enough."""
    until = time.monotonic() + STAND_BACK_SECONDS
    return lambda: time.monotonic() < until and not _is_free(clients)


def _opened(name: str) -> int:
    # Opened anew each time: a lock belongs to what was opened, not to a thread or a process.
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


def _lock(file: int, deadline: float, goes_first: Callable[[], bool] = lambda: False) -> None:
    """Lock the file, or go on without when another holds it for too long."""
    while goes_first() or not _try_to_lock(file):
        if time.monotonic() > deadline:
            return
        time.sleep(LOOK_SECONDS)


def _try_to_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(file: int) -> bool:
    if not _try_to_lock(file):
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return True
