"""What a forgotten user had said has no effect and leaves no trace, whichever way it comes."""

import json
import uuid
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from feedback import dead_letters, due, outbox, relay
from feedback.clock import now_us, to_ms
from feedback.fields import as_rfc_3339
from feedback.forgetting.deletion import forget
from feedback.forgetting.unsaid import users_named
from feedback.kafka.clients import client_options
from feedback.models import AppliedEvent, DeadLetter, OutboxEvent
from feedback.outbox import MAX_BARRIER_AHEAD_US, Accepted, Refused
from feedback.reasons import Refusal
from feedback.rebuilding.rebuild import rebuild
from feedback.tests.paths import EmbeddedPath, KafkaPath, Path, profile, say
from recommendations import forgotten
from recommendations.models import Listener, Song

pytestmark = pytest.mark.django_db

MINUTE_US = 60_000_000


def wire(**changes: Any) -> bytes:
    message = {
        "v": 1,
        "event_id": str(uuid.uuid4()),
        "user_id": "ann",
        "song_id": "a",
        "action": "like",
    }
    return json.dumps(message | changes).encode()


def forget_now(user_id: str = "ann") -> int:
    """A marker with a barrier as forgetting takes one: in whole milliseconds."""
    barrier = to_ms(now_us()) * 1_000
    forgotten.mark(user_id, barrier)
    return barrier


def test_what_was_said_before_has_no_effect_and_is_no_longer_due(path: Path) -> None:
    say("ann", "a")
    say("ann", "b", occurred_at_us=now_us() - MINUTE_US)
    say("bob", "a")
    forget_now()

    tally = path.drain()

    assert (tally.applied, tally.forgotten, tally.dead) == (1, 2, 0)
    assert list(Listener.objects.values_list("user_id", flat=True)) == ["bob"]
    assert list(OutboxEvent.objects.values_list("user_id", flat=True)) == ["bob"]
    assert AppliedEvent.objects.count() == 1


def test_what_is_said_after_has_its_effect(path: Path) -> None:
    say("ann", "a")
    barrier = forget_now()
    said = [
        say("ann", "b"),
        say("ann", "c", occurred_at_us=barrier + 1),
    ]

    path.drain()

    assert all(isinstance(answer, Accepted) for answer in said)
    assert profile("ann") == {"b": 1, "c": 1}


def test_a_barrier_ahead_of_the_clock_and_of_all_that_was_issued_is_followed(path: Path) -> None:
    # As after the restore of a backup: the marker came back from elsewhere, the sequence did not.
    barrier = to_ms(now_us()) * 1_000 + MINUTE_US
    forgotten.mark("ann", barrier)

    say("ann", "a")
    say("ann", "b", occurred_at_us=barrier + MINUTE_US)
    path.drain()

    assert profile("ann") == {"a": 1, "b": 1}


def test_a_barrier_too_far_ahead_refuses_what_might_have_no_effect(path: Path) -> None:
    barrier = to_ms(now_us()) * 1_000 + MAX_BARRIER_AHEAD_US
    forgotten.mark("ann", barrier + MINUTE_US)
    forgotten.mark("bob", barrier - MINUTE_US)

    now, dated = say("ann", "a"), say("ann", "b", occurred_at_us=barrier + 2 * MINUTE_US)
    assert isinstance(say("bob", "a"), Accepted)
    assert isinstance(say("eve", "a"), Accepted)
    path.drain()

    assert [getattr(answer, "reason", "kept") for answer in (now, dated)] == ["forgotten_ahead"] * 2
    assert (profile("ann"), profile("bob"), profile("eve")) == ({}, {"a": 1}, {"a": 1})


def test_a_time_that_the_relay_brings_near_is_never_below_a_barrier_that_accepting_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = now_us()
    # The relay's clock is behind that of the process that accepted.
    monkeypatch.setattr(relay, "now_us", lambda: now - 15 * MINUTE_US)
    times = relay.RecordTimes()
    times.refused()

    assert times.timestamp_ms(now + 600 * MINUTE_US) * 1_000 > now + MAX_BARRIER_AHEAD_US


