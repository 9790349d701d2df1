"""What may go goes, what may still be needed stays, and a rebuild misses nothing."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from feedback import dead_letters, due, how_long, offsets, retention
from feedback.clock import now_us
from feedback.consuming.delays import ENDED
from feedback.consuming.presence import Presence
from feedback.models import (
    AppliedEvent,
    ConsumerOffset,
    DeadLetter,
    LikeDelay,
    OutboxEvent,
    OutboxSequence,
)
from feedback.rebuilding.rebuild import rebuild
from feedback.relay import relay
from feedback.retention import keep_old_profiles, prune
from feedback.tests.paths import EmbeddedPath, Path, profile, say
from recommendations import leases
from recommendations.models import BaseWord, Interaction, Lease, Song

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
LATER = timedelta(seconds=1)


def in_a_day() -> Any:
    return timezone.now() + how_long.OUTBOX + LATER


def test_a_row_leaves_the_outbox_a_day_after_its_effect_and_no_sooner(path: Path) -> None:
    say("u", "a")
    path.drain()

    assert prune(timezone.now() + how_long.OUTBOX - timedelta(minutes=5)).outbox == 0
    assert prune(in_a_day()).outbox == 1
    assert not OutboxEvent.objects.exists()
    assert profile("u") == {"a": 1}


def test_what_has_no_effect_never_goes(path: Path) -> None:
    say("u", "a")

    assert prune(timezone.now() + 400 * DAY).outbox == 0
    path.drain()
    assert profile("u") == {"a": 1}


def test_a_row_whose_id_stands_nowhere_stays_and_is_told(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    say("u", "a")
    long_ago = timezone.now() - 2 * DAY
    seq = now_us() - 2 * 86_400_000_000
    OutboxEvent.objects.update(seq=seq, applied_at=long_ago)

    call_command("prune_likes", "--json")

    report = json.loads(capsys.readouterr().out)
    assert (report["outbox"], report["untraced"]) == (0, 1)
    assert OutboxEvent.objects.exists()


def test_the_sequence_is_not_touched(path: Path) -> None:
    say("u", "a")
    path.drain()
    before = OutboxSequence.objects.get().last_seq

    prune(timezone.now() + 400 * DAY)

    assert OutboxSequence.objects.get().last_seq == before


@pytest.mark.usefixtures("songs")
def test_without_kafka_the_base_has_what_left_the_outbox() -> None:
    path = EmbeddedPath()
    for action in ("like", "dislike"):
        say("u", "a", action)
    say("u", "b", "unlike")
    path.drain()
    prune(in_a_day())
    Interaction.objects.all().delete()

    assert rebuild().differences.missing == 2
    assert profile("u") == {"a": -1, "b": 0}


@pytest.mark.usefixtures("songs")
def test_a_letter_that_leaves_the_outbox_leaves_nothing_in_the_base() -> None:
    path = EmbeddedPath()
    path.publish(json.dumps({"user_id": "u", "song_id": "new"}).encode())
    path.drain()
    dead_letters.discard(DeadLetter.objects.all())

    assert prune(in_a_day()).outbox == 1
    assert not BaseWord.objects.exists()


def test_ids_that_went_do_no_harm_when_their_events_come_again(path: Path) -> None:
    say("u", "a")
    say("u", "a", "unlike")
    old = OutboxEvent.objects.order_by("seq").first()
    assert old is not None
    path.drain()
    pruned = prune(timezone.now() + how_long.APPLIED_IDS + LATER)
    assert (pruned.outbox, pruned.applied_event) == (2, 2)
    assert not AppliedEvent.objects.exists()

    path.publish(bytes(old.payload))
    path.drain()

    assert profile("u") == {"a": 0}


def test_ids_stay_as_long_as_their_rows(path: Path) -> None:
    say("u", "a")
    path.drain()
    # Not marked, as by a fault: the row is not done with, whatever its age.
    OutboxEvent.objects.update(applied_at=None)

    assert prune(timezone.now() + 400 * DAY).applied_event == 0
    assert AppliedEvent.objects.count() == 1


@pytest.mark.parametrize("number", [1, 3, 7])
def test_ids_that_must_stay_do_not_hold_up_those_after_them(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(retention, "CHUNK_ROWS", 3)
    for user in range(12):
        say(f"u{user}", "a")
        path.drain()
    first = OutboxEvent.objects.order_by("seq").values_list("seq", flat=True)[:number]
    OutboxEvent.objects.filter(seq__in=list(first)).update(applied_at=None)

    assert prune(timezone.now() + 400 * DAY).applied_event == 12 - number
    assert AppliedEvent.objects.count() == number


def test_settled_letters_go_when_no_log_has_them_and_open_ones_stay(path: Path) -> None:
    for song_id in ("given-up", "open"):
        path.publish(json.dumps({"user_id": "u", "song_id": song_id}).encode())
    path.drain()
    dead_letters.discard(DeadLetter.objects.filter(song_id="given-up"))

    assert prune(timezone.now() + how_long.SETTLED_LETTERS - DAY).dead_letter == 0
    assert prune(timezone.now() + how_long.SETTLED_LETTERS + DAY).dead_letter == 1
    assert DeadLetter.objects.get().song_id == "open"


def test_traces_of_consumers_that_were_killed_go_after_a_day(db: None) -> None:
    for name, hours in (("today", 23), ("before", 25)):
        Presence(name).renew()
        LikeDelay.objects.create(consumer=name)
        mine = Lease.objects.filter(name__endswith=name)
        mine.update(expires_at=timezone.now() - timedelta(hours=hours))

    pruned = prune()

    assert (pruned.lease, pruned.like_delay) == (1, 1)
    assert Lease.objects.get().name == "likes-consumer-today"
    assert set(LikeDelay.objects.values_list("consumer", flat=True)) == {"today", ENDED}


def test_many_rows_go_in_chunks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK_ROWS", 3)
    for number in range(8):
        say(f"u{number}", "a")
    path.drain()

    pruned = prune(timezone.now() + 400 * DAY)

    assert (pruned.outbox, pruned.applied_event) == (8, 8)


@pytest.mark.kafka
@pytest.mark.usefixtures("songs", "likes_topic")
def test_profiles_are_kept_before_the_topic_drops_their_events() -> None:
    from feedback.tests.paths import KafkaPath

    path = KafkaPath()
    try:
        path.publish(json.dumps({"user_id": "u", "song_id": "a"}).encode())
        path.drain()
    finally:
        path.close()

    assert keep_old_profiles(timezone.now() + how_long.PROFILES_UNKEPT - DAY) == 0
    assert keep_old_profiles(timezone.now() + how_long.PROFILES_UNKEPT + LATER) == 1
    assert BaseWord.objects.get().value == 1


@pytest.mark.kafka
@pytest.mark.usefixtures("songs", "likes_topic")
def test_what_is_applied_late_is_kept_at_once() -> None:
    from feedback.tests.paths import KafkaPath

    path = KafkaPath()
    late_us = (how_long.LATE + DAY) // timedelta(microseconds=1)
    try:
        path.publish(json.dumps({"user_id": "u", "song_id": "a"}).encode())
        path.publish(
            json.dumps({"user_id": "v", "song_id": "a"}).encode(), time_us=now_us() - late_us
        )
        path.drain()
    finally:
        path.close()

    assert [word.listener.user_id for word in BaseWord.objects.all()] == ["v"]


def test_a_replayed_letter_is_kept_at_once(path: Path) -> None:
    path.publish(json.dumps({"user_id": "u", "song_id": "new"}).encode())
    path.drain()
    Song.objects.create(song_id="new", title="new")
    dead_letters.replay_for_songs()

    assert BaseWord.objects.get().song_id == "new"


@pytest.mark.usefixtures("songs")
def test_a_new_epoch_keeps_all_that_the_lost_log_had_said() -> None:
    path = EmbeddedPath()
    say("u", "a")
    path.drain()
    row = ConsumerOffset.objects.create(topic="song_likes", partition=0, next_offset=7)

    offsets.begin_epoch(offsets.Position("song_likes", 0, row.epoch, row.next_offset), beginning=0)

    assert BaseWord.objects.get().value == 1


@pytest.mark.kafka
@pytest.mark.usefixtures("songs", "likes_topic")
def test_what_was_sent_long_ago_without_effect_is_sent_again_while_a_consumer_runs(
    settings: Any,
) -> None:
    say("u", "a")
    # The broker took it and lost its log before any consumer came.
    OutboxEvent.objects.update(sent_at=timezone.now() - timedelta(hours=2))

    assert relay(once=True, should_stop=lambda: False) == 0
    assert due.to_send(1) == []

    presence = Presence("somebody")
    presence.renew()
    settings.RESEND_AFTER_SECONDS = 3 * 3_600
    due_later = list(_relayed())
    settings.RESEND_AFTER_SECONDS = 3_600
    due_now = list(_relayed())

    assert (due_later, due_now) == ([0], [1])
    # The mark has moved: not again before another hour has passed.
    assert list(_relayed()) == [0]


def test_a_long_backlog_is_made_due_again_in_short_transactions(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = counted_turns(monkeypatch, due)
    monkeypatch.setattr(due, "CHUNK_ROWS", 3)
    for number in range(8):
        say(f"u{number}", "a")
    now = timezone.now()
    OutboxEvent.objects.update(sent_at=now - 2 * DAY)
    newest = OutboxEvent.objects.order_by("-seq").values_list("seq", flat=True)[0]
    OutboxEvent.objects.filter(seq=newest).update(sent_at=now)

    assert due.send_late_ones_again(now - DAY) == 7
    assert len(turns) == 3
    assert len(due.to_send(10)) == 7
    assert OutboxEvent.objects.get(sent_at__isnull=False).seq == newest


def counted_turns(monkeypatch: pytest.MonkeyPatch, module: Any) -> list[None]:
    """Grows by one with every turn at writing that the module takes."""
    turns: list[None] = []
    take = module.write_turn

    def counting() -> Any:
        turns.append(None)
        return take()

    monkeypatch.setattr(module, "write_turn", counting)
    return turns


def _relayed() -> list[int]:
    """How many one turn of a relay that goes on sends."""
    turns = iter([False, True])
    return [relay(once=False, should_stop=lambda: next(turns))]


def test_only_one_prunes_at_a_time(path: Path) -> None:
    with leases.lease(retention.LEASE), pytest.raises(CommandError, match="prunes already"):
        call_command("prune_likes")


def test_nothing_is_taken_for_an_event_of_ours_that_only_shares_its_id(path: Path) -> None:
    say("u", "a")
    row = OutboxEvent.objects.get()
    forged = {"user_id": "u", "song_id": "b", "event_id": str(uuid.UUID(str(row.event_id)))}
    path.publish(json.dumps(forged).encode())
    path.drain()
    prune(in_a_day())
    Interaction.objects.all().delete()

    rebuild()

    assert profile("u") == {"a": 1}
