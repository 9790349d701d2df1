"""The checks of verify_likes: silent on what is sound, and each sees just its own damage."""

import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from feedback import dead_letters, how_long, outbox
from feedback.applying import apply
from feedback.clock import now_us
from feedback.due import to_apply
from feedback.events import Record
from feedback.fields import as_rfc_3339
from feedback.models import AppliedEvent, DeadLetter, OutboxEvent, OutboxSequence
from feedback.outbox import MAX_HELD_AHEAD_US
from feedback.rebuilding.rebuild import LEASE
from feedback.tests.paths import Path, say
from feedback.tests.test_rebuilding import a_mixed_life
from feedback.tests.test_rules import HOUR_US, POISON, wire
from feedback.verifying import verification
from feedback.verifying.findings import Finding, Look
from feedback.verifying.meanings import MEANINGS, Code, Level
from feedback.verifying.verification import CHECKS, verify
from recommendations import forgotten, forgotten_keys, forgotten_ledger, leases
from recommendations.forgotten_ledger import Entry
from recommendations.loading import interaction_rows
from recommendations.models import (
    BaseWord,
    ForgottenListener,
    Interaction,
    Listener,
    ShadowWord,
    Song,
)
from recommendations.profiles import Judgement, merge_judgements

pytestmark = pytest.mark.django_db

DAY_US = 24 * HOUR_US
HOUR = timedelta(hours=1)


def found(*, limit: int = 5) -> dict[Code, int]:
    """What a verification finds, with its counts."""
    return {finding.code: finding.count for finding in verify(limit=limit).findings}


def load_from_file(user_id: str, song_id: str, value: int, key: int) -> None:
    """What loadcsv makes of a row."""
    event_id = interaction_rows.event_id(user_id, song_id, value, key)
    merge_judgements([Judgement(user_id, song_id, value, key, event_id)])


def another_producer(raw: bytes, time_us: int | None = None) -> None:
    """Have a message applied as if it came from a topic."""
    at = now_us() if time_us is None else time_us
    place = uuid.uuid4()
    apply([Record(raw, at, place.hex, b"k", 1, "elsewhere", 0, place.int >> 80)])


def use_heavily() -> None:
    """Files, likes, withdrawn likes, other producers, poison, lost songs, replays, conflicts."""
    now = now_us()
    for user in range(6):
        for song in "abc":
            load_from_file(f"f{user}", song, 1 if user % 2 else -1, (now - DAY_US) * (song != "a"))
            for action in ("like", "dislike", "unlike")[: user % 3 + 1]:
                say(f"u{user}", song, action)
        say(f"u{user}", "b", "like", occurred_at_us=now - 2 * HOUR_US)
        say(f"f{user}", "c", "unlike")
        say(f"w{user}", "a", "like", client_id="once")
        say(f"w{user}", "a", "dislike", client_id="once")
        another_producer(wire(user_id=f"o{user}", occurred_at=as_rfc_3339(now - HOUR_US)))
        another_producer(wire(user_id=f"p{user}", occurred_at="2090-01-01T00:00:00Z"))
        another_producer(b'{"user_id": "q", "song_id": "a"}')
        another_producer(wire(user_id=f"r{user}", song_id="late", seq=now))
        another_producer(wire(user_id=f"r{user}", song_id="never", seq=now))
    for raw in POISON:
        another_producer(raw)
    Song.objects.create(song_id="late", title="Late")
    dead_letters.replay_for_songs()
    dead_letters.discard(DeadLetter.objects.filter(reason="bad_json"))


def test_a_healthy_installation_after_heavy_use_has_no_findings(path: Path) -> None:
    use_heavily()
    assert not any(OutboxEvent.objects.values_list("applied_at", flat=True))
    assert found() == {}  # nothing had its effect yet, and nothing has waited for long
    path.drain()
    say("u1", "a")
    Song.objects.filter(song_id="b").delete()
    say("u1", "b", "unlike")

    report = verify(limit=5)

    assert [finding.code for finding in report.findings] == []
    assert not report.is_wrong
    assert report.looked_at["words"] == Interaction.objects.count() > 50
    assert report.looked_at["waiting"] == 2


