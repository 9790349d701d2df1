"""How a group shares its partitions: what stays is read on, what moves is read once."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import MemberState

from feedback import offsets
from feedback.applying import Tally
from feedback.consuming.loop import consume
from feedback.kafka import member
from feedback.kafka.clients import LikesTopic, client_options
from feedback.kafka.group import Sharing, StickyAssignor
from feedback.kafka.log import KafkaLog
from feedback.log import Batch
from feedback.models import AppliedEvent
from feedback.offsets import Position
from feedback.tests.processes import wait_for
from recommendations.models import Song

PARTITIONS = 6


class Reader(KafkaLog):
    """A member of the group in a thread of its own, which counts how often it got each record."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.read: Counter[tuple[int, int]] = Counter()
        self.tally = Tally()
        self.held, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def poll(self, timeout_seconds: float) -> Batch:
        """As a consumer does; while it is held it does not come to that."""
        while self.held.is_set() and not self._stop.is_set():
            time.sleep(0.01)
        batch = super().poll(timeout_seconds)
        self.read.update((r.partition or 0, r.offset or 0) for r in batch.records)
        return batch

    @property
    def partitions(self) -> set[int]:
        """Which partitions are its own, as far as it knows."""
        member = self._member
        return set() if member is None else {tp.partition for tp in list(member._positions)}

    @property
    def untold(self) -> set[int]:
        """Of which partitions it still means to tell Kafka where it is."""
        member = self._member
        return set() if member is None else {tp.partition for tp in list(member._untold)}

    def is_in(self, state: str) -> bool:
        """What the client says of its part in the group."""
        member = self._member
        return member is not None and member._is_in(state)

    def end(self) -> None:
        """Leave, and wait for the thread."""
        self._stop.set()
        self._thread.join(30)
        self.close()

    def _run(self) -> None:
        try:
            self.tally = consume(self, once=False, should_stop=self._stop.is_set)
        finally:
            connection.close()


class Topic:
    """The topic of the test: so many records go into each partition at a time."""

    def __init__(self) -> None:
        settings.LIKES_PARTITIONS = PARTITIONS
        topic = LikesTopic()
        topic.make_if_absent()
        topic.close()
        self.producer = KafkaProducer(**client_options())
        self.count = 0

    def say(self, times: int = 1) -> None:
        """Put likes into every partition."""
        raw = json.dumps({"user_id": "u", "song_id": "a"}).encode()
        for _ in range(times):
            for number in range(PARTITIONS):
                self.producer.send(settings.LIKES_TOPIC, raw, partition=number)
        self.producer.flush(10)
        self.count += times * PARTITIONS

    def is_applied(self) -> bool:
        """Whether all of them have had their effect; each has an id of its own."""
        return AppliedEvent.objects.count() == self.count


@pytest.fixture
def topic(transactional_db: None, likes_topic: str, settings: Any) -> Iterator[Topic]:
    Song.objects.create(song_id="a", title="a")
    settings.LIKES_PARTITIONS = PARTITIONS
    made = Topic()
    yield made
    made.producer.close(timeout=1)


@pytest.fixture
def reader() -> Iterator[Callable[[str], Reader]]:
    """Makes readers, and ends them."""
    made: list[Reader] = []

    def make(name: str) -> Reader:
        made.append(Reader(name))
        return made[-1]

    yield make
    for each in made:
        each.end()


def wait_until_shared(*readers: Reader, among: int = PARTITIONS) -> None:
    """Until each of them has its part of so many partitions."""
    part = among // len(readers)
    what = f"{part} partitions each"
    wait_for(lambda: [len(r.partitions) for r in readers] == [part] * len(readers), 30, what)


