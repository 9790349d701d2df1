"""Where user_profile is written: of all that was said of a pair, the greatest stays.

Events of one (user, song) are ordered by (order key, event id); the write itself compares them
(word_tables.py).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from recommendations import forgotten
from recommendations.models import Listener
from recommendations.word_tables import IDS_PER_STATEMENT, PROFILE, Row, chunks, upsert


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


class Written(NamedTuple):
    """What a merge wrote. Rows above last_id are new; changed_ids are the others'."""

    merged: Merged
    last_id: int
    changed_ids: list[int]


def merge_judgements(judgements: Sequence[Judgement]) -> Merged:
    """Bring the profiles up to these judgements, in any order and as often as one likes.

    Runs in the caller's transaction and makes the listeners that are missing. Every listener with
    a changed row gets revision + 1. Whether a song exists is for the caller to check.

    Drops what users said before they were forgotten.
    """
    return write_judgements(judgements).merged


def write_judgements(judgements: Sequence[Judgement]) -> Written:
    """As merge_judgements, and say which rows it wrote."""
    counting = standing(judgements)
    rows = as_rows(counting)
    # Read after the listeners are locked: from here on no one else adds rows of theirs.
    last_id = _last_id()
    inserted, changed_ids, listeners = 0, [], set()
    for row_id, listener_id in upsert(PROFILE, rows):
        listeners.add(listener_id)
        if row_id > last_id:
            inserted += 1
        else:
            changed_ids.append(row_id)
    raise_revisions(listeners)
    updated = len(changed_ids)
    dropped = len(judgements) - len(counting)
    merged = Merged(inserted, updated, len(rows) - inserted - updated, dropped)
    return Written(merged, last_id, changed_ids)


def _last_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(id) FROM user_profile")
        return int(cursor.fetchone()[0] or 0)


def standing(judgements: Sequence[Judgement]) -> Sequence[Judgement]:
    """Those that were not said by somebody before being forgotten.

    In the caller's transaction, and first in it: it waits for whoever keeps writers out. Every
    writer of words comes by here, so that none, of whatever source, can bring a forgotten profile
    back.
    """
    let_writers_in()
    barriers = forgotten.barriers({judgement.user_id for judgement in judgements})
    if not barriers:
        return judgements
    return [each for each in judgements if each.order_key > barriers.get(each.user_id, -1)]


def as_rows(judgements: Iterable[Judgement]) -> list[Row]:
    """The greatest judgement of each pair as a row of a table of words, written now.

    Makes the listeners that are missing, and on Postgres locks all of them until the commit. The
    rows stand in order of the tables' own index, so that two writers lock in one order (and it
    is faster).
    """
    latest = _greatest_of_each_pair(judgements)
    ids = _listener_ids({user_id for user_id, _ in latest})
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    return sorted((ids[user_id], song_id, *j[2:], now) for (user_id, song_id), j in latest.items())


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
        for chunk in chunks(sorted(ids.values()), IDS_PER_STATEMENT):
            locked = Listener.objects.select_for_update(no_key=True).filter(id__in=chunk)
            list(locked.order_by("id").values_list("id"))
    return ids


def _known_listeners(user_ids: Iterable[str]) -> dict[str, int]:
    known: dict[str, int] = {}
    with connection.cursor() as cursor:
        # Not through the ORM: taking each of the ids through its layers cost 1 of the 10
        # microseconds that a row takes.
        for chunk in chunks(sorted(user_ids), IDS_PER_STATEMENT):
            marks = ", ".join(["%s"] * len(chunk))
            cursor.execute(f"SELECT user_id, id FROM listener WHERE user_id IN ({marks})", chunk)  # noqa: S608
            known.update(cursor.fetchall())
    return known


def raise_revisions(listener_ids: Iterable[int]) -> None:
    """Note that the profiles of these listeners have changed."""
    with connection.cursor() as cursor:
        for chunk in chunks(sorted(listener_ids), IDS_PER_STATEMENT):
            marks = ", ".join(["%s"] * len(chunk))
            raised = "UPDATE listener SET revision = revision + 1"
            cursor.execute(f"{raised} WHERE id IN ({marks})", chunk)
