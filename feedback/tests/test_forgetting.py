"""Forgetting: nothing is left, and nothing that was said before comes back."""

import json
import uuid
from datetime import timedelta
from pathlib import Path as File
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.db import connection

from access.listener_sessions import SESSION_KEY, UNTIL_KEY
from feedback import dead_letters, offsets
from feedback.clock import now_us
from feedback.events import LAST_SEQ
from feedback.forgetting import deletion
from feedback.forgetting.deletion import forget, obey_ledger
from feedback.models import (
    AppliedEvent,
    ConsumerOffset,
    DeadLetter,
    OutboxEvent,
    OutboxSequence,
)
from feedback.outbox import Accepted
from feedback.rebuilding.rebuild import rebuild
from feedback.tests.paths import EmbeddedPath, KafkaPath, Path, profile, say
from recommendations import forgotten, forgotten_ledger
from recommendations.models import (
    BaseWord,
    ForgottenListener,
    Interaction,
    Listener,
    ShadowWord,
    Song,
)
from recommendations.profile_base import merge_from_files
from recommendations.profiles import Judgement
from recommendations.training import snapshot

pytestmark = pytest.mark.django_db

# Found nowhere by chance: whole tables are looked through for it.
ANN = "ann-of-the-green-gables"
MINUTE_US = 60_000_000


def wire(**changes: Any) -> bytes:
    message = {
        "v": 1,
        "event_id": str(uuid.uuid4()),
        "user_id": ANN,
        "song_id": "a",
        "action": "like",
    }
    return json.dumps(message | changes).encode()


def copy_words(table: type[Any]) -> None:
    """As a rebuild has them: what the profiles hold."""
    names = ("listener_id", "song_id", "value", "order_key", "event_id", "updated_at")
    table.objects.bulk_create(table(**row) for row in Interaction.objects.values(*names))


def drop_rows_of_others() -> None:
    """Without Kafka, rows of the outbox stand in for other producers' messages: clear those."""
    OutboxEvent.objects.filter(user_id="another").delete()


def leave_traces(path: Path) -> None:
    """A row of ann, and one of bob, in every table that holds anything of users."""
    for user_id in (ANN, "bob"):
        say(user_id, "a")
        say(user_id, "b", "dislike")
        path.publish(wire(user_id=user_id, song_id="unknown"))
        path.publish(f'{{"user_id":"{user_id}","song_id":'.encode())
        path.publish(wire(user_id=user_id, action="love"))
    path.drain()
    drop_rows_of_others()
    copy_words(BaseWord)
    copy_words(ShadowWord)
    say(ANN, "c")
    say("bob", "c")
    for user_id in (ANN, "bob"):
        session = SessionStore()
        session[SESSION_KEY], session[UNTIL_KEY] = user_id, 1
        session["other"] = "stays"
        session.save()


