"""Leases: of all processes on all machines, one at a time does a thing.

A lease is a row with a holder and an expiry. Taking and renewing are conditional writes, so two
takers can never both succeed; the clock is the database's, so machines need not agree on the time.
A holder that is killed loses its lease when it expires. A holder that is merely slow may lose it
too, so what a lease guards must be harmless when done twice: it saves work, it is not a lock.
"""

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connection
from django.db.models import Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

from recommendations.models import Lease

logger = logging.getLogger(__name__)

DEFAULT_TTL_SECONDS = 5.0
RENEWALS_PER_TTL = 3


class LeaseTaken(Exception):
    """Somebody else holds the lease."""


@dataclass
class Hold:
    """A lease in this process's hands. Two holds never share an identity, even in one process."""

    name: str
    ttl_seconds: float
    holder: str = field(
        default_factory=lambda: ":".join(
            [socket.gethostname()[:64], str(os.getpid()), _started(os.getpid()), uuid.uuid4().hex]
        )
    )
    _safe_until: float = field(default=0.0, init=False)

    @property
    def valid(self) -> bool:
        """Whether the lease is surely still ours, going by this process's own clock."""
        return time.monotonic() < self._safe_until

    def take(self) -> bool:
        """Take the lease if it is free, expired or ours already; say whether it is ours now."""
        # Measured before the write: the row can only expire later than we believe, never earlier.
        asked_at = time.monotonic()
        expiry = Now() + timedelta(seconds=self.ttl_seconds)
        ours = not self._taken() and (self._update(expiry) or self._insert(expiry))
        self._safe_until = asked_at + self.ttl_seconds if ours else 0.0
        return ours

    def renew(self) -> bool:
        """Renew the lease if nobody else had it since it was taken; say whether that is so.

        In a transaction it holds until the commit: whoever takes the lease waits for that.
        """
        asked_at = time.monotonic()
        expiry = Now() + timedelta(seconds=self.ttl_seconds)
        rows = Lease.objects.filter(name=self.name, holder=self.holder)
        ours = bool(rows.update(expires_at=expiry))
        self._safe_until = asked_at + self.ttl_seconds if ours else 0.0
        return ours

    def release(self) -> None:
        """Give the lease back at once, so that the next one need not wait for its expiry."""
        self._safe_until = 0.0
        Lease.objects.filter(name=self.name, holder=self.holder).delete()

    def _taken(self) -> bool:
        # A read, so that those who wait and ask again do not stand in the writers' queue.
        return (
            Lease.objects.filter(name=self.name, expires_at__gt=Now())
            .exclude(holder=self.holder)
            .exists()
        )

    def _update(self, expiry: Combinable) -> bool:
        free = Q(holder=self.holder) | Q(expires_at__lte=Now())
        rows = Lease.objects.filter(free, name=self.name)
        return bool(rows.update(holder=self.holder, expires_at=expiry))

    def _insert(self, expiry: Any) -> bool:
        row = Lease(name=self.name, holder=self.holder, expires_at=expiry)
        Lease.objects.bulk_create([row], ignore_conflicts=True)
        return Lease.objects.filter(name=self.name, holder=self.holder).exists()


def acquire(name: str, *, ttl_seconds: float = DEFAULT_TTL_SECONDS) -> Hold | None:
    """Take the lease without waiting; None when somebody else holds it.

    The caller renews it with ``take`` and gives it back with ``release``.
    """
    hold = Hold(name, ttl_seconds)
    return hold if hold.take() else None


@contextmanager
def lease(
    name: str, *, ttl_seconds: float = DEFAULT_TTL_SECONDS, renew: bool = True
) -> Iterator[Hold]:
    """Hold the lease for the length of the block, renewed by a thread beside it.

    Raises LeaseTaken, at once, when somebody else holds it. Work that must not outlive the
    lease asks ``hold.valid`` before it publishes what it made.
    """
    hold = acquire(name, ttl_seconds=ttl_seconds)
    if hold is None:
        raise LeaseTaken(f"another process holds the lease {name!r}")
    done = threading.Event()
    renewer = threading.Thread(target=_keep_renewing, args=(hold, done), daemon=True)
    if renew:
        renewer.start()
    try:
        yield hold
    finally:
        done.set()
        if renew:
            renewer.join()
        hold.release()


def forget_ended(kept: timedelta) -> int:
    """Delete leases that ran out longer ago than this, and were never given back; how many.

    Each container has a host name of its own, and who has one in its lease's name would leave a row
    whenever it is killed.
    """
    deleted, _ = Lease.objects.filter(expires_at__lt=Now() - kept).delete()
    return deleted


def free_if_holder_died(name: str) -> None:
    """Free a lease whose holder was a process of this machine that is gone.

    For leases too long to be waited for; those of other machines run out by themselves.
    """
    row = Lease.objects.filter(name=name).first()
    if row is None:
        return
    host, pid, started, _ = row.holder.rsplit(":", 3)
    if host == socket.gethostname()[:64] and _started(int(pid)) != started:
        Lease.objects.filter(name=name, holder=row.holder).delete()


def _started(pid: int) -> str:
    """When a process of this machine started, in ticks since boot; "" where none has this id.

    With its id this names a process: after a restart of a container the same id is another one.
    Where the system does not tell, any process that has the id counts as the one.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except OSError:
        return "" if Path("/proc/self/stat").exists() else _exists(pid)


def _exists(pid: int) -> str:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "there"
    return "there"


def _keep_renewing(hold: Hold, done: threading.Event) -> None:
    """Renew until told to stop. A database that fails now and then costs nothing before the ttl."""
    try:
        while not done.wait(hold.ttl_seconds / RENEWALS_PER_TTL):
            try:
                # Not taken again once another had it: what it guards may be half the other's work.
                if not hold.renew():
                    logger.warning("lost the lease %s: it expired and another took it", hold.name)
                    return
            except DatabaseError as error:
                logger.warning("could not renew the lease %s: %s", hold.name, error)
                # One that broke, or whose server takes no writes any more, stays so.
                connection.close()
    finally:
        # The connection belongs to this thread; nobody else would close it.
        connection.close()
