"""Showing that a consumer or a relay runs: a lease, renewed by its loop, that others look for."""

import time
from collections.abc import Iterable
from typing import Final

from django.db import DatabaseError
from django.db.models.functions import Now

from recommendations.leases import Hold
from recommendations.models import Lease

PREFIX: Final = "likes-consumer"
# Of all relays one holds it and works. It stands here because who looks for it needs no Kafka.
RELAY_LEASE: Final = "likes-relay"
TTL_SECONDS: Final = 5.0


def is_shown() -> bool:
    """Whether any consumer shows that it runs; one that was killed is believed for its TTL."""
    # By the database's clock, as leases are written.
    return Lease.objects.filter(name__startswith=PREFIX, expires_at__gt=Now()).exists()


def without_trace(members: Iterable[str]) -> list[str]:
    """Those of whom no lease is left: they ended in order, or were killed long ago."""
    names = set(Lease.objects.filter(name__startswith=PREFIX).values_list("name", flat=True))
    return [member for member in members if _lease_name(member) not in names]


def _lease_name(member: str) -> str:
    return f"{PREFIX}-{member}"[-64:]


class Presence:
    """A consumer's sign of life. It guards nothing, and a consumer works without it."""

    def __init__(self, member: str) -> None:
        name = _lease_name(member)
        # Held under the member's own name: after a kill the next process goes on with it at once.
        self._hold = Hold(name, TTL_SECONDS, holder=name)
        self._renew_at = 0.0

    def renew(self) -> None:
        """Renew the sign if it is time to."""
        now = time.monotonic()
        if now >= self._renew_at:
            self._renew_at = now + TTL_SECONDS / 3
            self._hold.take()

    def end(self) -> None:
        """Take the sign down: the process ends in order."""
        try:
            self._hold.release()
        except DatabaseError:
            # It runs out by itself.
            return
