"""How far consumers are behind in Kafka: asked by those who watch, never by a like."""

from typing import Final

from django.conf import settings

from feedback import offsets
from feedback.kafka.clients import BROKER_ERRORS, LikesTopic

# A broker that hangs must not hold up whoever asks.
QUICK: Final = {"bootstrap_timeout_ms": 800, "request_timeout_ms": 800}


def lag_by_partition() -> dict[int, int] | None:
    """How many records of each partition were not read yet; None where no broker answers."""
    # Read before the ends, which only grow: in one and the same log no end lies before it.
    reached = offsets.next_offsets(settings.LIKES_TOPIC)
    try:
        topic = LikesTopic(**QUICK)
        try:
            spans = topic.spans()
        finally:
            topic.close()
    except BROKER_ERRORS:
        return None
    return {number: _left(reached.get(number), *span) for number, span in sorted(spans.items())}


def _left(reached: int | None, beginning: int, end: int) -> int:
    """What is left to read. Another log than the one that was read is read from its beginning."""
    if reached is None or not beginning <= reached <= end:
        return end - beginning
    return end - reached
