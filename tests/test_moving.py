"""From SQLite to Postgres: all or nothing; and the old database takes no like into the void."""

import re
import secrets
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import psycopg.conninfo
import psycopg.sql
import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Model

from access.models import ServiceKey
from conftest import require
from feedback.consuming.loop import consume
from feedback.log import OutboxLog
from feedback.models import ConsumerOffset, DeadLetter, LikeDelay, OutboxEvent, OutboxSequence
from feedback.tests.paths import patience, say
from musicrec import moving
from musicrec.move_target import TARGET, CannotMove
from musicrec.moving import NotSealed, move_to, moved_models
from recommendations import forgotten, sealing
from recommendations.models import Interaction, Lease, Listener, ModelVersion, Song, TrainingRun
from tests import postgres
from tests.installation import Installation
from tests.ports import free_port

SECRET = secrets.token_urlsafe(50)
NOW = datetime(2026, 7, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a database "migrated", whose text is sorted as in English, not by bytes."""
    where = postgres.programs()
    require(where is not None, "Postgres (the program initdb)")
    assert where is not None
    with postgres.server(where) as address:
        made = create(address, "migrated", "template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
        folder = tmp_path_factory.mktemp("migrated")
        here = Installation(folder, DATABASE_URL=made, SECRET_KEY=SECRET)
        here.manage("migrate", "--verbosity", "0")
        yield address


def create(server: str, name: str, template: str) -> str:
    """Make a database; its address."""
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(psycopg.sql.SQL(f"CREATE DATABASE {name} TEMPLATE {template}"))
    return server.rsplit("/", 1)[0] + f"/{name}"


def shown(address: str) -> str:
    """The address as a seal tells it."""
    there = psycopg.conninfo.conninfo_to_dict(address)
    return f"{there['dbname']} at {there['host']}:{there['port']}"


@pytest.fixture
def target(server: str) -> str:
    """The address of a database with empty tables."""
    return create(server, f"t{uuid.uuid4().hex}", "migrated")


@pytest.fixture
def source(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installation of this process, with something in every table that can hold much."""
    if connection.vendor != "sqlite":
        pytest.skip("only a SQLite installation is moved")
    allowed = BaseDatabaseWrapper.ensure_connection

    def ensure_connection(self: Any) -> None:
        # Django allows a test no database that it did not make itself.
        if self.alias != TARGET:
            allowed(self)
        elif self.connection is None:
            with self.wrap_database_errors:
                self.connect()

    monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", ensure_connection)
    fill()
    yield
    if TARGET in connections.settings:
        connections[TARGET].close()
        del connections[TARGET], connections.settings[TARGET]
    sealing.unseal()


def fill() -> None:
    user = User.objects.create_user("operator", password="a long password")
    user.groups.add(Group.objects.create(name="listening"))
    for prefix in ("mrs_B", "mrs_a", "mrs__"):
        ServiceKey.objects.create(
            prefix=prefix, name="app", secret_sha256="0" * 64, scopes="serve", created_at=NOW
        )
    Song.objects.bulk_create(
        Song(song_id=name, title=f"Ünïcødé 🎵 \t{name}", genre="a|b") for name in ("a", "B", "c")
    )
    Listener.objects.bulk_create(Listener(id=10 * n, user_id=f"u{n}", revision=n) for n in range(5))
    Listener.objects.filter(user_id="u4").delete()
    run = TrainingRun.objects.create(
        started_at=NOW, metrics={"ndcg@20": 0.1 + 0.2, "none": None, "ü": [1, 1.0]}, status="live"
    )
    ModelVersion.objects.create(
        version="v1", training_run=run, algorithm="ials", created_at=NOW, is_live=True
    )
    for song in ("a", "B"):
        say("u1", song)
    say("u2", "c", "dislike")
    consume(OutboxLog(), once=True, should_stop=patience())
    say("u1", "a", "unlike")
    forgotten.mark("u9", 17)
    ConsumerOffset.objects.create(topic="t", partition=0, next_offset=2**40, digest="d" * 32)
    DeadLetter.objects.create(
        source="kafka",
        raw=bytes(range(256)),
        digest="x",
        record_time_us=1,
        event_id=uuid.uuid4(),
        reason="bad_json",
        error="no\nJSON",
        created_at=NOW,
    )
    for consumer in ("b-0", "A-0", "_", "a-0"):
        LikeDelay.objects.create(consumer=consumer, counts=[1, 2], seconds=0.1)
    Lease.objects.create(name="a-lease", holder="somebody", expires_at=NOW)


def rows_of(model: type[Model], address: str) -> int:
    with psycopg.connect(address) as there:
        table = psycopg.sql.Identifier(model._meta.db_table)
        rows = there.execute(psycopg.sql.SQL("SELECT 1 FROM {}").format(table)).fetchall()
        return len(rows)


def test_every_table_is_copied_and_everything_goes_on_where_it_was(
    source: None, server: str
) -> None:
    target = create(server, "bare", "template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
    counts = {model: model._base_manager.count() for model in moved_models()}

    moved = move_to(target)

    assert moved.rows == {model._meta.db_table: count for model, count in counts.items()}
    assert {model: rows_of(model, target) for model in moved_models()} == counts
    assert counts[OutboxEvent] == 4 and counts[LikeDelay] == 4
    assert rows_of(Lease, target) == 0
    [waiting] = OutboxEvent.objects.filter(applied_at=None)
    with psycopg.connect(target) as there:
        # As the server says it, not as Django reads it back.
        assert there.execute("SELECT title FROM song WHERE song_id = 'B'").fetchone() == (
            "Ünïcødé 🎵 \tB",
        )
        assert there.execute(
            "SELECT seq, event_id, payload, recorded_at FROM outbox WHERE applied_at IS NULL"
        ).fetchall() == [(waiting.seq, waiting.event_id, waiting.payload, waiting.recorded_at)]
        assert there.execute("SELECT raw FROM dead_letter").fetchone() == (bytes(range(256)),)
        assert there.execute("SELECT metrics->>'ndcg@20' FROM training_run").fetchone() == (
            "0.30000000000000004",
        )
        assert there.execute("SELECT last_seq FROM outbox_sequence").fetchone() == (
            OutboxSequence.objects.get().last_seq,
        )
        # The id of the listener that is gone is not given again.
        with connection.cursor() as cursor:
            cursor.execute("SELECT seq + 1 FROM sqlite_sequence WHERE name = 'listener'")
            following = cursor.fetchone()
        assert following >= (41,)
        there.execute("INSERT INTO listener (user_id, revision) VALUES ('new', 0)")
        assert (
            there.execute("SELECT id FROM listener WHERE user_id = 'new'").fetchone() == following
        )


def test_the_old_database_is_sealed_until_it_is_unsealed(source: None, target: str) -> None:
    move_to(target.replace("musicrec@", "musicrec:a-secret@", 1))
    said = f"{re.escape(sealing.message(shown(target)))}$"

    for write in (
        lambda: say("u1", "c"),
        lambda: Song.objects.create(song_id="new", title="new"),
        lambda: Interaction.objects.update(value=0),
        lambda: Interaction.objects.all().delete(),
        lambda: Lease.objects.bulk_create(
            [Lease(name="a-lease", holder="x", expires_at=NOW)], ignore_conflicts=True
        ),
    ):
        with pytest.raises(IntegrityError, match=said):
            write()
    for command in (
        ["consume_likes", "--once"],
        ["consume_likes", "--rebuild"],
        ["loadcsv", "--songs", "x"],
        ["demo"],
    ):
        with pytest.raises(CommandError, match=said):
            call_command(*command)
    with pytest.raises(CannotMove, match="was moved already"):
        move_to(target)
    call_command("move_to", "--unseal")
    say("u1", "c")


def test_a_consumer_that_was_at_work_ends_with_one_line(
    source: None, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_to(target)
    monkeypatch.setattr(sealing, "refuse_if_sealed", lambda: None)

    with pytest.raises(CommandError, match=f"^{re.escape(sealing.message(shown(target)))}$"):
        call_command("consume_likes")


def test_one_value_that_differs_leaves_the_target_empty(
    source: None, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_the_microseconds(model: type[Model]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
        def prepare(row: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(
                each.replace(microsecond=0) if isinstance(each, datetime) else each for each in row
            )

        return prepare if model is ServiceKey else original(model)

    original = moving._preparation
    monkeypatch.setattr(moving, "_preparation", lose_the_microseconds)

    with pytest.raises(CannotMove, match="differ: service_key, prefix mrs_B in created_at"):
        move_to(target)

    assert rows_of(Song, target) == 0
    assert not sealing.is_sealed()


def test_a_row_that_is_missing_is_named(
    source: None, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = moving._rows

    def all_but_the_last(model: type[Model], alias: str) -> Iterator[tuple[Any, ...]]:
        found = list(rows(model, alias))
        return iter(found[:-1] if (model, alias) == (Song, "moved_to") else found)

    monkeypatch.setattr(moving, "_rows", all_but_the_last)

    last = Song.objects.latest("id").pk
    with pytest.raises(CannotMove, match=f"song, id {last} is not on the target"):
        move_to(target)


def test_what_the_server_cannot_hold_is_named_and_nothing_is_moved(
    source: None, target: str
) -> None:
    Song.objects.create(song_id="nul", title="a\0b")

    with pytest.raises(CannotMove, match=r"does not take the rows.*NUL"):
        move_to(target)

    assert rows_of(Listener, target) == 0
    Song.objects.filter(song_id="nul").delete()
    move_to(target)


def test_a_target_in_use_is_refused(source: None, target: str) -> None:
    with psycopg.connect(target) as there:
        there.execute("INSERT INTO song (song_id, title, artist, genre) VALUES ('x', '', '', '')")

    with pytest.raises(CannotMove, match="not empty: its table song"):
        move_to(target)


def test_nobody_writes_to_the_source_meanwhile(
    source: None, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []

    def try_to_write(_rows: int) -> None:
        other = sqlite3.connect(connection.settings_dict["NAME"], timeout=0)
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            refused.append(str(error))
        finally:
            other.close()

    moved = move_to(target, try_to_write)

    assert set(refused) == {"database is locked"}
    assert len(refused) == 2 * len(moved.rows)


def test_a_move_cut_off_between_its_two_commits_is_made_again(
    source: None, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr(sealing, "seal", fail)
        with pytest.raises(NotSealed, match="disk I/O error"):
            move_to(target)
    assert rows_of(OutboxEvent, target) == 4
    say("u3", "c")

    moved = move_to(target)

    assert moved.again
    assert rows_of(OutboxEvent, target) == 5
    assert sealing.is_sealed()


def test_a_copy_that_was_used_since_is_not_written_over(source: None, target: str) -> None:
    move_to(target)
    sealing.unseal()
    with psycopg.connect(target) as there:
        there.execute("UPDATE listener SET revision = revision + 1 WHERE user_id = 'u1'")

    with pytest.raises(CannotMove, match="not empty"):
        move_to(target)


def test_a_copy_of_another_installation_is_not_written_over(source: None, target: str) -> None:
    move_to(target)
    sealing.unseal()
    recorder = MigrationRecorder(connection).migration_qs
    before = recorder.get(app="feedback", name="0001_initial")
    recorder.filter(pk=before.pk).update(applied=NOW)
    try:
        with pytest.raises(CannotMove, match="not empty"):
            move_to(target)
    finally:
        recorder.filter(pk=before.pk).update(applied=before.applied)


@pytest.mark.parametrize(
    ("url", "says", "code"),
    [
        ("sqlite:///other.sqlite3", "must be a Postgres", 2),
        ("mysql://me:a-secret@db/x", "must be a Postgres", 2),
        ("no address", "no database URL", 2),
        ("postgres://me:a-secret@127.0.0.1:{port}/", "names no database", 2),
        ("postgres://me:a-secret@127.0.0.1:{port}/x", "cannot reach the target", 1),
    ],
)
def test_an_address_that_cannot_be_is_one_clear_line(
    source: None, url: str, says: str, code: int
) -> None:
    with pytest.raises(CommandError) as refusal:
        call_command("move_to", url.format(port=free_port()))

    assert says in str(refusal.value)
    assert refusal.value.returncode == code
    assert "a-secret" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def ask_for_a_password(server: str, role: str) -> None:
    """Make a role that the server lets in with its password only."""
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(psycopg.sql.SQL(f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD 'a-secret'"))
        [(file,)] = admin.execute("SHOW hba_file").fetchall()
        # The server writes its own file: it may run as another account. The first line counts.
        copy = f"COPY (VALUES ('host all {role} all scram-sha-256'), ('host all all all trust'))"
        admin.execute(psycopg.sql.SQL(f"{copy} TO '{file}'"))
        admin.execute("SELECT pg_reload_conf()")


def test_the_password_need_not_stand_in_the_address(
    source: None, server: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_for_a_password(server, "careful")
    address = target.replace("musicrec@", "careful@")
    with pytest.raises(CannotMove, match="no password supplied"):
        move_to(address)
    monkeypatch.setenv("PGPASSWORD", "a-secret")

    moved = move_to(address)

    assert moved.rows["song"] == rows_of(Song, address) == 3


@pytest.mark.parametrize(("is_newer", "says"), [(True, "newer version"), (False, "older version")])
def test_tables_of_another_version_are_refused(
    source: None, target: str, is_newer: bool, says: str
) -> None:
    recorder = MigrationRecorder(connection)
    last = recorder.migration_qs.filter(app="feedback").latest("name")
    change, undo = recorder.record_applied, recorder.record_unapplied
    name = "9999_of_tomorrow"
    if not is_newer:
        change, undo, name = undo, change, last.name
    change("feedback", name)
    try:
        with pytest.raises(CannotMove, match=says):
            move_to(target)
    finally:
        undo("feedback", name)


def test_a_server_is_not_moved(installations: Callable[..., Installation], target: str) -> None:
    here = installations(DATABASE_URL=target, SECRET_KEY=SECRET)

    with pytest.raises(AssertionError, match="DATABASE_URL names a server already"):
        here.manage("move_to", target)
