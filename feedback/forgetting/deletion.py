"""Forgetting a user: everything goes in one transaction, and a marker keeps it from coming back.

The order of the steps is what makes it hold. Writers of profiles are kept out first. Then the
barrier is taken from the outbox's sequence, under the lock that accepting takes: what was accepted
before is seen and deleted, what is accepted later has a greater seq.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from access import listener_sessions
from feedback import how_long
from feedback.clock import as_datetime
from feedback.events import LAST_SEQ
from feedback.forgetting import held
from feedback.models import DeadLetter, OutboxEvent
from feedback.outbox import issue_barrier
from recommendations import forgotten, forgotten_ledger
from recommendations.forgotten_ledger import Entry
from recommendations.models import Listener
from recommendations.profiles import keep_writers_out
from recommendations.write_turns import write_turn

logger = logging.getLogger(__name__)

# No later day can be written down.
_LAST_TOLD_US: Final = LAST_SEQ - how_long.GONE_FROM_KAFKA // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What forgetting did.

    user: the digest that stands in the marker, not the name. barrier: microseconds since 1970; what
    is dated up to there is dropped wherever it comes from. deleted: rows by table.
    kafka_holds_until: when the last bytes have left the topic; None without Kafka.
    """

    user: str
    barrier: int
    forgotten_at: datetime
    deleted: dict[str, int]
    kafka_holds_until: datetime | None

    def as_json(self) -> dict[str, Any]:
        """For the API and the command."""
        return asdict(self)


def forget(user_id: str) -> Receipt:
    """Delete all that is held of a user, and mark that what was said until now never was.

    Whether anything is held makes no difference: what is still in Kafka must not come back.
    Raises LedgerUnwritable, and an error that ``is_away`` when the database is that;
    nothing has happened then, but see forgotten_ledger.
    """
    with write_turn(), transaction.atomic():
        # Before the locks: it reads all sessions, and no like need wait for that.
        parted = listener_sessions.part(user_id.__eq__)
        keep_writers_out()
        issued = issue_barrier()
        theirs = held.of(user_id)
        # A word may be dated ahead of the clock; it would stand behind a barrier of now.
        earlier = forgotten.barriers([user_id]).get(user_id, 0)
        marker = forgotten.mark(user_id, max(issued, theirs.latest_us(), earlier))
        deleted = held.delete(theirs) | {"session": parted}
        # Last, so that a line stands only for what was about to be committed.
        forgotten_ledger.append(marker)
    return Receipt(
        marker.digest,
        marker.barrier,
        marker.forgotten_at,
        dict(sorted(deleted.items())),
        _kafka_holds_until(marker),
    )


def obey_ledger() -> Counter[str]:
    """Forget here, too, whoever the ledger says was forgotten; counts of deleted rows by table.

    To be called before anything is applied or loaded. It costs one look at a small file and one
    at the markers, unless the database lacks some: then it is a backup that was restored, or a
    forgetting was cut off before its commit. Raises LedgerUnreadable.
    """
    return obey(forgotten_ledger.read())


def obey(entries: Iterable[Entry]) -> Counter[str]:
    """The same for entries of any ledger."""
    learnt = forgotten.learn(entries)
    if learnt:
        logger.warning("the ledger has %d forgettings that the database lacked", learnt)
    return _finish() if forgotten.Unfinished() else Counter()


def obey_ledger_at_start() -> None:
    """The same for a process that serves all the same when it cannot: the consumer does it too."""
    try:
        obey_ledger()
    except (DatabaseError, forgotten_ledger.LedgerUnreadable) as error:
        logger.error("cannot see whether a forgetting is missing here: %s", error)  # noqa: TRY400
    finally:
        connection.close()


def _finish() -> Counter[str]:
    """Delete what a restored database holds again of users who were forgotten."""
    counts = Counter[str]()
    with write_turn(), transaction.atomic():
        keep_writers_out()
        # For its lock: what is being accepted is either seen here or comes after.
        issue_barrier()
        unfinished = forgotten.Unfinished()
        for user_id in sorted(set(_users())):
            barrier = unfinished.barrier(user_id)
            if barrier is not None:
                counts.update(held.delete(held.up_to(held.of(user_id), barrier)))
        theirs = listener_sessions.part(lambda each: unfinished.barrier(each) is not None)
        counts["session"] += theirs
        unfinished.finish()
    logger.warning("deleted again what belongs to the forgotten: %s", dict(sorted(counts.items())))
    return counts


def _users() -> Iterator[str]:
    """Every user of whom a row is held anywhere."""
    yield from Listener.objects.values_list("user_id", flat=True).iterator()
    for table in (OutboxEvent, DeadLetter):
        users = table._default_manager.exclude(user_id="").order_by("user_id")
        yield from users.values_list("user_id", flat=True).distinct().iterator()
    for _, users_named in held.letters_that_name():
        yield from users_named


def _kafka_holds_until(marker: Entry) -> datetime | None:
    """When retention has emptied the topic of what was there, told with a day in hand.

    Kafka goes by the times of records, and the barrier is above all of theirs that were read.
    """
    if not settings.KAFKA_BOOTSTRAP_SERVERS:
        return None
    latest = max(marker.forgotten_at, as_datetime(min(marker.barrier, _LAST_TOLD_US)))
    return latest + how_long.GONE_FROM_KAFKA
