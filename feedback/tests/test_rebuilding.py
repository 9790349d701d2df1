"""Profiles made anew: the same as the live ones, and right where those were not."""

import json
import random
import uuid
from typing import Any, cast

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone
from kafka import KafkaAdminClient, TopicPartition

from feedback import dead_letters
from feedback.clock import now_us
from feedback.fields import as_rfc_3339
from feedback.kafka.clients import client_options
from feedback.models import ConsumerOffset, DeadLetter
from feedback.rebuilding import history
from feedback.rebuilding.kafka_history import KafkaHistory
from feedback.rebuilding.rebuild import LEASE, RebuildGaveUp, differences, rebuild
from feedback.tests.paths import EmbeddedPath, KafkaPath, Path, profile, say
from recommendations import forgotten, leases, profile_shadow
from recommendations.models import BaseWord, Interaction, Lease, Listener, ShadowWord, Song
from recommendations.profile_base import merge_from_files
from recommendations.profile_shadow import Differences, Example
from recommendations.profiles import Judgement

pytestmark = pytest.mark.django_db

LIVE = ("listener__user_id", "song_id", "value", "order_key", "event_id")
MINUTE_US = 60_000_000


def live() -> set[tuple[Any, ...]]:
    """All that stands in the live profiles."""
    return set(Interaction.objects.values_list(*LIVE))


def bare(user_id: str, song_id: str, **more: Any) -> bytes:
    return json.dumps({"user_id": user_id, "song_id": song_id, **more}).encode()


def loaded(user_id: str, song_id: str, value: int, order_key: int) -> Judgement:
    return Judgement(user_id, song_id, value, order_key, uuid.uuid4().hex)


def a_mixed_life(path: Path) -> None:
    """Words from files, our API and other producers, over and under one another."""
    rng = random.Random(7)  # noqa: S311 - a seeded choice, not a secret
    merge_from_files([loaded(f"u{n}", rng.choice("abc"), 1, n) for n in range(20)])
    for _ in range(60):
        say(f"u{rng.randrange(8)}", rng.choice("abc"), rng.choice(["like", "dislike", "unlike"]))
    for n in range(10):
        path.publish(bare(f"u{n}", "b"))
    path.drain()
    merge_from_files([loaded(f"u{n}", "a", -1, now_us()) for n in range(3)])


def test_a_rebuild_of_sound_profiles_changes_nothing(path: Path) -> None:
    a_mixed_life(path)
    before, revisions = live(), set(Listener.objects.values_list("user_id", "revision"))

    rebuilt = rebuild()

    assert rebuilt.differences.count == 0
    assert rebuilt.records >= 70
    assert live() == before
    assert set(Listener.objects.values_list("user_id", "revision")) == revisions
    assert not ShadowWord.objects.exists()


def test_what_was_damaged_is_put_right_and_nothing_else_is_touched(path: Path) -> None:
    a_mixed_life(path)
    before = live()
    revisions = dict(Listener.objects.values_list("user_id", "revision"))
    flipped, gone = Interaction.objects.order_by("id")[:2]
    Interaction.objects.filter(id=flipped.id).update(value=-flipped.value or 1)
    gone.delete()
    stranger = Listener.objects.create(user_id="by-hand")
    Interaction.objects.create(
        listener=stranger, song_id="a", value=1, order_key=1, event_id=uuid.uuid4(),
        updated_at=timezone.now(),
    )  # fmt: skip

    found = rebuild().differences

    assert (found.changed, found.missing, found.surplus) == (1, 1, 1)
    assert live() == before
    after = dict(Listener.objects.values_list("user_id", "revision"))
    raised = {user for user in after if after[user] != revisions.get(user, 0)}
    assert raised == {flipped.listener.user_id, gone.listener.user_id, "by-hand"}
    assert found.listeners == len(raised)


def test_a_dry_run_says_what_would_change_and_changes_nothing(path: Path) -> None:
    say("u", "a")
    path.drain()
    Interaction.objects.update(value=-1)
    before = live()

    found = differences().differences

    assert (found.changed, found.listeners) == (1, 1)
    assert found.examples == [Example("u", "a", -1, 1)]
    assert live() == before
    assert not ShadowWord.objects.exists()


