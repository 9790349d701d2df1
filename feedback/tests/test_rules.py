"""The rules of the like path, the same for the outbox and for a real Kafka."""

import itertools
import json
import uuid
from typing import Any

import pytest

from feedback import dead_letters, outbox, relay
from feedback.applying import apply
from feedback.clock import now_us, to_ms
from feedback.events import LAST_SEQ, MAX_AHEAD_US, MAX_EVENT_BYTES, Record
from feedback.fields import as_rfc_3339
from feedback.models import DeadLetter, OutboxEvent, OutboxSequence
from feedback.reasons import Reason
from feedback.tests.paths import Path, profile, say
from recommendations.models import Interaction, Listener, Song
from recommendations.profiles import Judgement, merge_judgements

pytestmark = pytest.mark.django_db

HOUR_US = 3_600_000_000


def wire(**changes: Any) -> bytes:
    message = {
        "v": 1,
        "event_id": str(uuid.uuid4()),
        "user_id": "u",
        "song_id": "a",
        "action": "like",
    }
    return json.dumps(message | changes).encode()


def test_what_was_said_is_in_the_profile_and_nothing_is_due(path: Path) -> None:
    say("u", "a")
    say("u", "b", "dislike")

    tally = path.drain()

    assert profile("u") == {"a": 1, "b": -1}
    assert (tally.applied, tally.repeated, tally.dead) == (2, 0, 0)
    assert not OutboxEvent.objects.filter(applied_at=None).exists()
    assert path.drain().applied == 0


def test_the_latest_word_wins_and_a_withdrawn_like_leaves_a_tombstone(path: Path) -> None:
    for action in ("like", "dislike", "like", "unlike"):
        say("u", "a", action)

    path.drain()

    assert profile("u") == {"a": 0}


def test_every_order_of_arrival_ends_in_the_same_profile(path: Path) -> None:
    now = now_us()
    # Of another time and producer each: issued by us, with its own time, and bare of both.
    said: list[tuple[int, dict[str, Any]]] = [
        (now - 4 * HOUR_US, {"action": "like", "seq": now - 4 * HOUR_US}),
        (now - 3 * HOUR_US, {"action": "dislike", "occurred_at": as_rfc_3339(now - 3 * HOUR_US)}),
        (now - 2 * HOUR_US, {"action": "unlike"}),
        (now - 1 * HOUR_US, {"action": "dislike", "seq": now - 1 * HOUR_US}),
        (now, {"action": "like", "occurred_at": as_rfc_3339(now - HOUR_US + 1)}),
    ]
    orders = list(itertools.permutations(said))
    for number, order in enumerate(orders):
        for time_us, fields in order:
            path.publish(wire(user_id=f"u{number}", **fields), time_us=time_us)
    merge_judgements([Judgement("u0", "a", -1, now - 5 * HOUR_US, "00" * 16)])

    tally = path.drain()

    assert tally.applied == 5 * len(orders) == 600
    finals = Interaction.objects.values_list("value", "order_key").distinct()
    assert list(finals) == [(1, now - HOUR_US + 1)]


def test_ties_are_broken_by_the_event_id(path: Path) -> None:
    now = now_us()
    low, high = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
    for event_id, action in ((high, "like"), (low, "dislike")):
        path.publish(wire(event_id=event_id, action=action, seq=now))

    path.drain()

    assert profile("u") == {"a": 1}


@pytest.mark.parametrize("times", [2, 100])
def test_one_event_has_one_effect_however_often_it_comes(path: Path, times: int) -> None:
    raw = wire(seq=now_us())
    for _ in range(times):
        path.publish(raw)

    first = path.drain()
    path.publish(raw)
    second = path.drain()

    assert (first.applied, first.repeated) == (1, times - 1)
    assert (second.applied, second.repeated) == (0, 1)
    assert Listener.objects.get(user_id="u").revision == 1


def test_another_event_under_a_used_id_is_put_aside(path: Path) -> None:
    event_id = str(uuid.uuid4())
    path.publish(wire(event_id=event_id))
    path.publish(wire(event_id=event_id, action="dislike"))
    path.drain()
    path.publish(wire(event_id=event_id, song_id="b"))

    tally = path.drain()

    assert tally.dead == 1
    assert profile("u") == {"a": 1}
    reasons = DeadLetter.objects.values_list("reason", flat=True)
    assert list(reasons) == [Reason.ID_CONFLICT] * 2


