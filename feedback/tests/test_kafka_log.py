"""Positions in a real Kafka: fenced, proven against the log, never reset behind one's back."""

import json
import logging
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

import feedback.relay
from feedback import outbox
from feedback.applying import apply
from feedback.clock import now_us, record_time_us
from feedback.consuming.loop import consume
from feedback.events import MAX_AHEAD_US
from feedback.kafka.clients import LikesTopic, client_options
from feedback.kafka.log import KafkaLog
from feedback.kafka.topic_faults import faults
from feedback.log import Batch, Fenced, LogUnavailable, OutboxLog
from feedback.models import AppliedEvent, ConsumerOffset, OutboxEvent
from feedback.rebuilding.history import HistoryMissing
from feedback.rebuilding.rebuild import rebuild
from feedback.relay import MAX_AHEAD_MS, RecordTimes, Relay, relay
from feedback.tests.paths import KafkaPath, patience, profile, say
from feedback.tests.processes import wait_for
from feedback.verifying.meanings import Code
from feedback.verifying.verification import verify
from recommendations.models import Interaction

pytestmark = [pytest.mark.django_db, pytest.mark.kafka, pytest.mark.usefixtures("songs")]


@pytest.fixture
def path(likes_topic: str) -> Iterator[KafkaPath]:
    assert likes_topic
    made = KafkaPath()
    yield made
    made.close()


@pytest.fixture
def admin(likes_topic: str) -> Iterator[Any]:
    assert likes_topic
    made = KafkaAdminClient(**client_options())
    yield made
    made.close()


def make_the_topic_anew(admin: Any) -> None:
    admin.delete_topics([settings.LIKES_TOPIC])
    topic = LikesTopic()
    wait_for(lambda: topic.identity() is None, 30, "the old topic has gone")
    topic.make_if_absent()
    topic.close()


def bare(user_id: str, song_id: str) -> bytes:
    return json.dumps({"user_id": user_id, "song_id": song_id}).encode()


def next_batch(log: KafkaLog) -> Batch:
    keep_on = patience()
    while not (batch := log.poll(0.2)).records:
        assert not keep_on()
    return batch


def test_the_topic_is_made_with_the_partitions_of_the_settings_and_never_compacted(
    path: KafkaPath, admin: Any
) -> None:
    assert path
    [topic] = admin.describe_topics([settings.LIKES_TOPIC])
    assert len(topic["partitions"]) == settings.LIKES_PARTITIONS == 3
    with closing(LikesTopic()) as topic_again:
        topic_again.make_if_absent()
        configs = topic_again.configs()
    # 30 days, of which a segment covers one.
    assert (configs["cleanup.policy"], configs["retention.ms"]) == ("delete", "2592000000")
    assert configs["segment.ms"] == "86400000"
    assert faults(configs) == []


def test_the_broker_has_a_record_when_all_its_replicas_have_it(path: KafkaPath) -> None:
    assert path
    with closing(feedback.relay._open_producer()) as producer:
        # -1 is what "all" is on the wire.
        assert producer.config["acks"] == -1


@pytest.mark.parametrize("process", ["consumer", "relay"])
def test_a_topic_of_others_that_drops_likes_is_used_and_warned_about(
    likes_topic: str, caplog: pytest.LogCaptureFixture, process: str
) -> None:
    with closing(KafkaAdminClient(**client_options())) as admin:
        its = {"cleanup.policy": "compact", "retention.ms": "3600000"}
        admin.create_topics(
            {likes_topic: {"num_partitions": 1, "configs": its}}, wait_for_metadata=True
        )
    say("u", "a")

    with caplog.at_level(logging.WARNING):
        if process == "relay":
            assert relay(once=True, should_stop=patience()) == 1
        else:
            with closing(KafkaLog("the-test")) as log:
                log.poll(0.1)

    # kafka-python may have something to say of a topic this young, too.
    [warning] = [each.message for each in caplog.records if each.name.startswith("feedback.")]
    assert likes_topic in warning
    assert "cleanup.policy is compact" in warning
    assert "records are kept for 1 h, and profiles stand in the base after 30 days" in warning
    assert "kafka-configs.sh" in warning
    assert "cleanup.policy=delete,retention.ms=2592000000" in warning


def test_all_that_one_user_says_stands_in_one_partition(path: KafkaPath) -> None:
    for song in "abcabc":
        say("u", song)
    path.drain()

    assert sorted(ConsumerOffset.objects.values_list("next_offset", flat=True)) == [0, 0, 6]