def test_a_dry_run_leaves_no_listener_behind_who_is_missing_with_all_words(path: Path) -> None:
    for user_id in ("u", "v"):
        say(user_id, "a")
    path.drain()
    Interaction.objects.filter(listener__user_id="v").delete()
    Listener.objects.filter(user_id="v").delete()
    Listener.objects.create(user_id="without-words")
    before = set(Listener.objects.values_list("id", "user_id", "revision"))

    found = differences().differences

    assert found.examples == [Example("v", "a", None, 1)]
    assert set(Listener.objects.values_list("id", "user_id", "revision")) == before
    assert not Lease.objects.filter(name=LEASE).exists()
    assert rebuild().differences.missing == 1
    assert profile("v") == {"a": 1}


def test_what_waits_for_its_effect_is_left_to_the_consumer(path: Path) -> None:
    say("u", "a")
    path.drain()
    say("u", "b")

    assert rebuild().differences.count == 0
    assert profile("u") == {"a": 1}
    path.drain()
    assert profile("u") == {"a": 1, "b": 1}


def test_a_message_that_was_given_up_stays_without_effect(path: Path) -> None:
    path.publish(bare("u", "new", action="like"))
    path.drain()
    dead_letters.discard(DeadLetter.objects.all())
    Song.objects.create(song_id="new", title="new")

    rebuilt = rebuild()

    assert rebuilt.differences.count == 0
    assert rebuilt.left_out["dead letters"] == 1
    assert profile("u") == {}


def test_a_message_that_was_replayed_keeps_its_effect(path: Path) -> None:
    path.publish(bare("u", "new"))
    path.drain()
    Song.objects.create(song_id="new", title="new")
    dead_letters.replay_for_songs()

    assert rebuild().differences.count == 0
    assert profile("u") == {"new": 1}


def test_a_message_with_the_id_of_another_has_no_effect_here_either(path: Path) -> None:
    event_id = str(uuid.uuid4())
    at = as_rfc_3339(now_us() - MINUTE_US)
    common = {"v": 1, "event_id": event_id, "occurred_at": at}
    path.publish(bare("u", "a", action="like", **common))
    path.publish(bare("u", "b", action="like", **common))
    path.drain()

    assert rebuild().differences.count == 0
    assert profile("u") == {"a": 1}


def test_of_an_event_sent_twice_without_a_time_the_first_counts(path: Path) -> None:
    now, event_id = now_us(), str(uuid.uuid4())
    again = bare("u", "a", event_id=event_id)
    path.publish(again, time_us=now - 3 * MINUTE_US)
    path.publish(bare("u", "a", action="unlike"), time_us=now - 2 * MINUTE_US)
    path.publish(again, time_us=now - MINUTE_US)
    path.drain()

    assert profile("u") == {"a": 0}
    assert rebuild().differences.count == 0


