"""The two ways that a like can take, behind one face: the same tests run along both."""

import time
import uuid
from collections.abc import Callable
from typing import Any, Protocol

from django.conf import settings
from kafka import KafkaProducer

from access import callers
from feedback.applying import Tally
from feedback.clock import as_datetime, now_us, to_ms
from feedback.consuming.loop import consume
from feedback.kafka.clients import LikesTopic, client_options
from feedback.kafka.log import KafkaLog
from feedback.log import OutboxLog
from feedback.models import OutboxEvent
from feedback.outbox import Accepted, Refused, Wish, accept
from feedback.relay import relay
from recommendations.models import Interaction

APP = callers.service("app", frozenset())


def patience(
    stop: Callable[[], bool] = lambda: False, *, seconds: float = 30
) -> Callable[[], bool]:
    """What tells a loop to stop, if anything does; it fails the test when the loop never ends."""
    deadline = time.monotonic() + seconds

    def should_stop() -> bool:
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s the loop still runs")
        return stop()

    return should_stop


def say(user_id: str, song_id: str, action: str = "like", **more: Any) -> Accepted | Refused:
    """Ask for it as the API does."""
    [answer] = accept(APP, [Wish(user_id, song_id, action, **more)])
    return answer


def profile(user_id: str) -> dict[str, int]:
    """What the user thinks, by song."""
    rows = Interaction.objects.filter(listener__user_id=user_id)
    return {row.song_id: row.value for row in rows}


class Path(Protocol):
    """From what was said to the profile."""

    def publish(self, raw: bytes, *, time_us: int | None = None) -> None:
        """Put bytes of another producer into the log."""

    def drain(self, **options: Any) -> Tally:
        """Apply all that was said and published. options: of ``consume``."""

    def close(self) -> None:
        """Let go of everything."""


class EmbeddedPath:
    """Without Kafka: the consumer reads the outbox."""

    def __init__(self) -> None:
        self._log = OutboxLog()
        self._last_seq = 0

    def publish(self, raw: bytes, *, time_us: int | None = None) -> None:
        """There are no other producers; these bytes take their row."""
        at = now_us() if time_us is None else time_us
        # Other producers have no seq of ours: a small one leaves the record its own time.
        self._last_seq += 1
        OutboxEvent.objects.create(
            seq=self._last_seq,
            event_id=uuid.uuid4(),
            user_id="another",
            song_id="",
            payload=raw,
            recorded_at=as_datetime(at),
        )

    def drain(self, **options: Any) -> Tally:
        """Apply what is due."""
        return consume(self._log, once=True, should_stop=patience(), **options)

    def close(self) -> None:
        """Nothing is open."""


class KafkaPath:
    """Through a topic of a real Kafka: relay, then consumer."""

    def __init__(self) -> None:
        topic = LikesTopic()
        topic.make_if_absent()
        topic.close()
        self._producer = KafkaProducer(**client_options(), max_request_size=2_000_000)
        self._log = KafkaLog("the-test")

    def publish(self, raw: bytes, *, time_us: int | None = None) -> None:
        """Send the bytes, all to one partition, so that they are read in this order."""
        at_ms = None if time_us is None else to_ms(time_us)
        self._producer.send(settings.LIKES_TOPIC, raw, partition=0, timestamp_ms=at_ms)

    def drain(self, **options: Any) -> Tally:
        """Relay what is due, then apply all of the topic that is new."""
        self.flush()
        relay(once=True, should_stop=patience())
        return consume(self._log, once=True, should_stop=patience(), **options)

    def flush(self) -> None:
        """Wait until all that was published is in the topic."""
        self._producer.flush(10)

    def close_log(self) -> None:
        """Leave the group; a later ``drain`` comes back under the same name."""
        self._log.close()

    def close(self) -> None:
        """Close both connections."""
        self._producer.close(timeout=1)
        self._log.close()