def test_a_song_deleted_while_its_like_waits_is_no_error(path: Path) -> None:
    say("u", "a")
    Song.objects.filter(song_id="a").delete()

    path.drain()

    assert DeadLetter.objects.get().reason == "unknown_song"
    assert found() == {}


# --- Damage -------------------------------------------------------------------------------------


@pytest.fixture
def used(songs: None) -> None:
    """Three likes that had their effect (of them one from a file, one a letter) and one waiting."""
    say("u", "a")
    say("v", "b")
    another_producer(wire(user_id="w", song_id="late", seq=now_us()))
    load_from_file("f", "c", 1, 0)
    Song.objects.create(song_id="late", title="Late")
    dead_letters.replay_for_songs()
    apply_all()
    say("u", "b")
    assert found() == {}


def apply_all() -> None:
    """Give everything in the outbox its effect, as without Kafka."""
    apply(to_apply(1_000))


def row_of(user_id: str, song_id: str) -> OutboxEvent:
    return OutboxEvent.objects.get(user_id=user_id, song_id=song_id)


def word_of(user_id: str) -> Any:
    return Interaction.objects.filter(listener__user_id=user_id)


def base_of(user_id: str, **changes: Any) -> None:
    """Copy a word into the base."""
    word = word_of(user_id).get()
    columns = ("listener_id", "song_id", "value", "order_key", "event_id", "updated_at")
    BaseWord.objects.create(**{name: getattr(word, name) for name in columns} | changes)


def lose_the_applied_id() -> None:
    AppliedEvent.objects.filter(event_id=row_of("u", "a").event_id).delete()
    base_of("u")  # else the word itself would be without an event


def mark_what_waits() -> None:
    OutboxEvent.objects.filter(applied_at=None).update(applied_at=timezone.now())


def unmark_what_is_applied() -> None:
    OutboxEvent.objects.filter(user_id="v").update(applied_at=None)


def unmark_what_was_applied_long_ago() -> None:
    unmark_what_is_applied()
    OutboxEvent.objects.filter(user_id="v").update(recorded_at=F("recorded_at") - HOUR)


def lose_a_word() -> None:
    word_of("u").delete()


def set_a_word_back() -> None:
    # To an older word of the same pair that is sound in itself.
    event_id = interaction_rows.event_id("u", "a", 1, 5)
    word_of("u").update(order_key=5, event_id=uuid.UUID(event_id))


def apply_another_under_the_id() -> None:
    row = row_of("v", "b")
    AppliedEvent.objects.filter(event_id=row.event_id).update(content=b"something else!!")


def exchange_a_payload() -> None:
    OutboxEvent.objects.filter(user_id="v").update(payload=bytes(row_of("u", "a").payload))


def break_a_payload() -> None:
    OutboxEvent.objects.filter(user_id="v").update(payload=b"{")


def let_a_like_wait() -> None:
    OutboxEvent.objects.filter(applied_at=None).update(recorded_at=F("recorded_at") - HOUR)


def set_the_sequence_back() -> None:
    OutboxSequence.objects.update(last_seq=row_of("u", "b").seq - 1)


def set_the_sequence_ahead() -> None:
    OutboxSequence.objects.update(last_seq=now_us() + 2 * HOUR_US)


def hold_a_pair_ahead() -> None:
    word_of("u").update(order_key=now_us() + MAX_HELD_AHEAD_US + HOUR_US)


def write_a_word_by_hand() -> None:
    word_of("f").update(event_id=uuid.uuid4())


def flip_a_word() -> None:
    word_of("u").update(value=-1)


def flip_a_word_with_a_time_of_its_own() -> None:
    say("x", "a", occurred_at_us=now_us() - HOUR_US)
    apply_all()
    word_of("x").update(value=-1)


def flip_a_word_of_a_file() -> None:
    word_of("f").update(value=-1)


def flip_a_word_of_the_base() -> None:
    word_of("v").update(event_id=uuid.UUID(int=2**128 - 1))
    base_of("v", value=-1)


def put_the_base_ahead() -> None:
    base_of("f", order_key=1)


def put_the_base_level_with_a_greater_id() -> None:
    base_of("f", event_id=uuid.UUID(int=2**128 - 1))


def leave_the_base_alone() -> None:
    base_of("f", song_id="b")


