"""The server that an installation is moved to: reached, made ready, found empty or found in use."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import dj_database_url
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import DatabaseError, connections, models
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from musicrec.database_faults import one_line

TARGET: Final = "moved_to"
EXAMPLE: Final = "postgres://user@host:5432/name"
# Filled by migrate on both sides; overwritten, so that the ids of one side hold.
FILLED_BY_MIGRATE: Final[tuple[type[models.Model], ...]] = (ContentType, Permission)
# A process of the new installation that was started too early is not waited for long.
LOCK_TIMEOUT: Final = "10s"

Models = Sequence[type[models.Model]]


class CannotMove(Exception):
    """Nothing was moved; the text says why and what to do."""


class WrongAddress(CannotMove):
    """What was given is no address of a Postgres."""


def open_target(url: str) -> str:
    """Give the connection TARGET its address; return that as it may be shown, without a password.

    A password that is not in it is libpq's to find: PGPASSWORD, or a password file.
    Raises WrongAddress, and CannotMove unless a Postgres answers there.
    """
    try:
        described: dict[str, Any] = dict(dj_database_url.parse(url))
    except ValueError as error:
        raise WrongAddress("the target is no database URL: " + EXAMPLE) from error
    if described.get("ENGINE") != "django.db.backends.postgresql":
        raise WrongAddress("the target must be a Postgres: " + EXAMPLE)
    if not described.get("NAME"):
        raise WrongAddress("the target's address names no database: " + EXAMPLE)
    described.setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
    all_of_them = {"default": connections.settings["default"], TARGET: described}
    connections.settings[TARGET] = connections.configure_settings(all_of_them)[TARGET]
    with suppress(AttributeError):
        del connections[TARGET]
    try:
        connections[TARGET].ensure_connection()
    except DatabaseError as error:
        raise CannotMove(f"cannot reach the target: {one_line(error)}") from error
    # As the driver found it: a part may come from the environment, or be a socket's folder.
    found = connections[TARGET].connection.info
    return f"{found.dbname} at {found.host}:{found.port}"


def check_version(alias: str) -> None:
    """Raises CannotMove where the tables are of another version of the code than this one."""
    executor = MigrationExecutor(connections[alias])
    ours = executor.loader.disk_migrations
    apps = {app for app, _ in ours}
    unknown = [
        key
        for key in MigrationRecorder(connections[alias]).applied_migrations()
        if key not in ours and key[0] in apps
    ]
    which = "target" if alias == TARGET else "SQLite database"
    if unknown:
        name = ".".join(min(unknown))
        raise CannotMove(f"the {which} is of a newer version ({name}): use that version's move_to")
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise CannotMove(f"the {which} is of an older version: run manage.py migrate first")


def make_tables() -> None:
    """Migrate the target; on one that is migrated this changes nothing."""
    try:
        call_command("migrate", database=TARGET, verbosity=0, interactive=False)
    except DatabaseError as error:
        raise CannotMove(f"cannot make the tables of the target: {one_line(error)}") from error
    check_version(TARGET)


def take_over(moved: Models, installation: str) -> bool:
    """Lock the tables, see that nobody needs what is in them, and empty them.

    In the target's transaction. Returns whether they held a copy of this installation that nobody
    has used: a move that was cut off before its end. Raises CannotMove where they are in use.
    """
    tables = ", ".join(_quoted(model) for model in moved)
    with connections[TARGET].cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        # The seal comes after this commit and must not outlive it.
        cursor.execute("SET LOCAL synchronous_commit = on")
        cursor.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")
        is_copy = _is_unused_copy(moved, installation)
        in_use = None if is_copy else _first_in_use(moved)
        if in_use:
            raise CannotMove(
                f"the target is not empty: its table {in_use} has rows."
                " Give an empty database, or empty this one"
            )
        # At once, so that references between the tables do not matter.
        cursor.execute(f"TRUNCATE {tables}")
    return is_copy


def remember(moved: Models, installation: str) -> None:
    """Note beside the copy whose it is, in its own transaction; see ``take_over``.

    As a comment on a table: it is part of the transaction, and needs no table of its own. All rows
    of the copy bear this transaction's number, and a row that is changed later bears another.
    """
    with connections[TARGET].cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::xid::text")
        (number,) = cursor.fetchone()
        note = {
            "installation": installation,
            "transaction": number,
            "rows": [_count(model, number)[0] for model in moved],
        }
        cursor.execute(f"COMMENT ON TABLE outbox_sequence IS '{json.dumps(note)}'")


def _first_in_use(moved: Models) -> str | None:
    for model in moved:
        if model not in FILLED_BY_MIGRATE and model._base_manager.using(TARGET).exists():
            return model._meta.db_table
    return None


def _is_unused_copy(moved: Models, installation: str) -> bool:
    with connections[TARGET].cursor() as cursor:
        cursor.execute("SELECT obj_description('outbox_sequence'::regclass, 'pg_class')")
        (text,) = cursor.fetchone()
    try:
        note = json.loads(text or "{}")
    except ValueError:
        return False
    if not isinstance(note, dict) or note.get("installation") != installation:
        return False
    counts = [_count(model, note["transaction"]) for model in moved]
    return counts == [(rows, rows) for rows in note["rows"]]


def _count(model: type[models.Model], transaction_number: str) -> tuple[int, int]:
    """How many rows there are, and how many of them that transaction wrote."""
    with connections[TARGET].cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE xmin::text = %s)"  # noqa: S608
            f" FROM {_quoted(model)}",
            [transaction_number],
        )
        rows, of_these = cursor.fetchone()
    return rows, of_these


def _quoted(model: type[models.Model]) -> str:
    return f'"{model._meta.db_table}"'