@pytest.mark.parametrize("changes", [{"action": "love"}, {"song_id": "b"}, {"action": "dislike"}])
def test_a_message_that_bears_the_id_of_a_waiting_like_cannot_take_its_place(
    path: Path, changes: dict[str, Any]
) -> None:
    say("u", "a")
    waiting = OutboxEvent.objects.get()
    raw = wire(event_id=str(waiting.event_id), **changes)

    assert apply([Record(raw, now_us(), "ab" * 16, topic="likes", partition=0, offset=0)]).dead == 1

    assert OutboxEvent.objects.filter(applied_at=None, sent_at=None).exists()
    assert path.drain().applied == 1
    assert profile("u") == {"a": 1}
    assert not OutboxEvent.objects.filter(applied_at=None).exists()
    # Nor is the letter applied in its stead, however often an operator tries.
    assert dead_letters.replay(DeadLetter.objects.all()).applied == 0


POISON = {
    b"{": Reason.BAD_JSON,
    b"[]": Reason.NOT_AN_OBJECT,
    b"null": Reason.NOT_AN_OBJECT,
    b'{"user_id":NaN,"song_id":3}': Reason.BAD_NUMBER,
    b'{"user_id":1e999,"song_id":3}': Reason.BAD_NUMBER,
    b'{"user_id":' + b"9" * 5_000 + b',"song_id":3}': Reason.BAD_NUMBER,
    b'{"user_id":1,"user_id":2,"song_id":3}': Reason.DUPLICATE_KEY,
    b'{"user_id":"\\ud800","song_id":"a"}': Reason.BAD_TEXT,
    b"\xff\x00": Reason.BAD_TEXT,
    b"[" * 100_000: Reason.TOO_DEEP,
    b" " * (MAX_EVENT_BYTES + 1): Reason.TOO_LARGE,
    b'{"user_id":"a\\u0000b","song_id":"a"}': Reason.BAD_ID,
    b"{}": Reason.MISSING_FIELD,
    wire(user_id=7): Reason.WRONG_TYPE,
    wire(v=99): Reason.UNKNOWN_VERSION,
    wire(action="love"): Reason.BAD_ACTION,
    wire(occurred_at="soon"): Reason.BAD_TIME,
    wire(song_id="nowhere"): Reason.UNKNOWN_SONG,
}


def test_poison_is_put_aside_whole_and_good_events_beside_it_are_applied(path: Path) -> None:
    for number, raw in enumerate(POISON):
        path.publish(wire(user_id=f"u{number}"))
        path.publish(raw)

    tally = path.drain()

    assert (tally.applied, tally.dead) == (len(POISON), len(POISON))
    assert Interaction.objects.filter(value=1).count() == len(POISON)
    kept = {bytes(letter.raw): letter.reason for letter in DeadLetter.objects.all()}
    assert kept == POISON
    assert path.drain().dead == 0


def test_a_clock_far_ahead_is_set_back_and_flagged(path: Path) -> None:
    now = now_us()
    path.publish(wire(occurred_at="2090-01-01T00:00:00Z"), time_us=now)

    tally = path.drain()

    assert tally.clamped == 1
    assert Interaction.objects.get().order_key == to_ms(now) * 1_000 + MAX_AHEAD_US


@pytest.mark.parametrize("seq", [now_us() + 24 * HOUR_US, LAST_SEQ], ids=["tomorrow", "the last"])
def test_a_foreign_seq_of_the_future_does_not_have_the_last_word(path: Path, seq: int) -> None:
    path.publish(wire(seq=seq), time_us=now_us())
    assert path.drain().clamped == 1

    say("u", "a", "dislike")
    say("v", "a", "dislike")
    tally = path.drain()

    assert (tally.applied, tally.dead, tally.clamped) == (2, 0, 0)
    assert (profile("u"), profile("v")) == ({"a": -1}, {"a": -1})
    assert OutboxSequence.objects.get().last_seq < now_us() + HOUR_US


