"""Profiles made anew beside the live ones, compared with them, and put in their place.

profile_shadow is filled while everything goes on, and is empty but for that time. What differs is
written over in the end, some listeners at a time: what is the same keeps its row, no reader sees
half a profile, and a like waits for milliseconds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Max, Min
from django.utils import timezone

from recommendations.models import BaseWord, Interaction, Listener, ShadowWord
from recommendations.one_moment import one_moment
from recommendations.profiles import (
    Judgement,
    as_rows,
    keep_writers_out,
    let_writers_in,
    raise_revisions,
    standing,
)
from recommendations.word_tables import BASE, SHADOW, chunks, copy, insert, upsert
from recommendations.write_turns import write_turn

# A chunk holds SQLite's one write lock for 10 to 20 ms.
CHUNK_IDS: Final = 5_000
EXAMPLES: Final = 10
# Their profiles are written over in one transaction, which takes some 30 ms.
MOST_LISTENERS: Final = 100

_SAME_PAIR: Final = "live.listener_id = shadow.listener_id AND live.song_id = shadow.song_id"
_ANOTHER_WORD: Final = """
    (live.value, live.order_key, live.event_id) <> (shadow.value, shadow.order_key, shadow.event_id)
"""


@dataclass(frozen=True, slots=True)
class Example:
    """A pair that differs: what the live profile and the shadow hold, None where nothing."""

    user_id: str
    song_id: str
    live: int | None
    rebuilt: int | None


@dataclass
class Differences:
    """How the live profiles differ from those made anew.

    changed: pairs with another word; missing: pairs that the live profile lacks; surplus: pairs
    that only the live profile has. listeners: whose profiles these are.
    """

    changed: int = 0
    missing: int = 0
    surplus: int = 0
    listeners: int = 0
    examples: list[Example] = field(default_factory=list)

    def add(self, other: "Differences") -> None:
        """Count the other's, of other listeners, on top."""
        self.changed += other.changed
        self.missing += other.missing
        self.surplus += other.surplus
        self.listeners += other.listeners
        self.examples += other.examples[: EXAMPLES - len(self.examples)]

    @property
    def count(self) -> int:
        """How many pairs differ."""
        return self.changed + self.missing + self.surplus


def clear() -> None:
    """Empty the shadow, in many short transactions: SQLite overwrites all that it deletes."""
    ends = ShadowWord.objects.aggregate(first=Min("id"), last=Max("id"))
    for first in range(ends["first"] or 1, (ends["last"] or 0) + 1, CHUNK_IDS):
        with write_turn(), transaction.atomic():
            ShadowWord.objects.filter(id__range=(first, first + CHUNK_IDS - 1)).delete()


def last_listener_id() -> int:
    """The greatest row id of a listener, for ``drop_new_listeners``."""
    return Listener.objects.aggregate(last=Max("id"))["last"] or 0


def drop_new_listeners(last_id: int) -> None:
    """Take back the listeners above that row id of whom no table has a word.

    They were made for the shadow, which is empty again. Who else makes a listener writes a word
    with it.
    """
    rows = Listener.objects.filter(id__gt=last_id, interactions=None, basewords=None)
    if not rows.exists():
        return
    with write_turn(), transaction.atomic():
        # Or somebody might write a word for one of them just now.
        keep_writers_out()
        ids = list(rows.values_list("id", flat=True))
        Listener.objects.filter(id__in=ids).delete()


def fill_from_base() -> int:
    """Copy the base, in many short transactions. Returns how many rows."""
    ends = BaseWord.objects.aggregate(first=Min("id"), last=Max("id"))
    copied = 0
    for first in range(ends["first"] or 1, (ends["last"] or 0) + 1, CHUNK_IDS):
        with write_turn(), transaction.atomic():
            # Whoever is forgotten just now must not come in behind the deletion.
            let_writers_in()
            copied += copy(BASE, SHADOW, "id BETWEEN %s AND %s", [first, first + CHUNK_IDS - 1])
    return copied


def add_from_base(listener_ids: Sequence[int], since: datetime) -> None:
    """Copy what the base was given for these listeners since a moment.

    In the caller's transaction, which keeps all other writers out.
    """
    moment = connection.ops.adapt_datetimefield_value(since)
    where = f"listener_id IN ({_marks(len(listener_ids))}) AND updated_at >= %s"
    copy(BASE, SHADOW, where, [*listener_ids, moment])


def add(judgements: Sequence[Judgement]) -> None:
    """Merge judgements into the shadow, in the caller's transaction; the forgotten are left out."""
    for _ in upsert(SHADOW, as_rows(standing(judgements))):
        pass