def test_what_was_forgotten_stays_forgotten(path: Path) -> None:
    path.publish(bare("u", "a"), time_us=now_us() - MINUTE_US)
    say("v", "a")
    path.drain()
    forgotten.mark("u", now_us() - MINUTE_US // 2)
    Interaction.objects.filter(listener__user_id="u").delete()

    rebuilt = rebuild()

    assert (rebuilt.differences.count, rebuilt.left_out["forgotten"]) == (0, 1)
    assert profile("u") == {}


def test_what_happens_in_the_middle_of_a_rebuild_is_not_undone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Song.objects.create(song_id="d", title="d")
    for song_id in "ab":
        say("u", song_id)
    path.drain()
    Interaction.objects.filter(song_id="a").update(value=-1)

    def meanwhile(self: history.OutboxHistory) -> None:
        say("u", "b", "dislike")
        say("late", "a", "dislike")
        path.drain()
        merge_from_files([loaded("u", "d", 1, 5), loaded("loaded-late", "b", 1, 5)])

    monkeypatch.setattr(history.OutboxHistory, "look_ahead", meanwhile)

    found = rebuild().differences

    # Only what was wrong before: what was said or loaded since stands in both.
    assert (found.count, found.changed) == (1, 1)
    assert profile("u") == {"a": 1, "b": -1, "d": 1}
    assert profile("late") == {"a": -1}
    assert profile("loaded-late") == {"b": 1}


def test_a_rebuild_that_is_broken_off_leaves_the_profiles_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("u", "a")
    path.drain()
    Interaction.objects.update(value=-1)
    before = live()

    def killed(listener_ids: set[int]) -> Differences:
        raise KeyboardInterrupt

    monkeypatch.setattr(profile_shadow, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        rebuild()
    assert live() == before

    monkeypatch.undo()
    # As after kill -9: nobody has cleared up, and the next one must not believe what it finds.
    listener = Listener.objects.get(user_id="u")
    ShadowWord.objects.create(
        listener=listener, song_id="c", value=1, order_key=9, event_id=uuid.uuid4(),
        updated_at=timezone.now(),
    )  # fmt: skip
    assert rebuild().differences.changed == 1
    assert profile("u") == {"a": 1}


def test_only_one_rebuild_at_a_time(path: Path) -> None:
    with leases.lease(LEASE), pytest.raises(CommandError, match="another process"):
        call_command("consume_likes", "--rebuild")


@pytest.mark.parametrize("flag", ["--once", "--accept-poison"])
def test_flags_that_a_rebuild_would_not_obey_are_refused(flag: str) -> None:
    with pytest.raises(CommandError, match="goes with neither") as refused:
        call_command("consume_likes", "--rebuild", flag)

    assert refused.value.returncode == 2


def test_the_command_says_what_it_found(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    say("u", "a")
    path.drain()
    Interaction.objects.update(value=-1)

    call_command("consume_likes", "--rebuild", "--dry-run", "--json")
    report = json.loads(capsys.readouterr().out)
    assert report["differences"]["changed"] == 1
    assert report["dry_run"] is True
    call_command("consume_likes", "--rebuild")
    assert "changed 1 rows, added 0, removed 0, of 1 listeners" in capsys.readouterr().out
    assert profile("u") == {"a": 1}


@pytest.mark.usefixtures("songs")
def test_without_the_kafka_that_was_read_a_rebuild_is_refused() -> None:
    ConsumerOffset.objects.create(topic="song_likes", partition=0, next_offset=7)

    with pytest.raises(CommandError, match="KAFKA_BOOTSTRAP_SERVERS"):
        call_command("consume_likes", "--rebuild")


@pytest.mark.kafka
@pytest.mark.usefixtures("songs", "likes_topic")
def test_a_log_that_is_another_one_is_not_read_as_the_old() -> None:
    path = KafkaPath()
    try:
        say("u", "a")
        path.drain()
        before = live()
        ConsumerOffset.objects.filter(next_offset__gt=0).update(digest="0" * 32)

        with pytest.raises(CommandError, match="another one"):
            call_command("consume_likes", "--rebuild")
        assert live() == before
    finally:
        path.close()


@pytest.mark.kafka
@pytest.mark.usefixtures("songs", "likes_topic")
def test_consumers_that_stay_ahead_end_a_rebuild_without_a_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = KafkaPath()

    def outrun(self: KafkaHistory) -> None:
        say("u", "a")
        path.drain()

    monkeypatch.setattr(KafkaHistory, "look_ahead", outrun)
    try:
        outrun(cast("KafkaHistory", None))
        Interaction.objects.update(value=-1)
        with pytest.raises(RebuildGaveUp):
            rebuild()
        assert not ShadowWord.objects.exists()
    finally:
        path.close()


@pytest.mark.usefixtures("songs")
def test_the_base_alone_is_enough_for_what_was_loaded() -> None:
    merge_from_files([loaded("u", "a", 1, 5), loaded("u", "b", -1, 6)])
    assert BaseWord.objects.count() == 2
    Interaction.objects.all().delete()

    assert rebuild().differences.missing == 2
    assert profile("u") == {"a": 1, "b": -1}


@pytest.mark.kafka
@pytest.mark.usefixtures("songs", "likes_topic")
def test_what_the_log_has_lost_before_it_was_kept_is_not_taken_for_damage() -> None:
    path = KafkaPath()
    admin = KafkaAdminClient(**client_options())
    try:
        for song_id in "abc":
            path.publish(bare("u", song_id))
        path.drain()
        admin.delete_records({TopicPartition(settings.LIKES_TOPIC, 0): 2})
        Interaction.objects.filter(song_id="c").update(value=-1)

        rebuilt = rebuild()
    finally:
        admin.close()
        path.close()

    assert (rebuilt.believed, rebuilt.differences.count) == (2, 1)
    assert profile("u") == {"a": 1, "b": 1, "c": 1}
    # What was put right stands in the base, whatever becomes of the log.
    assert {word.song_id for word in BaseWord.objects.all()} >= {"c"}


@pytest.mark.usefixtures("songs")
def test_a_rebuild_that_slept_while_another_ran_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = EmbeddedPath()
    say("u", "a")
    path.drain()
    before = live()
    look = profile_shadow.listeners_that_differ

    def asleep() -> set[int]:
        monkeypatch.undo()
        Lease.objects.all().delete()
        rebuild()
        return look()

    monkeypatch.setattr(profile_shadow, "listeners_that_differ", asleep)

    with pytest.raises(RebuildGaveUp, match="another"):
        rebuild()
    assert live() == before
