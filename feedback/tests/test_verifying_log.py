"""verify_likes against a real Kafka: what it says of positions that do not fit the log."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db.models import F
from kafka import KafkaAdminClient, TopicPartition

from feedback.clock import now_us
from feedback.kafka.clients import client_options
from feedback.models import ConsumerOffset
from feedback.tests.paths import KafkaPath
from feedback.tests.test_verifying import found
from feedback.verifying import log_checks
from feedback.verifying.meanings import Code
from feedback.verifying.verification import verify
from tests.ports import free_port

pytestmark = [pytest.mark.django_db, pytest.mark.kafka, pytest.mark.usefixtures("songs")]

HOUR_US = 3_600_000_000


@pytest.fixture
def path(likes_topic: str) -> Iterator[KafkaPath]:
    """A topic whose partition 0 holds four records, all of them read."""
    assert likes_topic
    made = KafkaPath()
    publish(made, 4)
    made.drain()
    made.close_log()
    assert found() == {}
    yield made
    made.close()


def publish(path: KafkaPath, number: int, *, ago_us: int = 0) -> None:
    for _ in range(number):
        raw = json.dumps({"user_id": "u", "song_id": "a"}).encode()
        path.publish(raw, time_us=now_us() - ago_us)
    path.flush()


def position() -> Any:
    return ConsumerOffset.objects.filter(partition=0)


def delete_records(before: int) -> None:
    admin = KafkaAdminClient(**client_options())
    admin.delete_records({TopicPartition(settings.LIKES_TOPIC, 0): before})
    admin.close()


def test_a_record_that_is_not_the_one_that_was_read_is_another_log(path: KafkaPath) -> None:
    position().update(digest="00" * 16)

    [finding] = verify(limit=5).findings

    assert finding.code is Code.ANOTHER_LOG
    assert "read up to 4, the broker has 0 to 4, epoch 1" in finding.examples[0]


def test_a_position_past_the_end_is_another_log(path: KafkaPath) -> None:
    position().update(next_offset=F("next_offset") + 1)

    assert found() == {Code.ANOTHER_LOG: 1}


def test_positions_in_a_topic_that_has_gone_are_another_log(path: KafkaPath) -> None:
    settings.LIKES_TOPIC += "_gone"
    ConsumerOffset.objects.update(topic=settings.LIKES_TOPIC)

    assert found() == {Code.ANOTHER_LOG: 3}


def test_an_epoch_that_has_begun_while_we_looked_is_no_finding(
    path: KafkaPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    position().update(digest="00" * 16)
    ask = log_checks._partitions

    def ask_and_begin(positions: Any) -> Any:
        position().update(epoch=2, next_offset=0, digest="")
        return ask(positions)

    monkeypatch.setattr(log_checks, "_partitions", ask_and_begin)

    assert found() == {}


def test_records_that_left_the_log_unread_are_told(path: KafkaPath) -> None:
    publish(path, 3)
    delete_records(6)

    assert found() == {Code.LEFT_UNREAD: 1}


def test_after_a_long_silence_the_record_read_last_has_gone(path: KafkaPath) -> None:
    delete_records(4)

    report = verify(limit=5)

    assert [finding.code for finding in report.findings] == [Code.LAST_READ_GONE]
    assert not report.is_wrong


def test_a_partition_that_was_never_read_is_told(path: KafkaPath) -> None:
    position().delete()

    assert found() == {Code.NEVER_READ: 1}


def test_a_record_that_waits_is_no_finding_until_it_has_waited_long(path: KafkaPath) -> None:
    publish(path, 2)
    assert found() == {}
    path.drain()
    publish(path, 3, ago_us=2 * HOUR_US)

    [finding] = verify(limit=5).findings

    assert finding.code is Code.LAG
    assert "3 records, the oldest for 2 hours" in finding.examples[0]


def test_a_broker_that_is_away_is_said_and_is_no_error(path: KafkaPath) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = [f"127.0.0.1:{free_port()}"]

    report = verify(limit=5)

    assert [finding.code for finding in report.findings] == [Code.BROKER_AWAY]
    assert not report.is_wrong