@pytest.mark.kafka
def test_partitions_that_stay_are_neither_looked_up_nor_read_again(
    topic: Topic, reader: Callable[[str], Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[int] = []
    load = offsets.load

    def noting(name: str, partition: int, *, beginning: int) -> Position:
        looked_up.append(partition)
        return load(name, partition, beginning=beginning)

    monkeypatch.setattr(offsets, "load", noting)
    first = reader("first")
    topic.say(5)
    wait_for(topic.is_applied, 30, "the first reader")
    assert sorted(looked_up) == list(range(PARTITIONS))
    looked_up.clear()

    second = reader("second")
    topic.say(5)
    wait_until_shared(first, second)
    topic.say(5)
    wait_for(topic.is_applied, 30, "both readers")

    assert sorted(looked_up) == sorted(second.partitions)
    assert first.partitions == set(range(PARTITIONS)) - second.partitions
    assert set((first.read + second.read).values()) == {1}


@pytest.mark.kafka
def test_kafka_is_told_nothing_of_partitions_that_have_become_anothers(
    topic: Topic, reader: Callable[[str], Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member, "TELL_SECONDS", 3_600.0)
    first = reader("first")
    topic.say()
    wait_for(topic.is_applied, 30, "the first reader")
    # The first time it is told at once; of these it is not told any more.
    topic.say()
    wait_for(topic.is_applied, 30, "the first reader")
    # It is noted after what is applied has been seen.
    wait_for(lambda: first.untold == set(range(PARTITIONS)), 10, "all untold")

    second = reader("second")
    wait_until_shared(first, second)

    wait_for(lambda: first.untold == first.partitions, 10, "only of its own")


@pytest.mark.kafka
def test_reading_goes_on_while_a_member_holds_up_the_rebalance(
    topic: Topic, reader: Callable[[str], Reader]
) -> None:
    first, slow = reader("first"), reader("slow")
    wait_until_shared(first, slow)
    slow.held.set()
    third = reader("third")
    wait_for(lambda: first.is_in(MemberState.REBALANCING), 30, "the rebalance")

    topic.say(10)
    wait_for(lambda: first.read.total() == 3 * 10, 30, "what stands in its own partitions")
    assert first.is_in(MemberState.REBALANCING)
    slow.held.clear()
    wait_until_shared(first, slow, third)
    topic.say()
    wait_for(topic.is_applied, 30, "all of them")

    assert set((first.read + slow.read + third.read).values()) == {1}


@pytest.mark.kafka
def test_partitions_that_the_topic_gets_later_are_read(
    topic: Topic, reader: Callable[[str], Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member, "METADATA_AGE_MS", 500)
    first, second = reader("first"), reader("second")
    wait_until_shared(first, second)
    admin = KafkaAdminClient(**client_options())
    admin.create_partitions({settings.LIKES_TOPIC: PARTITIONS + 2})
    admin.close()

    wait_until_shared(first, second, among=PARTITIONS + 2)
    topic.say()

    wait_for(topic.is_applied, 30, "both readers")


@pytest.mark.kafka
def test_a_rebalance_that_the_client_forgot_is_begun_again(
    topic: Topic, reader: Callable[[str], Reader]
) -> None:
    first = reader("first")
    wait_until_shared(first)
    assert first._member is not None
    # As the client stands where its poll came back between the two answers of the broker.
    first._member._consumer._coordinator.state = MemberState.REBALANCING

    wait_for(lambda: first.is_in(MemberState.STABLE), 30, "the rebalance is over")
    topic.say()
    wait_for(topic.is_applied, 30, "the reader goes on")


@pytest.mark.kafka
def test_a_group_is_taken_over_from_members_of_an_earlier_version(
    topic: Topic, reader: Callable[[str], Reader]
) -> None:
    old = KafkaConsumer(
        settings.LIKES_TOPIC,
        **client_options(),
        group_id=settings.LIKES_GROUP,
        group_instance_id="old",
        session_timeout_ms=6_000,
        heartbeat_interval_ms=1_500,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )

    def has(count: int) -> Callable[[], bool]:
        return lambda: old.poll(500) is not None and len(old.assignment()) == count

    wait_for(has(PARTITIONS), 30, "the old member has all")
    second = reader("second")
    wait_for(has(PARTITIONS // 2), 30, "the old member has half")
    wait_until_shared(second, among=PARTITIONS // 2)
    old.close(autocommit=False)
    topic.say()
    # All is the second one's when the session of the old one has run out.
    wait_for(topic.is_applied, 30, "the new member alone")
    third = reader("third")
    wait_until_shared(second, third)
    topic.say()
    wait_for(topic.is_applied, 30, "the new members")

    assert second.tally.repeated == third.tally.repeated == 0


@pytest.mark.parametrize("eager", [False, True], ids=["cooperative", "eager"])
def test_a_member_claims_no_partition_that_it_has_lost(eager: bool) -> None:
    sharing = Sharing(eager=eager)
    sticky: Any = next(each for each in sharing.assignors if isinstance(each, StickyAssignor))
    mine = [TopicPartition("likes", number) for number in (0, 1)]

    sticky.member_assignment = mine
    claimed = [each.partitions for each in sticky.metadata({"likes"}).owned_partitions]
    assert claimed == ([] if eager else [[0, 1]])
    sticky.member_assignment = mine
    sharing.listener.on_partitions_lost(mine)

    assert sticky.metadata({"likes"}).owned_partitions == []
    assert sharing.changed.is_set()
    assert sharing.gone() == set(mine)
    assert sharing.gone() == set()
