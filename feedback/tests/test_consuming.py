"""The loops around applying: what they do when something is away, and how soon they notice news."""

import logging
import threading
import time
import uuid
from typing import Any

import pytest
from django.db import OperationalError, connection
from kafka.errors import KafkaTimeoutError

from feedback import applying, outages
from feedback.complaints import Complaints
from feedback.consuming import loop
from feedback.consuming.loop import consume
from feedback.consuming.presence import Presence, is_shown
from feedback.database_watch import DatabaseWatch
from feedback.log import Batch, LogUnavailable, OutboxLog
from feedback.models import DeadLetter
from feedback.outbox import Wish, accept
from feedback.relay import Relay
from feedback.tests.paths import APP, patience, profile, say
from recommendations.models import Lease, Song

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("songs")]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "RETRY_SECONDS", 0.0)


def test_a_locked_database_is_waited_for_and_nothing_is_put_aside(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refusals = iter([OperationalError("database is locked")] * 3)

    def apply(*arguments: Any) -> Any:
        for refusal in refusals:
            raise refusal
        return applying.apply(*arguments)

    # The loop closes a connection that failed; the test's transaction must survive that.
    monkeypatch.setattr(connection, "close", lambda: None)
    monkeypatch.setattr(loop, "apply", apply)
    say("u", "a")
    log, rewound = OutboxLog(), []
    monkeypatch.setattr(log, "rewind", lambda: rewound.append(1))

    with caplog.at_level(logging.WARNING):
        consume(log, once=True, should_stop=patience())

    assert profile("u") == {"a": 1}
    assert len(rewound) == 3
    assert not DeadLetter.objects.exists()
    assert [record.message.split(";")[0] for record in caplog.records] == [
        "database is locked",
        "back after 0 s",
    ]


class AwayLog(OutboxLog):
    """A log that cannot be reached at first."""

    tries = 3

    def poll(self, timeout_seconds: float) -> Batch:
        self.tries -= 1
        if self.tries >= 0:
            raise LogUnavailable("Kafka cannot be reached")
        return super().poll(0)


def test_a_log_that_is_away_is_waited_for_but_not_with_once() -> None:
    say("u", "a")
    log = AwayLog()

    consume(log, once=False, should_stop=patience(lambda: bool(profile("u"))))

    assert log.tries == -1
    say("u", "b")
    with pytest.raises(LogUnavailable):
        consume(AwayLog(), once=True, should_stop=patience())


def test_a_running_consumer_shows_a_sign_of_life_and_takes_it_down() -> None:
    presence = Presence("machine-0")

    consume(OutboxLog(), once=True, should_stop=patience(), presence=presence)

    assert Lease.objects.get().name == "likes-consumer-machine-0"
    assert is_shown()
    presence.end()
    assert not Lease.objects.exists()
    assert not is_shown()


def test_a_consumer_that_was_killed_goes_on_with_its_sign_at_once() -> None:
    Presence("machine-0").renew()
    Lease.objects.update(expires_at="2999-01-01T00:00:00Z")

    Presence("machine-0").renew()

    assert Lease.objects.get().expires_at.year < 2999


def test_a_relay_whose_broker_takes_nothing_names_the_event_that_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(_relay: Relay) -> None:
        raise KafkaTimeoutError("no broker")

    monkeypatch.setattr(Relay, "_connected", away)
    said = say("u", "a")
    say("u", "b")

    with pytest.raises(LogUnavailable, match=f"oldest event={uuid.UUID(said.event_id)}"):
        Relay().send_due()


def test_complaints_are_not_repeated_every_time(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints()

    with caplog.at_level(logging.WARNING):
        for _ in range(100):
            complaints.about(LogUnavailable("away"))

    assert len(caplog.records) == 1


@pytest.mark.django_db(transaction=True)
def test_a_commit_of_another_connection_ends_the_wait() -> None:
    watch = DatabaseWatch()
    watch.mark()
    writer = threading.Thread(target=_add_a_song)
    start = time.monotonic()
    writer.start()

    watch.wait(20)
    writer.join(10)

    assert time.monotonic() - start < 10


def _add_a_song() -> None:
    Song.objects.create(song_id="new", title="New")
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_requests_with_one_id_at_the_same_time_are_one_event() -> None:
    Song.objects.get_or_create(song_id="a", title="a")
    start = threading.Barrier(6, timeout=30)
    answers = []

    def ask() -> None:
        start.wait()
        answers.extend(accept(APP, [Wish("u", "a", "like", client_id="tap")]))
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(answers) == 6
    assert len(set(answers)) == 1
