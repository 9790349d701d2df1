"""The statements of one acceptance, written out: they run while all other writers wait.

Through the ORM the same four took three times as long, most of it in making the same SQL anew.
"""

from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final, NamedTuple, TypeVar

from django.db import connection

from feedback.models import OutboxSequence
from feedback.pairs import Pair

T = TypeVar("T")

# Each number of rows is a statement of its own, and a connection of SQLite keeps its statements:
# were each batch one statement, that would be 40 MB a connection, and there is one a thread. So
# there are 128 rows, halves of that, and any number up to 16: so many likes share a commit.
MOST_ROWS: Final = 128
FEW_ROWS: Final = 16

_ISSUED: Final = "UPDATE outbox_sequence SET last_seq = %s"


class Row(NamedTuple):
    """One row of the outbox, in the order of its columns. recorded_at: as the database takes it."""

    seq: int
    event_id: str
    user_id: str
    song_id: str
    payload: bytes
    recorded_at: Any


class Known(NamedTuple):
    """What the database knows of pairs: which songs exist, and the order keys that are held.

    anybody_forgotten: whether anybody at all was forgotten, so that barriers must be asked for.
    """

    songs: set[str]
    keys: dict[Pair, int]
    anybody_forgotten: bool


def lock_last_seq() -> int:
    """The last seq that was issued; whoever asks next waits for the end of our transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_last_seq())
        row = cursor.fetchone()
        if row is None:
            OutboxSequence.objects.bulk_create([OutboxSequence()], ignore_conflicts=True)
            cursor.execute(_last_seq())
            row = cursor.fetchone()
    return int(row[0])


def look_up(pairs: Collection[Pair]) -> Known:
    """What is known of (user_id, song_id)."""
    rows: list[tuple[str, str, bool, int | None, bool]] = []
    with connection.cursor() as cursor:
        for some in pieces(sorted(set(pairs))):
            cursor.execute(_known(len(some)), list(chain.from_iterable(some)))
            rows += cursor.fetchall()
    return Known(
        songs={song_id for _, song_id, exists, _, _ in rows if exists},
        keys={(user, song): key for user, song, _, key, _ in rows if key is not None},
        anybody_forgotten=any(forgotten for *_, forgotten in rows),
    )


def write(rows: Sequence[Row]) -> None:
    """Add the rows, of ascending seq, and note the last one as issued."""
    with connection.cursor() as cursor:
        *others, last = pieces(rows)
        for some in others:
            cursor.execute(_insert(len(some)), list(chain.from_iterable(some)))
        issued, values = [rows[-1].seq], list(chain.from_iterable(last))
        if connection.vendor == "postgresql":
            # One way to the server and back instead of two.
            cursor.execute(f"WITH issued AS ({_ISSUED}) {_insert(len(last))}", issued + values)
        else:
            cursor.execute(_insert(len(last)), values)
            cursor.execute(_ISSUED, issued)


def pieces(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items in pieces of few sizes: the most as long as there are so many, half …, the rest."""
    start, size = 0, MOST_ROWS
    while start < len(items):
        while size > max(len(items) - start, FEW_ROWS):
            size //= 2
        yield items[start : start + size]
        start += size


def _last_seq() -> str:
    locking = " FOR UPDATE" if connection.features.has_select_for_update else ""
    return f"SELECT last_seq FROM outbox_sequence{locking}"  # noqa: S608 - nothing from outside


@lru_cache
def _known(pairs: int) -> str:
    # SQLite joins in this order because each join but the first is a LEFT JOIN: it would read
    # every judgement of every song otherwise.
    return f"""
        WITH wanted (user_id, song_id) AS (VALUES {", ".join(["(%s, %s)"] * pairs)})
        SELECT wanted.user_id, wanted.song_id, song.song_id IS NOT NULL, user_profile.order_key,
            EXISTS (SELECT 1 FROM forgotten_listener)
        FROM wanted
        LEFT JOIN song ON song.song_id = wanted.song_id
        LEFT JOIN listener ON listener.user_id = wanted.user_id
        LEFT JOIN user_profile ON user_profile.listener_id = listener.id
            AND user_profile.song_id = wanted.song_id
    """  # noqa: S608 - nothing but placeholders goes in


@lru_cache
def _insert(rows: int) -> str:
    values = ", ".join(["(%s, %s, %s, %s, %s, %s)"] * rows)
    columns = ", ".join(Row._fields)
    return f"INSERT INTO outbox ({columns}) VALUES {values}"  # noqa: S608 - placeholders only