def believe_live(written_before: datetime) -> int:
    """Take from the live profiles what was written before a moment and what the shadow lacks.

    For a log that was cut there: nothing else says these words any more. What stands in the shadow
    as well is taken from there, so that damage to it is still seen. Returns how many rows.
    """
    moment = connection.ops.adapt_datetimefield_value(written_before)
    rows = f"""
        SELECT live.listener_id, live.song_id, live.value, live.order_key, live.event_id,
            live.updated_at
        FROM user_profile live LEFT JOIN profile_shadow shadow ON {_SAME_PAIR}
        WHERE live.id BETWEEN %s AND %s AND live.updated_at < %s AND (
            shadow.id IS NULL
            OR (live.order_key, live.event_id) > (shadow.order_key, shadow.event_id)
        )
    """  # noqa: S608 - nothing but placeholders goes in
    believed = 0
    ends = Interaction.objects.aggregate(first=Min("id"), last=Max("id"))
    for first in range(ends["first"] or 1, (ends["last"] or 0) + 1, CHUNK_IDS):
        with write_turn(), transaction.atomic():
            let_writers_in()
            believed += insert(SHADOW, rows, [first, first + CHUNK_IDS - 1, moment])
    return believed


def listeners_that_differ() -> set[int]:
    """The row ids of all listeners whose live profile is not the shadow's, as of one moment."""
    with one_moment() as cursor:
        cursor.execute(f"{_missing_or_changed('shadow.listener_id')} UNION {_surplus()}")
        return {row[0] for row in cursor.fetchall()}


def compare(listener_ids: Sequence[int]) -> Differences:
    """How the live profiles of at most MOST_LISTENERS differ from the shadow's. Changes nothing."""
    found, differing = Differences(), set()
    for listener_id, song_id, live, rebuilt in _different_pairs(listener_ids):
        found.changed += live is not None and rebuilt is not None
        found.missing += live is None
        found.surplus += rebuilt is None
        differing.add(listener_id)
        if len(found.examples) < EXAMPLES:
            found.examples.append(Example(_user_id(listener_id), song_id, live, rebuilt))
    found.listeners = len(differing)
    return found


def replace(listener_ids: Sequence[int]) -> Differences:
    """Give at most MOST_LISTENERS the profiles of the shadow; returns what was different.

    In the caller's transaction, which keeps all other writers out. Every listener with a changed
    row gets revision + 1.
    """
    found = compare(listener_ids)
    if not found.count:
        return found
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(_delete_surplus(len(listener_ids)), listener_ids)
        changed = {row[0] for row in cursor.fetchall()}
        cursor.execute(_write_over(len(listener_ids)), [now, *listener_ids])
        changed |= {row[0] for row in cursor.fetchall()}
    # What stands in a profile since now must not be looked for in the log, which may be about to
    # drop what says so: the base is given the profiles by their age.
    for ids in chunks(sorted(changed), MOST_LISTENERS):
        copy(SHADOW, BASE, f"listener_id IN ({_marks(len(ids))})", ids)
    raise_revisions(changed)
    return found


def _different_pairs(listener_ids: Sequence[int]) -> Iterator[tuple[int, str, Any, Any]]:
    """(listener row id, song id, live value, rebuilt value) of every pair that differs."""
    marks = _marks(len(listener_ids))
    rebuilt = _missing_or_changed("shadow.listener_id, shadow.song_id, live.value, shadow.value")
    surplus = _surplus("live.listener_id, live.song_id, live.value, NULL")
    with connection.cursor() as cursor:
        cursor.execute(f"{rebuilt} AND shadow.listener_id IN ({marks})", listener_ids)
        yield from cursor.fetchall()
        cursor.execute(f"{surplus} AND live.listener_id IN ({marks})", listener_ids)
        yield from cursor.fetchall()


def _missing_or_changed(columns: str) -> str:
    return f"""
        SELECT {columns} FROM profile_shadow shadow
        LEFT JOIN user_profile live ON {_SAME_PAIR}
        WHERE (live.id IS NULL OR {_ANOTHER_WORD})
    """  # noqa: S608 - columns are named in this file


def _surplus(columns: str = "live.listener_id") -> str:
    return f"""
        SELECT {columns} FROM user_profile live
        LEFT JOIN profile_shadow shadow ON {_SAME_PAIR}
        WHERE shadow.id IS NULL
    """  # noqa: S608 - columns are named in this file


def _delete_surplus(listeners: int) -> str:
    return f"""
        DELETE FROM user_profile AS live
        WHERE listener_id IN ({_marks(listeners)})
          AND NOT EXISTS (SELECT 1 FROM profile_shadow shadow WHERE {_SAME_PAIR})
        RETURNING listener_id
    """  # noqa: S608 - nothing but placeholders goes in


def _write_over(listeners: int) -> str:
    columns = "shadow.listener_id, shadow.song_id, shadow.value, shadow.order_key, shadow.event_id"
    # CAST: Postgres cannot tell the type of a parameter that stands alone in a SELECT.
    moment = "CAST(%s AS timestamptz)" if connection.vendor == "postgresql" else "%s"
    return f"""
        INSERT INTO user_profile (listener_id, song_id, value, order_key, event_id, updated_at)
        {_missing_or_changed(f"{columns}, {moment}")}
          AND shadow.listener_id IN ({_marks(listeners)})
        ON CONFLICT (listener_id, song_id) DO UPDATE SET
            value = excluded.value, order_key = excluded.order_key,
            event_id = excluded.event_id, updated_at = excluded.updated_at
        RETURNING listener_id
    """


def _marks(count: int) -> str:
    return ", ".join(["%s"] * count)


def _user_id(listener_id: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT user_id FROM listener WHERE id = %s", [listener_id])
        row = cursor.fetchone()
    return row[0] if row else f"row {listener_id}"