def lose_the_effect_of_a_replay() -> None:
    event_id = DeadLetter.objects.get().event_id
    AppliedEvent.objects.filter(event_id=event_id).delete()


def change_the_effect_of_a_replay() -> None:
    DeadLetter.objects.update(raw=wire(event_id=str(DeadLetter.objects.get().event_id)))


def open_an_applied_letter() -> None:
    DeadLetter.objects.update(state="open", resolved_at=None)


def forget_and_leave_the_word() -> None:
    forgotten.mark("f", 0)


def forget_and_leave_the_base() -> None:
    base_of("v")
    word_of("v").update(order_key=now_us() + HOUR_US)
    OutboxEvent.objects.filter(user_id="v").delete()
    forgotten.mark("v", now_us())


def forget_and_leave_the_outbox() -> None:
    forgotten.mark("g", now_us())
    seq = now_us() - HOUR_US
    raw = wire(user_id="g", seq=seq, event_id=str(uuid.UUID(int=7)))
    OutboxEvent.objects.create(
        seq=seq, event_id=uuid.UUID(int=7), user_id="g", song_id="a", payload=raw,
        recorded_at=timezone.now(),
    )  # fmt: skip


def forget_and_leave_what_was_applied() -> None:
    word_of("v").delete()
    forgotten.mark("v", now_us())


def forget_and_leave_a_mark() -> None:
    AppliedEvent.objects.filter(event_id=row_of("v", "b").event_id).delete()
    forget_and_leave_what_was_applied()


def forget_and_leave_a_letter() -> None:
    another_producer(b'{"user_id": "g", "song_id"', now_us() - HOUR_US)
    forgotten.mark("g", now_us())


def forget_under_a_lost_key() -> None:
    forgotten.mark("nobody", now_us())
    ForgottenListener.objects.update(key_name="0123456789abcdef")


def lose_a_marker() -> None:
    long_ago = timezone.now() - HOUR
    forgotten_ledger.append(Entry("ab" * 32, forgotten_keys.name(), 5, long_ago))
    # One that is being written just now, and one that is here.
    forgotten_ledger.append(Entry("cd" * 32, forgotten_keys.name(), 5, timezone.now()))
    forgotten_ledger.append(forgotten.mark("nobody", 7))


def lower_a_marker() -> None:
    marker = forgotten.mark("nobody", 7)._replace(forgotten_at=timezone.now() - HOUR)
    forgotten_ledger.append(marker)
    forgotten.mark("nobody", 6)


def forget_and_leave_the_shadow() -> None:
    listener = Listener.objects.create(user_id="g")
    ShadowWord.objects.create(
        listener=listener, song_id="a", value=1, order_key=5, event_id=uuid.uuid4(),
        updated_at=timezone.now(),
    )  # fmt: skip
    forgotten.mark("g", 5)


