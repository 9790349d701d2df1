"""A message that stands among the dead letters, and comes once more."""

import uuid
from typing import Any

import pytest
from django.utils import timezone

from feedback import applying, dead_letters, events, how_long
from feedback.applying import Tally, apply
from feedback.clock import now_us, to_ms
from feedback.events import Record
from feedback.letters import as_record
from feedback.models import AppliedEvent, DeadLetter, OutboxEvent
from feedback.rebuilding.rebuild import rebuild
from feedback.retention import prune
from feedback.tests.paths import Path, profile
from feedback.tests.test_rules import wire
from feedback.verifying.meanings import Code
from feedback.verifying.verification import verify
from recommendations.models import Interaction, Song

pytestmark = pytest.mark.django_db

MINUTE_US = 60_000_000


def song_comes() -> None:
    Song.objects.create(song_id="new", title="New")


@pytest.fixture
def _messages_come_before_replays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "replay_for_songs", lambda *_: Tally())


def test_what_was_given_up_has_no_effect_though_its_cause_has_gone(path: Path) -> None:
    raw = wire(song_id="new")
    path.publish(raw)
    path.drain()
    dead_letters.discard(DeadLetter.objects.all())
    song_comes()
    path.publish(raw)
    path.publish(wire(song_id="b"))

    tally = path.drain()

    assert (tally.applied, tally.dead) == (1, 1)
    assert profile("u") == {"b": 1}
    assert DeadLetter.objects.get().state == "discarded"
    assert not OutboxEvent.objects.filter(applied_at=None).exists()
    assert rebuild().differences.count == 0


def test_what_was_given_up_unread_has_no_effect_when_a_later_version_can_read_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(events, "MAX_EVENT_BYTES", 10)
        path.publish(wire())
        path.drain()
    letter = DeadLetter.objects.get()
    assert letter.reason == "too_large"
    dead_letters.discard(DeadLetter.objects.all())

    assert rebuild().left_out["dead letters"] == 1
    # As where somebody sets back the position of its partition.
    assert apply([as_record(letter)]).dead == 1
    assert profile("u") == {}


def test_what_waits_unread_has_its_effect_once_a_later_version_can_read_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(events, "MAX_EVENT_BYTES", 10)
        path.publish(wire())
        path.drain()
    letter = DeadLetter.objects.get()

    # A rebuild leaves it to who replays it, or to its message.
    assert rebuild().differences.count == 0
    assert apply([as_record(letter)]).applied == 1

    letter.refresh_from_db()
    assert letter.state == "replayed"
    assert profile("u") == {"a": 1}
    assert rebuild().differences.count == 0


@pytest.mark.usefixtures("_messages_come_before_replays")
def test_what_waits_has_its_effect_in_the_place_of_its_letter_and_closes_it(path: Path) -> None:
    raw, now = wire(song_id="new"), to_ms(now_us()) * 1_000
    path.publish(raw, time_us=now - 2 * MINUTE_US)
    path.drain()
    song_comes()
    path.publish(wire(song_id="new", action="dislike"), time_us=now - MINUTE_US)
    path.publish(raw, time_us=now)

    tally = path.drain()

    assert (tally.applied, tally.dead) == (2, 0)
    # As a replay before it would have left it: what was said in between is the later word.
    assert profile("u") == {"new": -1}
    assert Interaction.objects.get().order_key == now - MINUTE_US
    assert DeadLetter.objects.get().state == "replayed"
    assert Code.OPEN_BUT_APPLIED not in {finding.code for finding in verify(limit=5).findings}
    assert rebuild().differences.count == 0


@pytest.mark.usefixtures("_messages_come_before_replays")
def test_the_word_of_a_letter_that_was_closed_so_is_kept_in_the_base(path: Path) -> None:
    raw = wire(song_id="new")
    path.publish(raw)
    path.drain()
    song_comes()
    path.publish(raw)
    path.drain()
    Interaction.objects.all().delete()
    OutboxEvent.objects.all().delete()

    rebuild()

    assert profile("u") == {"new": 1}


def test_what_waits_and_comes_twice_while_it_cannot_be_applied_goes_on_waiting(
    path: Path,
) -> None:
    raw = wire(song_id="new")
    for _ in range(3):
        path.publish(raw)
    path.drain()
    path.publish(raw)
    path.publish(raw)
    path.drain()

    assert DeadLetter.objects.get().state == "open"
    assert not AppliedEvent.objects.exists()


def test_another_message_of_the_same_id_is_not_taken_for_the_letter(songs: None) -> None:
    event_id = str(uuid.uuid4())
    apply([Record(wire(event_id=event_id, song_id="new"), now_us(), "ab" * 16)])
    dead_letters.discard(DeadLetter.objects.all())

    tally = apply([Record(wire(event_id=event_id, song_id="a"), now_us(), "cd" * 16)])

    assert (tally.applied, tally.dead) == (1, 0)
    assert profile("u") == {"a": 1}


def test_what_was_refused_for_its_id_never_has_an_effect(path: Path) -> None:
    event_id = str(uuid.uuid4())
    refused = wire(event_id=event_id, song_id="b")
    path.publish(wire(event_id=event_id, song_id="a"))
    path.publish(refused)
    path.drain()
    # As the years do: nobody knows any more that the id was used.
    AppliedEvent.objects.all().delete()

    replayed = dead_letters.replay(DeadLetter.objects.all())
    path.publish(refused)
    tally = path.drain()

    assert (replayed.applied, tally.applied, tally.dead) == (0, 0, 1)
    assert profile("u") == {"a": 1}
    assert DeadLetter.objects.get().state == "open"
    assert rebuild().differences.count == 0


def test_letters_in_conflict_go_when_no_log_has_their_messages(path: Path) -> None:
    event_id = str(uuid.uuid4())
    for song_id in ("a", "b"):
        path.publish(wire(event_id=event_id, song_id=song_id))
    path.drain()
    later = timezone.now() + how_long.SETTLED_LETTERS

    assert prune(later - how_long.SEGMENT).dead_letter == 0
    assert prune(later + how_long.SEGMENT).dead_letter == 1
    assert not DeadLetter.objects.exists()


def test_a_song_that_comes_during_a_replay_makes_no_conflict(
    songs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply([Record(wire(song_id="new"), now_us(), "ab" * 16)])
    with monkeypatch.context() as before:
        # Not there when it was looked for, and there a moment later.
        before.setattr(applying, "known_songs", lambda _: set[Any]())
        song_comes()
        assert dead_letters.replay_for_songs().dead == 1
    assert DeadLetter.objects.get().reason == "unknown_song"

    assert dead_letters.replay_for_songs().applied == 1
    assert profile("u") == {"new": 1}
