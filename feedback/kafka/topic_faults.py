"""Whether the topic keeps what is needed of it: one that was there before us may be set otherwise.

Somebody else may have made it, or the broker itself at the first message that it was sent. It is
used all the same, as likes are better kept there than not at all; what is wrong with it is said.
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from django.conf import settings

from feedback import how_long
from feedback.kafka.clients import BROKER_ERRORS, TOPIC_CONFIGS, LikesTopic

logger = logging.getLogger(__name__)

UNLIMITED: Final = "-1"
# With the segment that a record is in, what receipts of forgetting promise.
LONGEST: Final = how_long.GONE_FROM_KAFKA - how_long.SEGMENT


def faults(configs: Mapping[str, str]) -> list[str]:
    """What is wrong with a topic that is set so, in words. What the broker did not tell is not."""
    return [*_of_cleaning(configs), *_of_retention(configs)]


def advice() -> str:
    """The command that puts all of it right."""
    server = next(iter(settings.KAFKA_BOOTSTRAP_SERVERS), "localhost:9092")
    right = ",".join(
        f"{name}={TOPIC_CONFIGS.get(name, UNLIMITED)}"
        for name in ("cleanup.policy", "retention.ms", "retention.bytes")
    )
    return (
        f"kafka-configs.sh --bootstrap-server {server} --alter --entity-type topics"
        f" --entity-name {settings.LIKES_TOPIC} --add-config {right}"
    )


def warn_of_faults(topic: LikesTopic) -> None:
    """Say in the log what is wrong. A broker that does not tell it is no fault of the topic's."""
    try:
        found = faults(topic.configs())
    except BROKER_ERRORS as error:
        logger.debug("the topic's configs cannot be read: %s", error)
        return
    if found:
        name = settings.LIKES_TOPIC
        logger.warning("the topic %s: %s. To mend it: %s", name, "; ".join(found), advice())


def _of_cleaning(configs: Mapping[str, str]) -> Iterator[str]:
    policy = configs.get("cleanup.policy", "")
    if "compact" in policy:
        yield (
            f"cleanup.policy is {policy}: of each user the broker keeps the last message alone,"
            " and drops likes that nobody has read yet"
        )


def _of_retention(configs: Mapping[str, str]) -> Iterator[str]:
    kept_ms = int(configs.get("retention.ms", UNLIMITED))
    kept = timedelta(milliseconds=kept_ms)
    if kept_ms >= 0 and kept < how_long.TOPIC:
        yield (
            f"records are kept for {_in_words(kept)}, and profiles stand in the base after"
            f" {_in_words(how_long.TOPIC)}: a rebuild or a restored backup would lack what the"
            " broker dropped before"
        )
    # What a broker does not tell is no fault; what it tells as -1 is kept for ever.
    if "retention.ms" in configs and (kept_ms < 0 or kept > LONGEST):
        yield (
            f"records are kept {f'for {_in_words(kept)}' if kept_ms >= 0 else 'for ever'}: receipts"
            f" of forgetting say that Kafka has dropped them after"
            f" {_in_words(how_long.GONE_FROM_KAFKA)}, and dead letters that were given up are known"
            f" for {_in_words(how_long.SETTLED_LETTERS)} only: after that, a rebuild or a new epoch"
            " would give their messages an effect"
        )
    most = configs.get("retention.bytes", UNLIMITED)
    if most != UNLIMITED:
        yield (
            f"a partition keeps {most} bytes (retention.bytes), so that records may be dropped"
            f" before they are {_in_words(how_long.TOPIC)} old"
        )


def _in_words(time: timedelta) -> str:
    hours = time / timedelta(hours=1)
    return f"{hours / 24:g} days" if hours >= 48 else f"{hours:.3g} h"
