"""Witnesses inside the database: triggers that note every effect in the transaction of the effect.

A profile looks the same after a second effect, and a consumer that was killed cannot say what it
has done. So the test's own database notes each write itself. A note is committed and rolled back
with what it is about: what a killed consumer did not commit is not noted, and what it did
commit is. Nothing of the product knows of this.
"""

from typing import Any, Final, NamedTuple

from tests.faults.database import Database, hex_of

_TABLE: Final = """
    CREATE TABLE fault_audit (
        n {serial}, what text NOT NULL, who text, event_id text, epoch bigint,
        before bigint, after bigint)
"""
_PAIR: Final = "NEW.listener_id || '/' || NEW.song_id"
_PLACE: Final = "NEW.topic || '/' || NEW.partition"
# What, of which table, on which change, when, and who, event_id, epoch, before, after.
_NOTED: Final = (
    ("profile", "user_profile", "INSERT", "", f"{_PAIR}, NEW.event_id, NULL, NULL, NEW.order_key"),
    (
        "profile",
        "user_profile",
        "UPDATE",
        "",
        f"{_PAIR}, NEW.event_id, NULL, OLD.order_key, NEW.order_key",
    ),
    (
        "revision",
        "listener",
        "UPDATE",
        "NEW.revision <> OLD.revision",
        "NEW.id, NULL, NULL, OLD.revision, NEW.revision",
    ),
    ("applied", "applied_event", "INSERT", "", "NULL, NEW.event_id, NULL, NULL, NULL"),
    ("dead", "dead_letter", "INSERT", "", "NEW.source, NEW.event_id, NULL, NULL, NULL"),
    (
        "done",
        "outbox",
        "UPDATE",
        "OLD.applied_at IS NULL AND NEW.applied_at IS NOT NULL",
        "NULL, NEW.event_id, NULL, NULL, NEW.seq",
    ),
    ("moved", "consumer_offset", "INSERT", "", f"{_PLACE}, NULL, NEW.epoch, NULL, NEW.next_offset"),
    (
        "moved",
        "consumer_offset",
        "UPDATE",
        "",
        f"{_PLACE}, NULL, NEW.epoch, OLD.next_offset, NEW.next_offset",
    ),
)


class Note(NamedTuple):
    """One noted write. who: the pair as "listener row/song", the listener's row, or the place."""

    what: str
    who: str
    event_id: str
    epoch: int
    before: int | None
    after: int


def install(database: Database) -> None:
    """Make the table of notes and the triggers that fill it."""
    serial = "integer PRIMARY KEY AUTOINCREMENT" if database.is_sqlite else "bigserial PRIMARY KEY"
    script = [_TABLE.format(serial=serial)]
    for number, noted in enumerate(_NOTED):
        script += _trigger(f"fault_audit_{number}", *noted, sqlite=database.is_sqlite)
    database.run(script)


def remove(database: Database) -> None:
    """Take them away again, from a database that others use after us."""
    script = ["DROP TABLE fault_audit"]
    for number, (_, table, *_rest) in enumerate(_NOTED):
        name = f"fault_audit_{number}"
        if database.is_sqlite:
            script.append(f"DROP TRIGGER {name}")
        else:
            script += [f"DROP TRIGGER {name} ON {table}", f"DROP FUNCTION {name}"]
    database.run(script)


def notes(database: Database) -> list[Note]:
    """All notes, in the order of the writes.

    On Postgres those of two transactions may interleave; those of one pair, listener or place
    do not, as their rows are locked until the commit.
    """
    rows = database.query(
        "SELECT what, who, event_id, epoch, before, after FROM fault_audit ORDER BY n"
    )
    return [_note(*row) for row in rows]


def _note(what: str, who: Any, event_id: Any, epoch: Any, before: Any, after: Any) -> Note:
    return Note(
        what, who or "", hex_of(event_id) if event_id else "", epoch or 0, before, after or 0
    )


def _trigger(
    name: str, what: str, table: str, change: str, when: str, values: str, *, sqlite: bool
) -> list[str]:
    note = (
        "INSERT INTO fault_audit (what, who, event_id, epoch, before, after)"  # noqa: S608
        f" VALUES ('{what}', {values});"
    )
    head = f"CREATE TRIGGER {name} AFTER {change} ON {table} FOR EACH ROW"
    condition = f" WHEN ({when})" if when else ""
    if sqlite:
        return [f"{head}{condition} BEGIN {note} END"]
    body = f"$$ BEGIN {note} RETURN NULL; END $$"
    return [
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS {body}",
        f"{head}{condition} EXECUTE FUNCTION {name}()",
    ]
