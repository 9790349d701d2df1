"""Group commit: threads that write at the same time share a transaction and a wait for the disk.

The first to come leads: it waits for its turn to write, takes what has gathered until then, itself
included, writes it and tells the others their results. What comes meanwhile gathers for the next
leader, the first of those who wait. One that is alone is its own leader and waits for nobody.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Generic, TypeVar

from django.conf import settings
from django.db import OperationalError

from recommendations.database_away import is_away

T = TypeVar("T")
R = TypeVar("R")

# So much longer than for a lock in the database: a leader that waits for its turn, and then for the
# lock, is to speak first.
MORE_SECONDS: Final = 10.0


class NeverTried(OperationalError):
    """The turn to write did not come: nothing of the request has happened, or will."""


class _Entry(Generic[T, R]):
    """One thread's request, and what came of it; ``leads`` where it is to write itself."""

    def __init__(self, request: T, size: int) -> None:
        self.request = request
        self.size = size
        self.leads = False
        self.results: list[R] = []
        # Whatever ends the leader's work in the middle, nobody may take it for success.
        self.error: BaseException | None = OperationalError("the commit was broken off")
        self._called = threading.Lock()
        self._called.acquire()

    def call(self) -> None:
        """Wake the thread: it is to lead, or its results are there."""
        self._called.release()

    def wait(self) -> bool:
        """Wait for the call; False when it did not come in time."""
        return self._called.acquire(timeout=settings.LOCK_TIMEOUT_SECONDS + MORE_SECONDS)

    def outcome(self) -> R:
        """The result, or the error raised."""
        if self.error is not None:
            raise self.error
        return self.results[0]


class GroupCommit(Generic[T, R]):
    """Gathers requests of threads into transactions.

    write: gives many requests their effect in one transaction, one result each, or raises, and
        then nothing of all this has happened.
    most: how large a group may be, by the sizes of its requests; one alone may be larger.
    turn: waits for the turn to write, and is it; around the write.
    """

    def __init__(
        self,
        write: Callable[[Sequence[T]], Sequence[R]],
        most: int,
        turn: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._write = write
        self._most = most
        self._turn = turn
        self._lock = threading.Lock()
        self._waiting: deque[_Entry[T, R]] = deque()
        self._led = False

    def submit(self, request: T, size: int = 1) -> R:
        """The result of one request, once it is committed.

        Raises an error that ``is_away``, as all of its group, when the database does not take the
        group. Any other error is the request's own.
        """
        entry: _Entry[T, R] = _Entry(request, size)
        with self._lock:
            self._waiting.append(entry)
            entry.leads, self._led = not self._led, True
        if not entry.leads and not entry.wait():
            self._give_up(entry)
        if entry.leads:
            self._lead(entry)
        return entry.outcome()

    def _lead(self, own: _Entry[T, R]) -> None:
        group: list[_Entry[T, R]] = []
        try:
            with self._turn():
                # Not before: what comes while we wait for the turn need not wait for the next.
                group = self._gathered()
                self._settle(group)
        finally:
            group = group or self._gathered()
            # The next leader first: its commit and the answers of this group go side by side.
            self._hand_over()
            for entry in group:
                if entry is not own:
                    entry.call()

    def _gathered(self) -> list[_Entry[T, R]]:
        """The leader, who is the first that waits, and as many of the next as a group may have."""
        with self._lock:
            group = [self._waiting.popleft()]
            total = group[0].size
            while self._waiting and total + self._waiting[0].size <= self._most:
                group.append(self._waiting.popleft())
                total += group[-1].size
        return group

    def _hand_over(self) -> None:
        with self._lock:
            self._led = bool(self._waiting)
            if self._led:
                self._waiting[0].leads = True
                self._waiting[0].call()

    def _settle(self, group: Sequence[_Entry[T, R]]) -> None:
        """Give every entry its result or its error."""
        try:
            results = self._write([entry.request for entry in group])
        except Exception as error:  # noqa: BLE001 - it is raised again in the thread that it is of
            if is_away(error):
                for entry in group:
                    # One each: raising adds to an error where it was raised.
                    entry.error = type(error)(*error.args)
                    entry.error.__cause__ = error
                return
            if len(group) == 1:
                group[0].error = error
                return
            # Somebody's request cannot be written: alone, it takes no other along.
            for entry in group:
                self._settle([entry])
        else:
            for entry, result in zip(group, results, strict=True):
                entry.results, entry.error = [result], None

    def _give_up(self, entry: _Entry[T, R]) -> None:
        """Withdraw a request whose turn did not come.

        One that a leader has taken can be withdrawn no more: its outcome is waited for once more,
        and is not known after that, as where a connection breaks in a commit.
        """
        with self._lock:
            taken = entry not in self._waiting
            if not taken and not entry.leads:
                self._waiting.remove(entry)
                raise NeverTried("the database is busy: too many wait for it")
        if taken and not entry.leads and not entry.wait():
            raise OperationalError("the database does not answer")
