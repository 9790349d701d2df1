"""The one place where user_profile is written: of all that was said of a pair, the greatest stays.

Events of one (user, song) are ordered by (order key, event id). The comparison is made by the
write itself: two writers that each read, compared and then wrote could undo one another.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple, TypeVar

from django.db import connection
from django.db.models import Max
from django.utils import timezone

from recommendations import forgotten
from recommendations.models import Interaction, Listener

T = TypeVar("T")

# Rows of one INSERT. Six parameters a row keep below the 999 of an old SQLite; more rows were not
# faster (160,000 rows a second at 40, 160 and 500 alike).
ROWS_PER_STATEMENT = 160
IDS_PER_STATEMENT = 900


class Judgement(NamedTuple):
    """One user's word on one song: +1 like, -1 dislike, 0 withdrawn.

    order_key: microseconds since 1970 UTC, 0 where the time is not known.
    event_id: 32 lower hex digits, which order like the 16 bytes that they stand for.
    """

    user_id: str
    song_id: str
    value: int
    order_key: int
    event_id: str


class Merged(NamedTuple):
    """What became of the pairs: rows made, rows changed, and pairs that had heard a later word.

    forgotten: judgements, not pairs, that were dropped because their user was forgotten since.
    """

    inserted: int
    updated: int
    unchanged: int
    forgotten: int = 0


def merge_judgements(judgements: Sequence[Judgement]) -> Merged:
    """Bring the profiles up to these judgements, in any order and as often as one likes.

    Runs in the caller's transaction and makes the listeners that are missing. Every listener with
    a changed row gets revision + 1. Whether a song exists is for the caller to check.

    Drops what users said before they were forgotten. It is done here so that no writer, of
    whatever source, can bring a forgotten profile back.
    """
    let_writers_in()
    counting = _without_the_forgotten(judgements)
    latest = _greatest_of_each_pair(counting)
    ids = _listener_ids({user_id for user_id, _ in latest})
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    # In order of the table's own index, so that two writers lock in one order (and it is faster).
    rows = sorted((ids[user_id], song_id, *j[2:], now) for (user_id, song_id), j in latest.items())
    # Read after the listeners are locked: from here on no one else adds rows of theirs.
    last_id = Interaction.objects.aggregate(last=Max("id"))["last"] or 0
    inserted, changed = 0, set()
    written = 0
    for row_id, listener_id in _upsert(rows):
        written += 1
        inserted += row_id > last_id
        changed.add(listener_id)
    _raise_revisions(changed)
    dropped = len(judgements) - len(counting)
    return Merged(inserted, written - inserted, len(latest) - written, dropped)


def let_writers_in() -> None:
    """Begin writing profiles, in the caller's transaction: wait for whoever keeps writers out.

    Comes before looking at forget markers. SQLite has one writer at a time as it is.
    """
    _lock_profiles("ROW EXCLUSIVE")


def keep_writers_out() -> None:
    """Be the only writer of profiles until the end of the caller's transaction."""
    _lock_profiles("SHARE ROW EXCLUSIVE")


def _lock_profiles(mode: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE user_profile IN {mode} MODE")


def _without_the_forgotten(judgements: Sequence[Judgement]) -> Sequence[Judgement]:
    barriers = forgotten.barriers({judgement.user_id for judgement in judgements})
    if not barriers:
        return judgements
    return [each for each in judgements if each.order_key > barriers.get(each.user_id, -1)]


def _greatest_of_each_pair(judgements: Iterable[Judgement]) -> dict[tuple[str, str], Judgement]:
    """Keep one judgement a pair: Postgres refuses to touch a row twice in one statement."""
    latest: dict[tuple[str, str], Judgement] = {}
    for judgement in judgements:
        pair = judgement[:2]
        known = latest.get(pair)
        if known is None or judgement[3:] > known[3:]:
            latest[pair] = judgement
    return latest


def _listener_ids(user_ids: set[str]) -> dict[str, int]:
    """Row ids by user id, made where missing, and on Postgres locked until the commit.

    Two writers that raise revisions of the same listeners in different order would deadlock, so
    all are locked first, by ascending row id. SQLite has one writer at a time as it is.
    """
    ids = _known_listeners(user_ids)
    missing = sorted(user_ids - ids.keys())
    if missing:
        Listener.objects.bulk_create(
            [Listener(user_id=user_id) for user_id in missing], ignore_conflicts=True
        )
        ids |= _known_listeners(missing)
    if connection.features.has_select_for_update:
        for chunk in _chunks(sorted(ids.values()), IDS_PER_STATEMENT):
            locked = Listener.objects.select_for_update(no_key=True).filter(id__in=chunk)
            list(locked.order_by("id").values_list("id"))
    return ids


def _known_listeners(user_ids: Iterable[str]) -> dict[str, int]:
    known: dict[str, int] = {}
    with connection.cursor() as cursor:
        # Not through the ORM: taking each of the ids through its layers cost 1 of the 10
        # microseconds that a row takes.
        for chunk in _chunks(sorted(user_ids), IDS_PER_STATEMENT):
            marks = ", ".join(["%s"] * len(chunk))
            cursor.execute(f"SELECT user_id, id FROM listener WHERE user_id IN ({marks})", chunk)  # noqa: S608
            known.update(cursor.fetchall())
    return known


def _upsert(rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, int]]:
    """Write rows of (listener id, song, value, order key, event id, time) where they win.

    Yields (row id, listener id) of every row that was made or changed.
    """
    with connection.cursor() as cursor:
        for chunk in _chunks(rows, ROWS_PER_STATEMENT):
            cursor.execute(_upsert_statement(len(chunk)), list(chain.from_iterable(chunk)))
            yield from cursor.fetchall()


def _upsert_statement(rows: int) -> str:
    """The INSERT of so many rows, in SQL that SQLite and Postgres read alike."""
    values = ", ".join(["(%s, %s, %s, %s, %s, %s)"] * rows)
    return f"""
        INSERT INTO user_profile (listener_id, song_id, value, order_key, event_id, updated_at)
        VALUES {values}
        ON CONFLICT (listener_id, song_id) DO UPDATE SET
            value = excluded.value, order_key = excluded.order_key,
            event_id = excluded.event_id, updated_at = excluded.updated_at
        WHERE (excluded.order_key, excluded.event_id)
            > (user_profile.order_key, user_profile.event_id)
        RETURNING id, listener_id
    """  # noqa: S608 - nothing but placeholders goes in


def _raise_revisions(listener_ids: Iterable[int]) -> None:
    with connection.cursor() as cursor:
        for chunk in _chunks(sorted(listener_ids), IDS_PER_STATEMENT):
            marks = ", ".join(["%s"] * len(chunk))
            raised = "UPDATE listener SET revision = revision + 1"
            cursor.execute(f"{raised} WHERE id IN ({marks})", chunk)


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