def test_a_clock_that_is_set_back_an_hour_does_not_make_new_words_lose(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("u", "a")
    monkeypatch.setattr(outbox, "now_us", lambda: now_us() - HOUR_US)
    say("u", "a", "dislike")

    tally = path.drain()

    assert tally.clamped == 0
    assert profile("u") == {"a": -1}


def test_a_profile_that_is_ahead_of_the_clock_does_not_make_new_words_lose(path: Path) -> None:
    # As after the restore of a backup that is older than the profile of this pair.
    merge_judgements([Judgement("u", "a", 1, now_us() + HOUR_US // 2, "00" * 16)])
    say("u", "a", "dislike")

    tally = path.drain()

    assert tally.clamped == 0
    assert profile("u") == {"a": -1}


def test_what_is_said_while_the_clock_is_days_behind_keeps_its_order(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("u", "c")
    for module in (outbox, relay):
        monkeypatch.setattr(module, "now_us", lambda: now_us() - 48 * HOUR_US)
    for number in range(20):
        for action in ("like", "dislike"):
            say(f"u{number}", "a", action)

    path.drain()

    assert Interaction.objects.filter(song_id="a", value=-1).count() == 20


def test_clocks_that_are_set_back_days_do_not_make_new_words_lose(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("u", "a")
    path.drain()
    for module in (outbox, relay):
        monkeypatch.setattr(module, "now_us", lambda: now_us() - 48 * HOUR_US)
    say("u", "a", "dislike")

    tally = path.drain()

    assert tally.clamped == 0
    assert profile("u") == {"a": -1}


def test_what_happened_offline_does_not_beat_what_was_said_since(path: Path) -> None:
    said_offline_at = now_us() - HOUR_US
    say("u", "a", "dislike")
    say("u", "a", "like", occurred_at_us=said_offline_at)
    say("u", "b", "like", occurred_at_us=said_offline_at)

    path.drain()

    assert profile("u") == {"a": -1, "b": 1}


def test_a_like_waits_for_its_song_and_is_applied_when_it_comes(path: Path) -> None:
    path.publish(wire(song_id="new", seq=now_us()))
    path.drain()
    waiting = DeadLetter.objects.get()
    assert (waiting.reason, waiting.state, waiting.song_id) == ("unknown_song", "open", "new")

    Song.objects.create(song_id="new", title="New")
    dead_letters.replay_for_songs()

    waiting.refresh_from_db()
    assert waiting.state == "replayed"
    assert profile("u") == {"new": 1}


def test_a_replay_never_undoes_what_was_said_later(path: Path) -> None:
    now = now_us()
    path.publish(wire(song_id="new", seq=now - HOUR_US))
    path.drain()
    Song.objects.create(song_id="new", title="New")
    path.publish(wire(song_id="new", action="dislike", seq=now))
    path.drain()

    everything = DeadLetter.objects.all()
    for _ in range(2):
        everything.update(state="open")
        dead_letters.replay(everything)

    assert profile("u") == {"new": -1}
    assert everything.get().state == "replayed"


def test_an_event_that_comes_again_while_its_song_is_unknown_is_one_letter(path: Path) -> None:
    raw = wire(song_id="new")
    for _ in range(3):
        path.publish(raw)
        path.drain()

    assert DeadLetter.objects.count() == 1


def test_what_was_said_of_a_song_that_has_gone_can_be_taken_back(path: Path) -> None:
    say("u", "a")
    path.drain()
    Song.objects.filter(song_id="a").delete()

    say("u", "a", "unlike")
    path.drain()

    assert profile("u") == {"a": 0}


def test_the_bare_form_of_other_producers_is_a_like(path: Path) -> None:
    Song.objects.create(song_id="3", title="Three")
    path.publish(b'{"user_id": 101, "song_id": 3}')
    path.publish(b'{"user_id": "101", "song_id": "a"}')

    path.drain()

    assert profile("101") == {"3": 1, "a": 1}


def test_a_backlog_of_many_batches_is_applied_whole(path: Path) -> None:
    for number in range(1_700):
        path.publish(wire(user_id=f"u{number % 40}", song_id="abc"[number % 3]))

    assert path.drain().applied == 1_700
    assert Interaction.objects.count() == 120
