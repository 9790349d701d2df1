"""All that is held of one user, table by table: found to be exported, and to be deleted."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Max, Q, QuerySet

from feedback import due
from feedback.applying import contents_of
from feedback.events import Event, parse
from feedback.forgetting.unsaid import users_named
from feedback.letters import as_record
from feedback.models import AppliedEvent, DeadLetter, OutboxEvent
from recommendations.models import BaseWord, Interaction, Listener, ShadowWord

IDS_PER_STATEMENT: Final = 900
# One letter may have a megabyte.
LETTERS_AT_ONCE: Final = 20


class Held(NamedTuple):
    """The rows of one user, in every table of likes.

    words: those of the profile, of the base and of the shadow. letters: also such as could not be
    read and only name the user.
    """

    user_id: str
    listener: Listener | None
    profile: QuerySet[Interaction]
    base: QuerySet[BaseWord]
    shadow: QuerySet[ShadowWord]
    outbox: QuerySet[OutboxEvent]
    letters: QuerySet[DeadLetter]

    @property
    def words(self) -> tuple[QuerySet[Any], ...]:
        """The three tables of words."""
        return self.profile, self.base, self.shadow

    def is_nothing(self) -> bool:
        """Whether there is no row at all."""
        return self.listener is None and not (self.outbox.exists() or self.letters.exists())

    def latest_us(self) -> int:
        """The greatest order key, or time of a record, that any of the rows has; 0 without any."""
        greatest = [rows.aggregate(at=Max("order_key"))["at"] for rows in self.words]
        greatest.append(self.outbox.aggregate(at=Max("seq"))["at"])
        greatest.append(self.letters.aggregate(at=Max("record_time_us"))["at"])
        return max((at for at in greatest if at is not None), default=0)

    def event_ids(self) -> set[UUID]:
        """The ids under which applied_event may hold that they had their effect."""
        ids: set[UUID] = set()
        for rows in (*self.words, self.outbox):
            ids.update(rows.values_list("event_id", flat=True))
        return ids | _applied_letters(self.letters)


def of(user_id: str) -> Held:
    """What is held of a user."""
    listener = Listener.objects.filter(user_id=user_id).first()
    return Held(
        user_id,
        listener,
        Interaction.objects.filter(listener=listener),
        BaseWord.objects.filter(listener=listener),
        ShadowWord.objects.filter(listener=listener),
        OutboxEvent.objects.filter(user_id=user_id),
        DeadLetter.objects.filter(Q(user_id=user_id) | Q(id__in=_unread_letters(user_id))),
    )


def up_to(held: Held, barrier: int) -> Held:
    """Those of the rows that lie at or below a barrier; the listener's own row is not asked."""
    return held._replace(
        profile=held.profile.filter(order_key__lte=barrier),
        base=held.base.filter(order_key__lte=barrier),
        shadow=held.shadow.filter(order_key__lte=barrier),
        outbox=held.outbox.filter(seq__lte=barrier),
        letters=held.letters.filter(record_time_us__lte=barrier),
    )


def delete(held: Held) -> dict[str, int]:
    """Delete the rows, in the caller's transaction, which keeps writers out; counts by table.

    The listener's own row goes too, unless words are left that lie outside of what was held.
    """
    ids = sorted(held.event_ids())
    counts = {"applied_event": 0}
    for start in range(0, len(ids), IDS_PER_STATEMENT):
        applied = AppliedEvent.objects.filter(event_id__in=ids[start : start + IDS_PER_STATEMENT])
        counts["applied_event"] += _deleted(applied)
    # The outbox last and in order: relays mark its rows, and nothing keeps these out.
    for rows in (*held.words, held.letters, due.in_order(held.outbox)):
        counts[rows.model._meta.db_table] = _deleted(rows)
    counts["listener"] = _delete_listener(held.listener)
    return counts


def _delete_listener(listener: Listener | None) -> int:
    """Delete the row that all words hang on, if none are left; return how many that were."""
    tables = (Interaction, BaseWord, ShadowWord)
    if listener is None or any(t.objects.filter(listener=listener).exists() for t in tables):
        return 0
    return _deleted(Listener.objects.filter(pk=listener.pk))


def letters_that_name() -> Iterator[tuple[int, set[str]]]:
    """Every letter that could not be read, with the users whom it may be about."""
    unread = DeadLetter.objects.filter(user_id="").only("id", "key", "raw")
    for row in unread.iterator(chunk_size=LETTERS_AT_ONCE):
        yield row.pk, _named_in(row)


def _unread_letters(user_id: str) -> list[int]:
    likely = DeadLetter.objects.filter(id__in=_likely_letters(user_id)).only("id", "key", "raw")
    return [row.pk for row in likely.iterator(LETTERS_AT_ONCE) if user_id in _named_in(row)]


def _likely_letters(user_id: str) -> list[int]:
    """The unread letters that have the id somewhere in their bytes, or anything escaped.

    Looked for by the database, so that not every letter has to be fetched.
    """
    find = "position(%s::bytea in raw)" if connection.vendor == "postgresql" else "instr(raw, %s)"
    statement = f"""
        SELECT id FROM dead_letter
        WHERE user_id = '' AND (key = %s OR {find} > 0 OR {find} > 0)
    """  # noqa: S608 - nothing but placeholders goes in
    wanted = user_id.encode()
    with connection.cursor() as cursor:
        cursor.execute(statement, [wanted, wanted, b"\\"])
        return [row_id for (row_id,) in cursor.fetchall()]


def _named_in(row: DeadLetter) -> set[str]:
    return users_named(bytes(row.raw), None if row.key is None else bytes(row.key))


def _applied_letters(letters: QuerySet[DeadLetter]) -> set[UUID]:
    """The ids of letters that had their effect after all, by a replay.

    A letter in conflict bears the id of an event that may be somebody else's: by its content.
    """
    said = {
        outcome.event_id: outcome.content
        for outcome in (parse(as_record(row)) for row in letters.iterator(LETTERS_AT_ONCE))
        if isinstance(outcome, Event)
    }
    return {UUID(each) for each, content in contents_of(said).items() if said[each] == content}


def _deleted(rows: QuerySet[Any]) -> int:
    return rows.delete()[0]