DAMAGES: dict[Callable[[], None], Code] = {
    lose_the_applied_id: Code.MARKED_WITHOUT_EFFECT,
    mark_what_waits: Code.MARKED_WITHOUT_EFFECT,
    unmark_what_is_applied: Code.EFFECT_WITHOUT_MARK,
    unmark_what_was_applied_long_ago: Code.EFFECT_WITHOUT_MARK,
    lose_a_word: Code.NOT_IN_PROFILE,
    set_a_word_back: Code.NOT_IN_PROFILE,
    apply_another_under_the_id: Code.EFFECT_OF_ANOTHER,
    exchange_a_payload: Code.OUTBOX_ALTERED,
    break_a_payload: Code.OUTBOX_ALTERED,
    let_a_like_wait: Code.WAITING,
    set_the_sequence_back: Code.SEQUENCE_BEHIND,
    set_the_sequence_ahead: Code.SEQUENCE_AHEAD,
    hold_a_pair_ahead: Code.HELD_AHEAD,
    write_a_word_by_hand: Code.WORD_WITHOUT_EVENT,
    flip_a_word: Code.WORD_ALTERED,
    flip_a_word_with_a_time_of_its_own: Code.WORD_ALTERED,
    flip_a_word_of_a_file: Code.WORD_ALTERED,
    flip_a_word_of_the_base: Code.WORD_ALTERED,
    put_the_base_ahead: Code.BASE_AHEAD,
    put_the_base_level_with_a_greater_id: Code.BASE_AHEAD,
    leave_the_base_alone: Code.BASE_ALONE,
    lose_the_effect_of_a_replay: Code.REPLAYED_WITHOUT_EFFECT,
    change_the_effect_of_a_replay: Code.REPLAYED_WITHOUT_EFFECT,
    open_an_applied_letter: Code.OPEN_BUT_APPLIED,
    forget_and_leave_the_word: Code.FORGOTTEN_STAYS,
    forget_and_leave_the_base: Code.FORGOTTEN_STAYS,
    forget_and_leave_the_outbox: Code.FORGOTTEN_STAYS,
    forget_and_leave_the_shadow: Code.FORGOTTEN_STAYS,
    lose_a_marker: Code.FORGET_MARKER_LOST,
    lower_a_marker: Code.FORGET_MARKER_LOST,
    forget_and_leave_what_was_applied: Code.FORGOTTEN_STAYS,
    forget_and_leave_a_mark: Code.FORGOTTEN_STAYS,
    forget_and_leave_a_letter: Code.FORGOTTEN_STAYS,
    forget_under_a_lost_key: Code.FORGET_KEY_GONE,
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damage_is_seen_for_what_it_is_and_for_nothing_else(
    used: None, damage: Callable[[], None]
) -> None:
    damage()

    report = verify(limit=5)

    [finding] = report.findings
    assert finding.code is DAMAGES[damage]
    assert finding.count == len(finding.examples) == 1
    assert "{" not in finding.words + finding.advice
    assert report.is_wrong == (MEANINGS[finding.code].level is Level.WRONG)


def test_a_row_whose_id_was_taken_and_that_is_a_letter_is_no_error(used: None) -> None:
    event_id = uuid.uuid4()
    another_producer(wire(event_id=str(event_id), user_id="x"))
    seq = OutboxSequence.objects.get().last_seq + 1
    OutboxSequence.objects.update(last_seq=seq)
    OutboxEvent.objects.create(
        seq=seq, event_id=event_id, user_id="y", song_id="a", recorded_at=timezone.now(),
        payload=wire(event_id=str(event_id), user_id="y", seq=seq),
    )  # fmt: skip
    apply_all()

    assert DeadLetter.objects.filter(event_id=event_id, reason="id_conflict").exists()
    assert found() == {}


def test_a_row_that_cannot_be_read_becomes_a_letter_and_that_says_enough(used: None) -> None:
    OutboxEvent.objects.filter(applied_at=None).update(payload=b"{")
    assert found() == {}

    apply_all()

    assert DeadLetter.objects.filter(reason="bad_json", state="open").exists()
    assert found() == {}


def test_a_pair_that_the_sequence_is_ahead_of_is_not_held(used: None) -> None:
    hold_a_pair_ahead()
    OutboxSequence.objects.update(last_seq=now_us() + MAX_HELD_AHEAD_US + 2 * HOUR_US)

    assert say("u", "a", "dislike").event_id
    assert found() == {Code.SEQUENCE_AHEAD: 1}


def test_all_of_a_kind_are_counted_and_the_first_few_named(used: None) -> None:
    for number in range(12):
        load_from_file(f"x{number}", "a", 1, number)
    Interaction.objects.filter(listener__user_id__startswith="x").update(event_id=uuid.uuid4())

    [finding] = verify(limit=3).findings

    assert (finding.code, finding.count) == (Code.WORD_WITHOUT_EVENT, 12)
    assert len(finding.examples) == 3
    assert "user 'x" in finding.examples[0]


def test_an_impossible_value_of_the_base_is_seen(used: None) -> None:
    base_of("f", value=7)

    assert Code.BAD_VALUE in found()


@pytest.mark.parametrize("table", [Interaction, BaseWord])
def test_a_row_of_nobody_is_seen(used: None, table: type[Interaction | BaseWord]) -> None:
    if table is BaseWord:
        base_of("f")
    with transaction.atomic():
        # Foreign keys are looked at when a transaction commits, and this one does not.
        table._default_manager.filter(listener__user_id="f").update(listener_id=4711)
        codes = found()
        transaction.set_rollback(True)

    assert codes == {Code.NO_LISTENER: 1}


def test_an_impossible_value_of_a_profile_is_seen(used: None) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA ignore_check_constraints = ON")
        else:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE user_profile DROP CONSTRAINT user_profile_value")
        word_of("f").update(value=7)
        codes = found()
        transaction.set_rollback(True)
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA ignore_check_constraints = OFF")

    assert codes == {Code.BAD_VALUE: 1, Code.WORD_ALTERED: 1}


def test_what_is_older_than_the_kept_ids_needs_none(used: None) -> None:
    long_ago = timezone.now() - how_long.APPLIED_IDS - HOUR
    AppliedEvent.objects.all().delete()
    assert Code.WORD_WITHOUT_EVENT in found()

    Interaction.objects.update(updated_at=long_ago)
    OutboxEvent.objects.exclude(applied_at=None).update(applied_at=long_ago)
    DeadLetter.objects.update(resolved_at=long_ago)

    assert found() == {}


def test_a_clock_that_was_hours_ahead_is_told_and_has_lost_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Through Kafka these are then applied with less than their seq.
    monkeypatch.setattr(outbox, "now_us", lambda: now_us() + 2 * HOUR_US)
    for action in ("like", "dislike"):
        say("u", "a", action)

    path.drain()

    assert found() == {Code.SEQUENCE_AHEAD: 1}


def test_a_forgotten_user_who_came_back_is_no_error(used: None) -> None:
    barrier = now_us()
    for table in (Interaction, BaseWord):
        table.objects.filter(listener__user_id="u").delete()
    OutboxEvent.objects.filter(user_id="u").delete()
    forgotten.mark("u", barrier)
    say("u", "c")
    apply_all()

    assert found() == {}


@pytest.mark.django_db(transaction=True)
def test_all_is_seen_as_it_stood_at_one_moment_and_nobody_waits(
    songs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("u", "a")
    apply_all()

    def interfere() -> None:
        say("v", "a")
        Interaction.objects.all().delete()
        connection.close()

    def meanwhile(look: Look) -> Iterator[Finding]:
        other = threading.Thread(target=interfere)
        other.start()
        other.join(timeout=10)
        assert not other.is_alive()
        assert Listener.objects.exists()
        yield from ()

    monkeypatch.setattr(verification, "CHECKS", (CHECKS[0], meanwhile, *CHECKS[1:]))
    assert found() == {}
    monkeypatch.undo()

    assert found() == {Code.NOT_IN_PROFILE: 1}
    # Nothing of the reading is left behind: the next write begins as always.
    say("v", "b")


def deep_findings(limit: int = 5) -> list[Finding]:
    """What only a deep look can find."""
    deep = (Code.REBUILT_DIFFERS, Code.NOT_REBUILT)
    return [each for each in verify(limit=limit, deep=True).findings if each.code in deep]


def test_a_deep_look_at_sound_profiles_finds_nothing(path: Path) -> None:
    a_mixed_life(path)
    say("u1", "a", "dislike")

    assert deep_findings() == []


def test_a_deep_look_sees_what_no_other_look_can(path: Path) -> None:
    path.publish(wire(user_id="u", occurred_at="2090-01-01T00:00:00Z"))
    path.publish(wire(user_id="v", action="dislike"))
    path.drain()
    # Set back by more than five minutes, what it says of its time is not to be had from its row.
    word_of("u").update(value=-1)
    word_of("v").delete()
    assert not found().keys() & {Code.WORD_ALTERED, Code.WORD_WITHOUT_EVENT}

    [finding] = deep_findings(limit=1)

    assert (finding.code, finding.count, len(finding.examples)) == (Code.REBUILT_DIFFERS, 2, 1)
    assert "2 listeners" in finding.words
    assert set(deep_findings()[0].examples) == {
        "user 'u' song 'a' is dislike, from base and log like",
        "user 'v' song 'a' is nothing, from base and log dislike",
    }


def test_a_deep_look_beside_a_rebuild_says_that_it_did_not_compare(used: None) -> None:
    with leases.lease(LEASE):
        report = verify(limit=5, deep=True)

    assert [finding.code for finding in report.findings] == [Code.NOT_REBUILT]
    assert not report.is_wrong