def test_what_was_said_while_the_clock_was_ahead_that_forgot_its_user_is_not_lost(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as ahead:
        ahead.setattr(outbox, "now_us", lambda: now_us() + 120 * MINUTE_US)
        say("ann", "b")
        forget("ann")
        assert isinstance(say("ann", "a"), Accepted)

    tally = path.drain()

    if isinstance(path, KafkaPath):
        # The broker takes no such time yet, so it was sent under one below the barrier.
        assert (tally.applied, tally.forgotten) == (0, 1)
        assert OutboxEvent.objects.filter(applied_at=None).count() == 1
        let_the_broker_take_any_time()
        assert due.send_late_ones_again(timezone.now()) == 1
        tally = path.drain()
    assert (tally.applied, tally.forgotten) == (1, 0)
    assert profile("ann") == {"a": 1}
    assert path.drain().forgotten == 0


def test_a_forgotten_word_of_a_producer_years_ahead_stays_unsaid_however_long_nobody_is_heard(
    path: Path,
) -> None:
    if isinstance(path, KafkaPath):
        let_the_broker_take_any_time()
    path.publish(wire(), time_us=now_us() + 3 * 365 * 24 * 60 * MINUTE_US)
    path.drain()
    assert profile("ann") == {"a": 1}

    forget("ann")

    # With a barrier that lay nearer ann could be heard, and so could what was forgotten.
    assert getattr(say("ann", "b"), "reason", "kept") == Refusal.FORGOTTEN_AHEAD
    assert isinstance(say("bob", "b"), Accepted)
    path.drain()
    assert rebuild().differences.count == 0
    assert profile("ann") == {}


def let_the_broker_take_any_time() -> None:
    """As it does when the clock has come to where the other one was."""
    admin = KafkaAdminClient(**client_options())
    configs = {"message.timestamp.after.max.ms": str(2**63 - 1)}
    admin.alter_configs([ConfigResource("TOPIC", settings.LIKES_TOPIC, configs)])
    admin.close()


def test_an_event_that_dates_itself_ahead_of_its_record_was_said_when_it_was_recorded(
    path: Path,
) -> None:
    now = now_us()
    path.publish(wire(occurred_at=as_rfc_3339(now + MINUTE_US)), time_us=now - MINUTE_US)
    forget_now()

    assert path.drain().forgotten == 1
    assert profile("ann") == {}


@pytest.mark.parametrize(
    "raw",
    [
        wire(song_id="no such song"),
        wire(action="love"),
        wire(event_id="no uuid"),
        b'{"user_id":"ann","song_id":',
        b'{"user_id":"ann","song_id":"a","user_id":"ann"}',
        b'{"v":2,"user_id":"\\u0061nn","song_id":"a"}',
    ],
    ids=["unknown song", "bad action", "bad id", "cut off", "key twice", "escaped"],
)
def test_what_could_not_be_applied_becomes_no_dead_letter(path: Path, raw: bytes) -> None:
    path.publish(raw, time_us=now_us() - MINUTE_US)
    forget_now()

    tally = path.drain()

    assert (tally.forgotten, tally.dead) == (1, 0)
    assert not DeadLetter.objects.exists()
    assert not OutboxEvent.objects.filter(applied_at=None).exists()


def test_the_same_of_somebody_else_becomes_one(path: Path) -> None:
    path.publish(b'{"user_id":"bob","song_id":', time_us=now_us() - MINUTE_US)
    path.publish(b"not even JSON", time_us=now_us() - MINUTE_US)
    forget_now()

    tally = path.drain()

    assert (tally.forgotten, tally.dead) == (0, 2)


def test_a_forgotten_users_message_cannot_take_the_row_of_another_with_it(path: Path) -> None:
    answer = say("bob", "a")
    path.publish(wire(event_id=str(uuid.UUID(answer.event_id))), time_us=now_us() - MINUTE_US)
    forget_now()

    tally = path.drain()

    assert (tally.applied, tally.forgotten) == (1, 1)
    assert profile("bob") == {"a": 1}


def test_a_replayed_letter_of_a_forgotten_user_is_dropped_and_deleted(songs: None) -> None:
    path = EmbeddedPath()
    path.publish(wire(song_id="later"), time_us=now_us() - MINUTE_US)
    path.publish(wire(song_id="later", user_id="bob"), time_us=now_us() - MINUTE_US)
    assert path.drain().dead == 2
    Song.objects.create(song_id="later", title="later")
    forget_now()

    tally = dead_letters.replay(DeadLetter.objects.all())

    assert (tally.applied, tally.forgotten) == (1, 1)
    assert list(DeadLetter.objects.values_list("user_id", "state")) == [("bob", "replayed")]
    assert profile("ann") == {}


def test_a_word_dated_before_the_forgetting_is_refused_instead_of_acknowledged(
    songs: None,
) -> None:
    barrier = forget_now()

    refused = say("ann", "a", occurred_at_us=barrier)

    assert isinstance(refused, Refused)
    assert refused.reason == Refusal.FORGOTTEN
    assert isinstance(say("bob", "a", occurred_at_us=barrier), Accepted)


@pytest.mark.parametrize(
    ("raw", "key", "named"),
    [
        (b'{"user_id":101}', None, {"101"}),
        (b'{"user_id" : "ann", "user_id":"bob"}', None, {"ann", "bob"}),
        (b'{"user_id":"a\\u006en"}', None, {"ann"}),
        (b'{"user_id":"\\"ann\\""}', None, {'"ann"'}),
        (b'\xff{"user_id":"ann"', b"bob", {"ann", "bob"}),
        (b"", b"", set()),
        (b'{"user_id":"' + b"x" * 65 + b'"}', None, set()),
        (b"[" * 100_000, b"ann", {"ann"}),
        (b'{"user_id":"ann"}' + b" " * 1_000_000, None, {"ann"}),
    ],
)
def test_whom_a_message_names(raw: bytes, key: bytes | None, named: set[str]) -> None:
    assert users_named(raw, key) == named