def places_that_name(text: str) -> list[str]:
    """Every table with the text in any column, bytes and signed sessions included."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608
            if any(text in spelt_out(value) for row in cursor.fetchall() for value in row):
                found.append(table)
    sessions = [SessionStore(key).load() for key in session_keys()]
    return found + (["sessions"] if text in repr(sessions) else [])


def spelt_out(value: Any) -> str:
    return repr(bytes(value) if isinstance(value, memoryview) else value)


def session_keys() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_key FROM django_session")
        return [key for (key,) in cursor.fetchall()]


def test_of_a_forgotten_user_nothing_is_left_in_any_table(path: Path) -> None:
    leave_traces(path)
    assert {"listener", "outbox", "dead_letter", "sessions"} <= set(places_that_name(ANN))
    applied = AppliedEvent.objects.count()

    receipt = forget(ANN)

    assert places_that_name(ANN) == []
    assert receipt.deleted == {
        "applied_event": 2,
        "dead_letter": 3,
        "listener": 1,
        "outbox": receipt.deleted["outbox"],
        "profile_base": 2,
        "profile_shadow": 2,
        "session": 1,
        "user_profile": 2,
    }
    assert receipt.deleted["outbox"] == 3
    assert AppliedEvent.objects.count() == applied - 2
    assert ANN not in json.dumps(receipt.as_json(), default=str)


def test_of_everybody_else_all_is_left(path: Path) -> None:
    leave_traces(path)

    forget(ANN)

    assert profile("bob") == {"a": 1, "b": -1}
    assert (BaseWord.objects.count(), ShadowWord.objects.count()) == (2, 2)
    assert DeadLetter.objects.count() == 3
    assert OutboxEvent.objects.filter(user_id="bob").count() == 3
    assert sorted(session_of(key) for key in session_keys()) == ["", "bob"]
    path.drain()
    assert profile("bob") == {"a": 1, "b": -1, "c": 1}


def session_of(key: str) -> str:
    data = SessionStore(key).load()
    assert data["other"] == "stays"
    assert (UNTIL_KEY in data) == (SESSION_KEY in data)
    return str(data.get(SESSION_KEY, ""))


def test_what_waited_to_be_applied_is_gone_with_the_rest(path: Path) -> None:
    say(ANN, "a")
    forget(ANN)

    path.drain()

    assert profile(ANN) == {}
    assert not OutboxEvent.objects.exists()


@pytest.mark.kafka
def test_reading_the_whole_topic_again_brings_nothing_back(songs: None, likes_topic: str) -> None:
    path = KafkaPath()
    say(ANN, "a")
    path.publish(wire())
    path.publish(wire(song_id="unknown"))
    path.publish(b'{"v":1,"user_id":"%s"' % ANN.encode())
    say("bob", "a")
    path.drain()
    assert profile(ANN) == {"a": 1}

    receipt = forget(ANN)
    # As when the broker's log is another one, or all positions are lost.
    for row in ConsumerOffset.objects.all():
        at = offsets.load(row.topic, row.partition, beginning=0)
        offsets.begin_epoch(at, beginning=0)
    path.close_log()
    tally = path.drain()

    assert (tally.forgotten, tally.repeated) == (4, 1)
    assert places_that_name(ANN) == []
    assert receipt.kafka_holds_until is not None
    kept = receipt.kafka_holds_until - receipt.forgotten_at
    # Counted from the barrier, which is rounded up to a millisecond.
    assert timedelta(days=32) <= kept < timedelta(days=32, seconds=1)
    path.close()


def test_replaying_dead_letters_brings_nothing_back(songs: None) -> None:
    path = EmbeddedPath()
    path.publish(wire(song_id="later"))
    path.drain()
    drop_rows_of_others()
    letters = list(DeadLetter.objects.values())
    forget(ANN)
    Song.objects.create(song_id="later", title="later")
    # As if it had been written beside the forgetting.
    DeadLetter.objects.bulk_create(DeadLetter(**row) for row in letters)

    tally = dead_letters.replay(DeadLetter.objects.all())

    assert (tally.applied, tally.forgotten) == (0, 1)
    assert places_that_name(ANN) == []


def test_loading_the_file_again_brings_nothing_back(songs: None, tmp_path: File) -> None:
    file = tmp_path / "likes.csv"
    file.write_text(f"user_id,song_id,like,timestamp\n{ANN},a,1,\n{ANN},b,1,2026-01-01\n")
    call_command("loadcsv", "--interactions", str(file), verbosity=0)
    assert profile(ANN) == {"a": 1, "b": 1}
    forget(ANN)

    call_command("loadcsv", "--interactions", str(file), verbosity=0)

    assert places_that_name(ANN) == []


def test_a_rebuild_brings_nothing_back(path: Path) -> None:
    leave_traces(path)
    merge_from_files([Judgement(ANN, "c", 1, 5, uuid.uuid4().hex)])
    forget(ANN)

    rebuild()

    assert places_that_name(ANN) == []
    assert profile("bob") == {"a": 1, "b": -1}


def test_a_rebuild_of_a_restored_backup_forgets_first(path: Path) -> None:
    leave_traces(path)
    merge_from_files([Judgement(ANN, "c", 1, 5, uuid.uuid4().hex)])
    backup = Backup()
    forget(ANN)
    backup.restore()

    rebuild()

    assert places_that_name(ANN) == []
    assert profile("bob") == {"a": 1, "b": -1}


def test_a_like_after_the_forgetting_counts_and_forgetting_again_ends_it(path: Path) -> None:
    say(ANN, "a")
    path.drain()
    first = forget(ANN)

    assert isinstance(say(ANN, "a"), Accepted)
    path.drain()
    assert profile(ANN) == {"a": 1}

    second = forget(ANN)
    assert second.barrier > first.barrier
    assert second.user == first.user
    path.drain()
    assert profile(ANN) == {}


def test_a_word_dated_ahead_of_the_clock_lies_below_the_barrier_too(path: Path) -> None:
    ahead = now_us() + 3 * MINUTE_US
    path.publish(wire(song_id="a"), time_us=ahead)
    path.drain()

    receipt = forget(ANN)

    assert receipt.barrier >= ahead
    # And ann can be heard all the same.
    say(ANN, "b")
    path.drain()
    assert profile(ANN) == {"b": 1}


@pytest.mark.parametrize("ahead_days", [100, 2_900_000])
def test_the_receipt_counts_from_the_latest_time_that_kafka_has_of_them(
    songs: None, settings: Any, ahead_days: int
) -> None:
    path, ahead = EmbeddedPath(), timedelta(days=ahead_days)
    path.publish(wire(song_id="a"), time_us=now_us() + ahead // timedelta(microseconds=1))
    path.drain()
    settings.KAFKA_BOOTSTRAP_SERVERS = ["127.0.0.1:1"]

    receipt = forget(ANN)

    assert receipt.kafka_holds_until is not None
    assert receipt.kafka_holds_until >= receipt.forgotten_at + ahead + timedelta(days=31)


def test_the_receipt_of_a_time_at_the_end_of_all_times_can_be_written_down(
    songs: None, settings: Any
) -> None:
    forgotten.mark(ANN, LAST_SEQ)
    settings.KAFKA_BOOTSTRAP_SERVERS = ["127.0.0.1:1"]

    until = forget(ANN).kafka_holds_until

    assert until is not None
    assert until.year == 9999


def test_an_unknown_user_is_forgotten_too() -> None:
    receipt = forget("nobody")

    assert set(receipt.deleted.values()) == {0}
    assert receipt.kafka_holds_until is None
    assert forgotten.barriers(["nobody"]) == {"nobody": receipt.barrier}


def test_a_letter_in_conflict_does_not_free_the_id_of_somebody_else(songs: None) -> None:
    path = EmbeddedPath()
    bobs = say("bob", "a")
    path.drain()
    path.publish(wire(event_id=str(uuid.UUID(bobs.event_id))))
    path.drain()
    assert DeadLetter.objects.get().user_id == ANN

    forget(ANN)

    assert AppliedEvent.objects.get().event_id.hex == bobs.event_id


def test_the_next_training_sees_that_somebody_is_gone(songs: None) -> None:
    say(ANN, "a")
    EmbeddedPath().drain()
    before = snapshot.current_watermark()

    forget(ANN)
    say("bob", "b")
    EmbeddedPath().drain()

    # One listener and one change, as before.
    after = snapshot.current_watermark()
    assert (after["profile_changes"], after["listeners"]) == (1, 1)
    assert after != before


def test_a_ledger_that_cannot_be_written_leaves_everything_as_it_was(
    songs: None, settings: Any, tmp_path: File
) -> None:
    say(ANN, "a")
    settings.FORGOTTEN_LEDGER = tmp_path / "no such folder" / "ledger"

    with pytest.raises(forgotten_ledger.LedgerUnwritable, match="FORGOTTEN_LEDGER"):
        forget(ANN)

    assert OutboxEvent.objects.filter(user_id=ANN).exists()
    assert not ForgottenListener.objects.exists()


def test_a_commit_that_fails_leaves_a_forgetting_that_the_next_start_finishes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(ANN, "a")
    path.drain()

    def fails(entry: forgotten_ledger.Entry) -> None:
        append(entry)
        raise OSError("the machine is going down")

    append = forgotten_ledger.append
    monkeypatch.setattr(forgotten_ledger, "append", fails)
    with pytest.raises(OSError, match="going down"):
        forget(ANN)
    assert profile(ANN) == {"a": 1}
    say(ANN, "b")

    path.drain()  # a consumer that has just been started

    assert profile(ANN) == {"b": 1}


class Backup:
    """What the tables held, to be put back."""

    TABLES: tuple[type[Any], ...] = (
        Listener,
        Interaction,
        BaseWord,
        ShadowWord,
        OutboxEvent,
        OutboxSequence,
        AppliedEvent,
        DeadLetter,
        ConsumerOffset,
        ForgottenListener,
    )

    def __init__(self) -> None:
        self._rows = {table: list(table.objects.all()) for table in self.TABLES}

    def restore(self) -> None:
        for table in reversed(self.TABLES):
            table.objects.all().delete()
        for table in self.TABLES:
            table.objects.bulk_create(self._rows[table])


def test_a_restored_backup_forgets_again_before_anything_is_applied(path: Path) -> None:
    leave_traces(path)
    backup = Backup()
    forget(ANN)
    say(ANN, "b")
    backup.restore()
    assert {"listener", "outbox", "dead_letter"} <= set(places_that_name(ANN))

    path.drain()

    assert profile(ANN) == {}
    assert places_that_name(ANN) == []
    assert profile("bob") == {"a": 1, "b": -1, "c": 1}
    # The sequence of the backup lies below the barrier; the marker is followed.
    say(ANN, "a")
    path.drain()
    assert profile(ANN) == {"a": 1}
    assert obey_ledger() == {}
    assert profile(ANN) == {"a": 1}


def test_what_was_said_after_the_forgetting_outlives_the_ledger(songs: None) -> None:
    path = EmbeddedPath()
    say(ANN, "a")
    path.drain()
    forget(ANN)
    say(ANN, "b")
    path.drain()
    # Only the marker is missing, as when somebody cleared the table.
    ForgottenListener.objects.all().delete()

    assert obey_ledger()["user_profile"] == 0

    assert profile(ANN) == {"b": 1}


def test_a_load_obeys_the_ledger_before_the_consumer_has_deleted_what_came_back(
    songs: None, tmp_path: File
) -> None:
    backup = Backup()
    forget(ANN)
    backup.restore()
    file = tmp_path / "likes.csv"
    file.write_text(f"user_id,song_id,like\n{ANN},a,1\n")

    call_command("loadcsv", "--interactions", str(file), verbosity=0)

    assert places_that_name(ANN) == []
    assert not ForgottenListener.objects.get().finished
    obey_ledger()
    assert ForgottenListener.objects.get().finished


def test_a_marker_of_a_lost_key_waits_until_the_key_is_back(songs: None, settings: Any) -> None:
    say(ANN, "a")
    backup = Backup()
    forget(ANN)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another key of more than 32 characters"
    backup.restore()

    assert obey_ledger() == {}
    assert OutboxEvent.objects.exists()

    settings.FORGOTTEN_KEYS = [old]
    assert obey_ledger()["outbox"] == 1
    assert not OutboxEvent.objects.exists()


def test_a_process_starts_where_the_ledger_cannot_be_obeyed(
    settings: Any, tmp_path: File, caplog: pytest.LogCaptureFixture
) -> None:
    settings.FORGOTTEN_LEDGER = tmp_path

    deletion.obey_ledger_at_start()

    assert "cannot see whether a forgetting is missing" in caplog.text
