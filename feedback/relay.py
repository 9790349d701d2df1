"""From the outbox to Kafka: everything that is due is published at least once.

A like is acknowledged without Kafka, so nobody waits for this. A row is marked as sent only when
the broker has acknowledged it; whatever happens before that, it is due again. What is published
twice has one effect, by its id.
"""

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone
from kafka import KafkaProducer
from kafka.errors import InvalidRecordError, InvalidTimestampError, KafkaTimeoutError

from feedback import due
from feedback.clock import now_us, to_ms
from feedback.consuming import presence
from feedback.consuming.presence import RELAY_LEASE
from feedback.database_watch import DatabaseWatch
from feedback.events import Record
from feedback.kafka.clients import BROKER_ERRORS, LikesTopic, client_options
from feedback.kafka.topic_faults import warn_of_faults
from feedback.log import LogUnavailable
from feedback.outages import Outages
from recommendations.leases import Hold

logger = logging.getLogger(__name__)

LEASE_SECONDS: Final = 5.0
BATCH_SIZE: Final = 1_000
FLUSH_SECONDS: Final = 10.0
# A broker refuses times more than an hour ahead of its clock, and its clock may be another.
MAX_AHEAD_MS: Final = 50 * 60 * 1_000
MAX_SPREAD_MS: Final = 5 * 60 * 1_000
# What brokers call that, younger ones and older ones.
REFUSED_TIMES: Final = (InvalidRecordError, InvalidTimestampError)
# For so long after it the broker is not asked again; its clock goes on meanwhile.
NEAR_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.25
STAND_IN_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 30.0


class RecordTimes:
    """The time that each record is given on the broker: its own, as far as the broker takes it.

    Whether it does is seen by trying. Going by our own clock, one that is an hour behind would set
    back every record, and what was said last would lose against what the broker has already.
    """

    def __init__(self) -> None:
        self._last_ms = 0
        self._near_until = 0.0

    def refused(self) -> None:
        """The broker has refused one: bring them near."""
        self._near_until = time.monotonic() + NEAR_SECONDS

    def timestamp_ms(self, time_us: int) -> int:
        """Milliseconds since 1970.

        After a refusal a record far ahead is brought near; each such a little later than the one
        before, so that what was said in an order keeps it.
        """
        own_ms, latest_ms = to_ms(time_us), to_ms(now_us()) + MAX_AHEAD_MS
        if own_ms <= latest_ms or time.monotonic() >= self._near_until:
            return own_ms
        self._last_ms = min(max(latest_ms, self._last_ms + 1), latest_ms + MAX_SPREAD_MS, own_ms)
        return self._last_ms