def test_a_partition_read_by_another_meanwhile_is_fenced_and_nothing_is_applied(
    path: KafkaPath,
) -> None:
    path.publish(bare("u", "a"))
    path.drain()
    path.close_log()
    # Under the same name it need not wait until the group has given the first one up.
    log = KafkaLog("the-test")
    path.publish(bare("u", "b"))
    path.flush()
    batch = next_batch(log)
    ConsumerOffset.objects.filter(partition=0).update(next_offset=2)

    with pytest.raises(Fenced):
        apply(batch.records, batch.settle)

    log.close()
    assert profile("u") == {"a": 1}


def test_a_batch_that_failed_is_handed_out_again(path: KafkaPath) -> None:
    path.publish(bare("u", "a"))
    path.flush()
    log = KafkaLog("second")
    first = next_batch(log)

    log.rewind()

    assert next_batch(log).records == first.records
    log.close()


def test_one_who_is_thrown_out_by_another_of_its_name_says_so(path: KafkaPath) -> None:
    with closing(KafkaLog("twin")) as first, closing(KafkaLog("twin")) as second:
        path.publish(bare("u", "a"))
        path.flush()
        batch = next_batch(first)
        assert next_batch(second).records == batch.records
        apply(batch.records, batch.settle)
        first.committed()

        with pytest.raises(LogUnavailable, match="under the name of this one, twin"):
            poll_on(first)


def poll_on(log: KafkaLog) -> None:
    should_stop = patience()
    while not should_stop():
        log.poll(0.05)


@pytest.mark.parametrize("is_open", [True, False], ids=["while reading", "while away"])
def test_a_topic_made_anew_is_read_whole_and_lost_events_are_sent_again(
    path: KafkaPath, admin: Any, is_open: bool
) -> None:
    say("u", "a")
    path.publish(bare("v", "a"))
    path.drain()
    say("u", "b")
    relay(once=True, should_stop=patience())
    if not is_open:
        path.close_log()
    make_the_topic_anew(admin)
    # As many records as before, and more, at the same offsets.
    for song in "bcb":
        path.publish(bare("v", song))
    path.flush()

    path.drain()
    path.drain()

    assert profile("u") == {"a": 1, "b": 1}
    assert profile("v") == {"a": 1, "b": 1, "c": 1}
    assert set(ConsumerOffset.objects.exclude(digest="").values_list("epoch", flat=True)) == {2}
    assert not OutboxEvent.objects.filter(applied_at=None).exists()


def test_a_log_that_was_cut_off_at_its_beginning_is_read_from_where_it_begins(
    path: KafkaPath, admin: Any
) -> None:
    for song in "abc":
        path.publish(bare("u", song))
    path.drain()
    path.publish(bare("v", "a"))
    path.publish(bare("v", "b"))
    path.flush()
    admin.delete_records({TopicPartition(settings.LIKES_TOPIC, 0): 4})

    path.drain()

    assert profile("v") == {"b": 1}
    assert ConsumerOffset.objects.get(partition=0).next_offset == 5


def test_a_topic_of_which_nothing_was_read_and_that_is_made_anew_is_read_whole(
    path: KafkaPath, admin: Any
) -> None:
    for song in "abc":
        path.publish(bare("u", song))
    path.flush()
    admin.delete_records({TopicPartition(settings.LIKES_TOPIC, 0): 3})
    path.drain()
    path.close_log()
    assert ConsumerOffset.objects.get(partition=0).next_offset == 3
    make_the_topic_anew(admin)
    for song in "abca":
        path.publish(bare("v", song))
    path.flush()

    assert [finding.code for finding in verify(limit=5).findings] == [Code.ANOTHER_LOG]
    with pytest.raises(HistoryMissing):
        rebuild()
    path.drain()

    assert profile("v") == {"a": 1, "b": 1, "c": 1}
    assert ConsumerOffset.objects.get(partition=0).epoch == 2


def test_a_restored_database_catches_up_from_the_log_and_newer_likes_win(path: KafkaPath) -> None:
    say("u", "a")
    path.drain()
    backup = transaction.savepoint()
    say("u", "a", "dislike")
    say("u", "b")
    path.publish(bare("v", "c"))
    path.drain()
    transaction.savepoint_rollback(backup)
    assert profile("u") == {"a": 1}
    say("u", "b", "unlike")

    tally = path.drain()

    assert tally.repeated == 0
    assert profile("u") == {"a": -1, "b": 0}
    assert profile("v") == {"c": 1}


def test_going_over_to_kafka_and_back_loses_nothing_and_repeats_nothing(path: KafkaPath) -> None:
    embedded = OutboxLog()
    say("u", "a")
    consume(embedded, once=True, should_stop=patience())
    say("u", "b")
    say("v", "b")

    through_kafka = path.drain()
    say("u", "c")
    relay(once=True, should_stop=patience())
    back = consume(embedded, once=True, should_stop=patience())
    over_again = path.drain()

    assert (through_kafka.applied, through_kafka.repeated) == (2, 0)
    assert (back.applied, back.repeated) == (1, 0)
    assert (over_again.applied, over_again.repeated) == (0, 1)
    assert profile("u") == {"a": 1, "b": 1, "c": 1}


