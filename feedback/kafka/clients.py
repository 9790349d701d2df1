"""How this project talks to Kafka: bounded waits, quick reconnects, and the topic of likes."""

import logging
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, OffsetSpec
from kafka.errors import KafkaError, TopicAlreadyExistsError

from feedback import how_long
from feedback.kafka.names import host_name

# The client logs a traceback for every try at a broker that is away. The loops say it once.
logging.getLogger("kafka").setLevel(logging.CRITICAL)

# What a client may raise while a broker is away, hangs or comes back.
BROKER_ERRORS: Final = (KafkaError, OSError)


def _milliseconds(time: timedelta) -> str:
    return str(time // timedelta(milliseconds=1))


# Of the topic. Never compacted: the key is the user, and one like each would stay.
TOPIC_CONFIGS: Final = {
    "cleanup.policy": "delete",
    "retention.ms": _milliseconds(how_long.TOPIC),
    "segment.ms": _milliseconds(how_long.SEGMENT),
}


def client_options() -> dict[str, Any]:
    """Options of every client. The defaults wait up to 30 s for a broker that came back."""
    return {
        "bootstrap_servers": settings.KAFKA_BOOTSTRAP_SERVERS,
        "client_id": f"musicrec-{host_name()}",
        "bootstrap_timeout_ms": 2_000,
        "reconnect_backoff_max_ms": 500,
        "request_timeout_ms": 10_000,
    }


class LikesTopic:
    """The topic of likes on the broker. Every method may raise one of BROKER_ERRORS."""

    def __init__(self, **options: Any) -> None:
        self._admin = KafkaAdminClient(**client_options() | options)

    def make_if_absent(self) -> None:
        """Make the topic; one that is there stays as it is (see topic_faults)."""
        topic = {"num_partitions": settings.LIKES_PARTITIONS, "configs": TOPIC_CONFIGS}
        if self.identity() is None:
            try:
                self._admin.create_topics(
                    {settings.LIKES_TOPIC: topic}, timeout_ms=5_000, wait_for_metadata=True
                )
            except TopicAlreadyExistsError:
                return  # another process was a moment faster

    def identity(self) -> str | None:
        """What tells this topic from an earlier one of its name; None when there is none."""
        [topic] = self._admin.describe_topics([settings.LIKES_TOPIC])
        return None if topic["error_code"] else str(topic["topic_id"])

    def configs(self) -> dict[str, str]:
        """How it is set, by the names of Kafka; empty where there is none, or we may not ask."""
        topic = ConfigResource("TOPIC", settings.LIKES_TOPIC)
        found = self._admin.describe_configs([topic], config_filter="all")
        of_it = found.get("topic", {}).get(settings.LIKES_TOPIC, {})
        return {name: each["value"] for name, each in of_it.items()}

    def partitions(self) -> list[int]:
        """The numbers of its partitions, none when there is no topic."""
        [topic] = self._admin.describe_topics([settings.LIKES_TOPIC])
        return [each["partition_index"] for each in topic["partitions"]]

    def spans(self) -> dict[int, tuple[int, int]]:
        """Of each partition the first offset that it still holds, and the one after its last."""
        partitions = [TopicPartition(settings.LIKES_TOPIC, number) for number in self.partitions()]
        if not partitions:
            return {}
        first, last = (
            self._admin.list_partition_offsets(dict.fromkeys(partitions, which))
            for which in (OffsetSpec.EARLIEST, OffsetSpec.LATEST)
        )
        return {tp.partition: (first[tp].offset, last[tp].offset) for tp in partitions}

    def close(self) -> None:
        """Close the connection."""
        self._admin.close()