class Relay:
    """Publishes what is due. Its producer is made when first needed, in this process.

    A producer that was made before a fork hangs in the child.
    """

    def __init__(self) -> None:
        self._producer: KafkaProducer | None = None
        self._times = RecordTimes()

    def send_due(self) -> int:
        """Publish one batch of what is due and mark what the broker has; return how many.

        Raises LogUnavailable when the broker did not take all of it.
        """
        records = due.to_send(BATCH_SIZE)
        if not records:
            return 0
        try:
            return self._publish_in_time(records)
        except BROKER_ERRORS as error:
            self.close()
            raise LogUnavailable(f"Kafka does not take {_oldest()} ({error})") from error

    def close(self) -> None:
        """Drop the connection. What is still under way may arrive; it is due again anyway."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            producer.close(timeout=0)
        except BROKER_ERRORS as error:
            logger.debug("closing a broken connection: %s", error)

    def _publish_in_time(self, records: Sequence[Record]) -> int:
        try:
            return self._publish(records)
        except REFUSED_TIMES:
            self._times.refused()
            # A new producer: the old one may still hold others of the refused.
            self.close()
            return self._publish(due.to_send(BATCH_SIZE))

    def _publish(self, records: Sequence[Record]) -> int:
        producer = self._connected()
        sends: list[tuple[int | None, Any]] = []
        try:
            for record in records:
                sends.append((record.seq, self._send(producer, record)))  # noqa: PERF401
            producer.flush(FLUSH_SECONDS)
        finally:
            # Also when a later one failed: what was acknowledged need not be sent again.
            sent = [seq for seq, send in sends if seq is not None and send.succeeded()]
            due.mark_sent(sent)
        for _, send in sends:
            if not send.succeeded():
                raise send.exception or KafkaTimeoutError("not acknowledged in time")
        return len(sent)

    def _send(self, producer: KafkaProducer, record: Record) -> Any:
        # The outbox's own time, not that of the sending: an event has the same place in the
        # order however late, and however often, it is sent.
        return producer.send(
            settings.LIKES_TOPIC,
            value=record.raw,
            key=record.key,
            timestamp_ms=self._times.timestamp_ms(record.time_us),
        )

    def _connected(self) -> KafkaProducer:
        if self._producer is None:
            topic = LikesTopic()
            try:
                topic.make_if_absent()
                warn_of_faults(topic)
            finally:
                topic.close()
            self._producer = _open_producer()
        return self._producer


def relay(*, once: bool, should_stop: Callable[[], bool]) -> int:
    """Publish until told to stop, or with ``once`` what was due at the start. Returns how many.

    Of all relays one is active, the one that holds the lease; two would do no harm, so that
    ``once`` does not ask for it. Raises LogUnavailable with ``once`` only.
    """
    active, outages = Relay(), Outages(once=once)
    turn, late = _Turn(needed=not once), _Late()
    end_seq = due.last_seq() if once else None
    sent = 0
    try:
        while not should_stop():
            with outages.waited_out():
                if end_seq is not None and not due.is_to_send(up_to=end_seq):
                    break
                sent += _one_turn(active, turn, late, wait=not once)
    finally:
        active.close()
        turn.over()
    return sent


def _one_turn(active: Relay, turn: "_Turn", late: "_Late", *, wait: bool) -> int:
    if not turn.is_ours():
        time.sleep(STAND_IN_SECONDS)
        return 0
    late.look()
    watch = DatabaseWatch()
    watch.mark()
    sent = active.send_due()
    if not sent and wait:
        watch.wait(POLL_SECONDS)
    return sent


def _oldest() -> str:
    """What is due now, in words, after what the broker did take has been marked."""
    waiting = due.to_send(1)
    return f"likes, the oldest event={uuid.UUID(waiting[0].own_id)}" if waiting else "likes"


class _Late:
    """Sends again what was sent long ago and has had no effect.

    A broker may lose its log before any consumer has read from it; then nobody has a position that
    shows it. While no consumer runs nothing can have an effect, and sending again would only fill
    the topic.
    """

    def __init__(self) -> None:
        self._look_at = 0.0

    def look(self) -> None:
        """Make late events due, now and then. The mark of sending moves: once a period each."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        if not presence.is_shown():
            return
        period = timedelta(seconds=settings.RESEND_AFTER_SECONDS)
        again = due.send_late_ones_again(timezone.now() - period)
        if again:
            logger.warning("%d events had no effect in %s: they are sent again", again, period)


class _Turn:
    """Whose turn it is to relay: ours while we hold the lease, renewed well before it ends."""

    def __init__(self, *, needed: bool) -> None:
        self._hold = Hold(RELAY_LEASE, LEASE_SECONDS) if needed else None
        self._renew_at = 0.0

    def is_ours(self) -> bool:
        """Whether we hold the lease; asks for it, or renews it, when that is due."""
        if self._hold is None:
            return True
        now = time.monotonic()
        if now >= self._renew_at or not self._hold.valid:
            self._renew_at = now + LEASE_SECONDS / 3
            return self._hold.take()
        return True

    def over(self) -> None:
        """Let another relay begin at once."""
        if self._hold is None or not self._hold.valid:
            return
        try:
            self._hold.release()
        except DatabaseError:
            # It runs out by itself.
            return


def _open_producer() -> KafkaProducer:
    return KafkaProducer(
        **client_options() | {"request_timeout_ms": 5_000},
        acks="all",
        # Bounded waits: after these the rows are simply due again.
        max_block_ms=3_000,
        delivery_timeout_ms=8_000,
    )
