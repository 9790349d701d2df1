"""How far behind consumers are, as those who watch are told."""

from typing import Any

import pytest

from feedback import due
from feedback.kafka import lag
from feedback.kafka.lag import lag_by_partition
from feedback.models import OutboxEvent
from feedback.tests.paths import KafkaPath, say
from recommendations.models import Song

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("reached", "left"),
    [
        (None, 40),
        (10, 40),
        (30, 20),
        (50, 0),
        # Of another log: shorter than what was read, or begun after it.
        (51, 40),
        (9, 40),
    ],
)
def test_what_is_left_to_read(reached: int | None, left: int) -> None:
    assert lag._left(reached, 10, 50) == left


@pytest.mark.kafka
def test_the_lag_is_what_no_consumer_has_applied_yet(likes_topic: str) -> None:
    assert lag_by_partition() == {}
    Song.objects.bulk_create(Song(song_id=name, title=name) for name in "ab")
    path = KafkaPath()
    try:
        for song in "ab":
            path.publish(b'{"user_id":"u","song_id":"%s"}' % song.encode())
        path.flush()
        assert lag_by_partition() == {0: 2, 1: 0, 2: 0}

        path.drain()
        path.publish(b"nonsense")
        path.flush()

        assert lag_by_partition() == {0: 1, 1: 0, 2: 0}
    finally:
        path.close()


def test_without_a_broker_there_is_none(settings: Any) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = ["127.0.0.1:1"]

    assert lag_by_partition() is None


def test_unsent_events_are_counted_up_to_a_limit_with_the_time_of_the_oldest() -> None:
    assert due.unsent(at_most=10) == (0, None)
    Song.objects.create(song_id="a", title="a")
    for user in "uvwx":
        say(user, "a")
    rows = list(OutboxEvent.objects.order_by("seq"))
    due.mark_sent([rows[0].seq])
    due.mark_applied([rows[1].event_id.hex], rows[1].recorded_at)

    assert due.unsent(at_most=10) == (2, rows[2].recorded_at)
    assert due.unsent(at_most=1) == (1, rows[2].recorded_at)
