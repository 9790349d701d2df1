"""The topic as its own client sees it, to be held against what the consumers made of it."""

import json
from typing import Any, Final

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

PATIENCE_MS: Final = 5_000
AWAY: Final = (KafkaError, OSError)


def ends(address: str, topic: str) -> dict[int, int] | None:
    """The end of each partition; None while the broker does not serve them."""
    try:
        consumer = _consumer(address)
    except AWAY:
        return None
    try:
        found = consumer.end_offsets(_partitions(consumer, topic), PATIENCE_MS)
        return {tp.partition: end for tp, end in found.items()}
    except AWAY:
        return None
    finally:
        consumer.close(autocommit=False)


def records(address: str, topic: str) -> list[str]:
    """All records: those that say the same event as the same text, any other by its place."""
    consumer = _consumer(address)
    try:
        partitions = _partitions(consumer, topic)
        last = consumer.end_offsets(partitions, PATIENCE_MS)
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        found: list[str] = []
        while any(consumer.position(tp, PATIENCE_MS) < last[tp] for tp in partitions):
            for fetched in consumer.poll(500, 5_000).values():
                found += [_identity(record) for record in fetched]
        return found
    finally:
        consumer.close(autocommit=False)


def event_ids(found: list[str]) -> set[str]:
    """The event ids among such records."""
    messages = [json.loads(text) for text in found if text.startswith("{")]
    return {message["event_id"].replace("-", "") for message in messages}


def producer(address: str) -> Any:
    """Another producer of likes."""
    return KafkaProducer(bootstrap_servers=[address], acks="all", max_request_size=2_000_000)


def members(address: str, group: str) -> int:
    """How many members the group has, 0 while it is not settled."""
    found = _group(address, group)
    return len(found["members"]) if found.get("group_state") == "Stable" else 0


def is_empty(address: str, group: str) -> bool:
    """Whether all members have left, or were thrown out."""
    return bool(_group(address, group).get("group_state") == "Empty")


def _group(address: str, group: str) -> dict[str, Any]:
    """The group as the broker describes it; nothing while it has no coordinator for it."""
    admin = KafkaAdminClient(bootstrap_servers=[address])
    try:
        return dict(admin.describe_groups([group])[group])
    except AWAY:
        return {}
    finally:
        admin.close()


def _consumer(address: str) -> Any:
    # Reads for itself alone: no group, no commits.
    return KafkaConsumer(
        bootstrap_servers=[address],
        enable_auto_commit=False,
        group_id=None,
        bootstrap_timeout_ms=1_000,
    )


def _partitions(consumer: Any, topic: str) -> list[Any]:
    numbers = consumer.partitions_for_topic(topic) or ()
    return [TopicPartition(topic, number) for number in sorted(numbers)]


def _identity(record: Any) -> str:
    try:
        message = json.loads(record.value)
        if message["event_id"]:
            return str(record.value, "utf-8")
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    return f"{record.topic}/{record.partition}/{record.offset}"