def test_two_relays_that_send_the_same_have_one_effect(path: KafkaPath) -> None:
    say("u", "a")
    relays = Relay(), Relay()
    for each in relays:
        each.send_due()
        OutboxEvent.objects.update(sent_at=None)

    tally = path.drain()

    assert (tally.applied, tally.repeated) == (1, 2)
    for each in relays:
        each.close()


def test_an_event_has_the_same_place_in_the_order_whichever_way_it_comes(path: KafkaPath) -> None:
    # Clamped to the record's time, which the relay takes from the outbox.
    say("u", "a", occurred_at_us=4_000_000_000_000_000)
    event = OutboxEvent.objects.get()
    path.drain()
    order_key = Interaction.objects.get().order_key
    for table in (AppliedEvent, Interaction):
        table.objects.all().delete()
    OutboxEvent.objects.update(applied_at=None)

    consume(OutboxLog(), once=True, should_stop=patience())

    assert Interaction.objects.get().order_key == order_key
    assert order_key == record_time_us(event.recorded_at, event.seq) + MAX_AHEAD_US


def test_a_record_of_no_possible_time_is_read_as_one_without_a_time(
    likes_topic: str, admin: Any
) -> None:
    # Brokers refuse times far ahead; older ones, and some settings, do not.
    configs = {"message.timestamp.after.max.ms": str(2**63 - 1)}
    topic = {"num_partitions": 1, "configs": configs}
    admin.create_topics({likes_topic: topic}, wait_for_metadata=True)
    path = KafkaPath()
    microseconds_as_milliseconds = now_us() * 1_000
    for user_id, time_us in (("u", microseconds_as_milliseconds), ("v", (2**63 - 1) * 1_000)):
        path.publish(bare(user_id, "a"), time_us=time_us)
        say(user_id, "a", "dislike")

    tally = path.drain()
    path.close()

    assert tally.applied == 4
    assert (profile("u"), profile("v")) == ({"a": -1}, {"a": -1})


def test_times_too_far_ahead_for_a_broker_are_brought_near_in_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_ms = 1_782_907_200_000
    monkeypatch.setattr(feedback.relay, "now_us", lambda: now_ms * 1_000)
    times, near_ms = RecordTimes(), now_ms + MAX_AHEAD_MS
    far_us = (near_ms + 3_600_000) * 1_000

    assert times.timestamp_ms(far_us) == near_ms + 3_600_000
    times.refused()
    assert times.timestamp_ms(near_ms * 1_000 - 1) == near_ms
    assert [times.timestamp_ms(far_us + n) - near_ms for n in range(3)] == [0, 1, 2]
    assert times.timestamp_ms(now_ms * 1_000) == now_ms


def test_a_broker_that_refuses_times_far_ahead_is_given_nearer_ones(
    path: KafkaPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As after a clock that was two hours ahead for a while.
    monkeypatch.setattr(outbox, "now_us", lambda: now_us() + 7_200_000_000)
    for number in range(20):
        for action in ("like", "dislike"):
            say(f"u{number}", "a", action)

    tally = path.drain()

    assert (tally.applied, tally.clamped) == (40, 40)
    assert Interaction.objects.filter(value=-1).count() == 20


def test_kafka_is_told_how_far_the_group_has_read(path: KafkaPath, admin: Any) -> None:
    # The second time just after the first: it is told when the consumer closes at the latest.
    for _ in range(2):
        for _ in range(3):
            path.publish(bare("u", "a"))
        path.drain()
    path.close()

    offsets = admin.list_group_offsets([settings.LIKES_GROUP])[settings.LIKES_GROUP]

    assert offsets[TopicPartition(settings.LIKES_TOPIC, 0)].offset == 6


def test_records_of_a_producer_that_knows_nothing_of_us_have_ids_of_their_place(
    path: KafkaPath,
) -> None:
    producer = KafkaProducer(**client_options())
    for _ in range(2):
        producer.send(settings.LIKES_TOPIC, bare("u", "a"), partition=1)
    producer.send(settings.LIKES_TOPIC, None, key=b"u", partition=1)
    producer.flush(10)
    producer.close()

    tally = path.drain()

    assert (tally.applied, tally.dead) == (2, 1)
    ids = set(AppliedEvent.objects.values_list("event_id", flat=True))
    place = f"1:{settings.LIKES_TOPIC}:1:0"
    assert uuid.uuid5(uuid.UUID("9f4a54b2-0e0b-5cb4-8a0f-5d1f3c9a7e42"), place) in ids
