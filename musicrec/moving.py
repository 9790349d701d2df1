"""Moving up: everything that a SQLite installation knows, copied to a Postgres and held against it.

Two databases cannot commit at once. The target commits first, while nobody can write to the source;
then the source is sealed, in the transaction that has kept writers out since before the first row
was read. Cut off between the two, there are two databases that agree and one that is in use, the
old one; the same command, run again, finds its own copy untouched and writes it anew.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Final

from django.apps import apps
from django.contrib.sessions.models import Session
from django.db import DatabaseError, connection, connections, models, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models.functions import Collate

from musicrec import move_target
from musicrec.database_faults import one_line
from musicrec.move_target import TARGET, CannotMove
from recommendations import sealing
from recommendations.models import CatalogueMark, Lease

# Leases name processes that will not be there, sessions are for signing in again, and the mark of
# the catalogue is made by a trigger with every song that is written.
NOT_MOVED: Final = (Lease, Session, CatalogueMark)
CHUNK: Final = 2_000

Row = tuple[Any, ...]
OnProgress = Callable[[int], None]


class NotSealed(Exception):
    """The copy is whole and committed, and the old database still takes writes."""


@dataclass(slots=True)
class Moved:
    """What was moved: rows by table. again: a move that was cut off earlier has been replaced."""

    rows: dict[str, int] = field(default_factory=dict)
    again: bool = False

    @property
    def total(self) -> int:
        """All rows."""
        return sum(self.rows.values())


def all_models() -> list[type[models.Model]]:
    """Every table of the installation, in one order."""
    found = apps.get_models(include_auto_created=True)
    tables = [model for model in found if model._meta.managed and not model._meta.proxy]
    return sorted(tables, key=lambda model: model._meta.db_table)


def moved_models() -> list[type[models.Model]]:
    """Those that are moved."""
    return [model for model in all_models() if model not in NOT_MOVED]


def check_source() -> None:
    """Raises CannotMove unless this is a SQLite installation that can be moved."""
    if connection.vendor != "sqlite":
        raise CannotMove("DATABASE_URL names a server already: only a SQLite database is moved")
    if sealing.is_sealed():
        raise CannotMove(
            "this database was moved already; to use it again: manage.py move_to --unseal"
        )
    move_target.check_version("default")


def rows_to_move() -> int:
    """How many rows there are now, for a progress bar."""
    return sum(model._base_manager.count() for model in moved_models())


def move_to(url: str, on_progress: OnProgress = lambda _: None) -> Moved:
    """Copy, compare, commit there, seal here.

    on_progress: told of every so many rows, copied and compared alike.
    Raises CannotMove, and then nothing was moved, or NotSealed.
    """
    check_source()
    where = move_target.open_target(url)
    move_target.make_tables()
    moved, is_copied = Moved(), False
    try:
        # IMMEDIATE: from here on nobody else writes to the source. They wait, then get a 503.
        with transaction.atomic():
            check_source()
            _make_copy(moved, on_progress)
            is_copied = True
            # The leases too: a consumer that has nothing to do notices by its own.
            sealing.seal((model._meta.db_table for model in all_models()), where)
    except (DatabaseError, KeyboardInterrupt) as error:
        if is_copied:
            raise NotSealed(one_line(error) or "stopped") from error
        if isinstance(error, KeyboardInterrupt):
            raise
        raise CannotMove(f"the old database cannot be read: {one_line(error)}") from error
    finally:
        connections[TARGET].close()
    return moved


def _make_copy(moved: Moved, on_progress: OnProgress) -> None:
    try:
        with transaction.atomic(using=TARGET):
            _fill(moved, on_progress)
    except (DatabaseError, UnicodeEncodeError) as error:
        raise CannotMove(f"the target does not take the rows: {one_line(error)}") from error


def _fill(moved: Moved, on_progress: OnProgress) -> None:
    tables, installation = moved_models(), _installation()
    moved.again = move_target.take_over(tables, installation)
    for model in tables:
        moved.rows[model._meta.db_table] = _copy(model, on_progress)
    for model in tables:
        _compare(model, on_progress)
        _set_sequence(model)
    move_target.remember(tables, installation)


def _installation() -> str:
    """What tells this installation from every other: the moments at which its tables were made."""
    rows = MigrationRecorder(connection).migration_qs.order_by("id")
    moments = [str(row) for row in rows.values_list("app", "name", "applied")]
    return hashlib.sha256("\n".join(moments).encode()).hexdigest()


def _copy(model: type[models.Model], on_progress: OnProgress) -> int:
    columns = ", ".join(f'"{each.column}"' for each in _fields(model))
    prepare, rows = _preparation(model), 0
    with (
        # Copying is the driver's own; Django would not know its errors.
        connections[TARGET].wrap_database_errors,
        connections[TARGET].cursor() as cursor,
        cursor.copy(f'COPY "{model._meta.db_table}" ({columns}) FROM STDIN') as copy,
    ):
        for row in _rows(model, "default"):
            copy.write_row(prepare(row))
            rows += 1
            if rows % CHUNK == 0:
                on_progress(CHUNK)
    on_progress(rows % CHUNK)
    return rows


def _compare(model: type[models.Model], on_progress: OnProgress) -> None:
    """Read both sides by ascending key. Raises CannotMove at the first difference."""
    pairs = zip_longest(_rows(model, "default"), _rows(model, TARGET))
    compared = 0
    for here, there in pairs:
        if here != there:
            raise CannotMove(_difference(model, here, there))
        compared += 1
        if compared % CHUNK == 0:
            on_progress(CHUNK)
    on_progress(compared % CHUNK)


def _difference(model: type[models.Model], here: Row | None, there: Row | None) -> str:
    key = [each.attname for each in _fields(model)].index(_key(model).attname)
    name = f"{model._meta.db_table}, {_key(model).column} {(here or there or ())[key]}"
    if here is None or there is None:
        missing = "the source" if here is None else "the target"
        return f"the two sides differ: {name} is not on {missing}"
    columns = [
        each.column
        for each, one, other in zip(_fields(model), here, there, strict=True)
        if one != other
    ]
    return f"the two sides differ: {name} in {', '.join(columns)}"


def _rows(model: type[models.Model], alias: str) -> Iterator[Row]:
    """All rows of one side by ascending key, as Python's values, some at a time."""
    key: Any = _key(model).attname
    if isinstance(_key(model), models.CharField) and alias == TARGET:
        # By bytes, as SQLite orders text; the server may have been made for a language.
        key = Collate(key, "C")
    names = [each.attname for each in _fields(model)]
    rows = model._base_manager.using(alias).order_by(key).values_list(*names)
    return iter(rows.iterator(chunk_size=CHUNK))


def _preparation(model: type[models.Model]) -> Callable[[Row], Row]:
    """What makes of a row what the server's driver takes: most values are taken as they are."""
    target = connections[TARGET]
    special = {
        at: each
        for at, each in enumerate(_fields(model))
        if isinstance(each, models.JSONField | models.BinaryField)
    }

    def prepare(row: Row) -> Row:
        if not special:
            return row
        return tuple(
            special[at].get_db_prep_save(value, connection=target) if at in special else value
            for at, value in enumerate(row)
        )

    return prepare


def _set_sequence(model: type[models.Model]) -> None:
    """Let the server go on where SQLite's own count of ids was, also if its last rows are gone."""
    if not isinstance(model._meta.pk, models.AutoField):
        return
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        found = cursor.fetchone()
    if found and found[0]:
        with connections[TARGET].cursor() as cursor:
            cursor.execute(
                "SELECT setval(pg_get_serial_sequence(%s, %s), %s)",
                [f'"{table}"', _key(model).column, found[0]],
            )


def _fields(model: type[models.Model]) -> list[Any]:
    return list(model._meta.local_concrete_fields)


def _key(model: type[models.Model]) -> Any:
    return model._meta.pk
