"""Whether a process of this machine that serves no requests goes on with its work.

For the health check of a container: that the process is there says nothing, a loop that hangs is
there too. So each is asked for what its loop renews.
"""

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db.models.functions import Now

from feedback.consuming import presence
from feedback.kafka.names import slot_prefix
from recommendations.models import Lease

# A loop renews its lease between two batches, and a batch may take long.
GRACE: Final = timedelta(seconds=10)
# Beat writes its schedule at the first round after 3 minutes, and a round takes 5 minutes at most.
OLDEST_SCHEDULE_SECONDS: Final = 600.0


def consumer_fault() -> str | None:
    """Why no consumer of this machine and STATE_DIR is believed to run; None where one does."""
    return _lease_fault(f"{presence.PREFIX}-{slot_prefix()}")


def relay_fault() -> str | None:
    """Why no relay is believed to run; None where one does, here or elsewhere: others wait."""
    return _lease_fault(presence.RELAY_LEASE)


def beat_fault() -> str | None:
    """Why beat is believed to hang; None where it wrote its schedule lately."""
    schedule = Path(settings.CELERY_BEAT_SCHEDULE_FILENAME)
    # The library that writes it may add an ending, or a file for what is not in the first yet.
    written = [file.stat().st_mtime for file in schedule.parent.glob(f"{schedule.name}*")]
    if not written:
        return f"there is no {schedule}"
    age = time.time() - max(written)
    return None if age <= OLDEST_SCHEDULE_SECONDS else f"{schedule} is {age:.0f} s old"


FAULTS: Final[Mapping[str, Callable[[], str | None]]] = {
    "consumer": consumer_fault,
    "relay": relay_fault,
    "beat": beat_fault,
}


def _lease_fault(prefix: str) -> str | None:
    leases = Lease.objects.filter(name__startswith=prefix)
    # By the database's clock, as leases are written: machines need not agree on the time.
    if leases.filter(expires_at__gt=Now() - GRACE).exists():
        return None
    return f"no lease {prefix}… has been renewed lately"
