"""Messages that stand among the dead letters, met once more in a log: a retry, or a new epoch.

What was given up has no effect, also when its cause has gone. What waits has its effect in the
place and time of its letter, which is closed by that: so it makes no difference whether the
message or the replay of its letter comes first, and a rebuild, which goes by the letters, finds
what is live.
"""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from django.db import connection

from feedback.events import Event, Read, Record, parse
from feedback.letters import raw_digest
from feedback.models import DeadLetter
from feedback.reasons import Reason
from feedback.stored_ids import as_hex

# (event id, digest of the raw bytes): the same message.
Message = tuple[str, str]

_COLUMNS: Final = ("event_id", "digest", "id", "state", "reason", "record_time_us")


class Met(NamedTuple):
    """reads: those that may have an effect. given_up: how many of the rest stand there for good."""

    reads: list[Read]
    given_up: int


class _Standing(NamedTuple):
    """What is known of a letter."""

    id: int
    state: str
    reason: str
    time_us: int

    @property
    def waits(self) -> bool:
        """Whether a replay may apply it. A used id cannot be told from a new one for ever."""
        return self.state == DeadLetter.State.OPEN and self.reason != Reason.ID_CONFLICT


def meet(reads: Sequence[Read]) -> Met:
    """Part what stands among the letters from the rest; locks the letters that wait.

    In the caller's transaction, before it claims ids: as a replay does, which locks them first.
    """
    letters = _letters_of({each for read in reads for each in names(read.record, read.event)})
    if not letters:
        return Met(list(reads), 0)
    ids = {event_id for event_id, _ in letters}
    met = Met([], 0)
    for read in reads:
        of_it = [each for each in names(read.record, read.event) if each in ids]
        digest = raw_digest(read.record.raw) if of_it else ""
        letter = next((letters[m] for each in of_it if (m := (each, digest)) in letters), None)
        if letter is None or letter.state == DeadLetter.State.REPLAYED:
            met.reads.append(read)
        elif letter.waits:
            met.reads.append(_in_its_place(read, letter))
        else:
            met = met._replace(given_up=met.given_up + 1)
    return met


def names(record: Record, event: Event) -> tuple[str, str]:
    """The ids that a letter of this message may bear: put aside when it could not be read, its own.

    A later version may read it, and then finds the id that the message brings.
    """
    return event.event_id, record.own_id


def _in_its_place(read: Read, letter: _Standing) -> Read:
    """The message as its letter has it: at the time at which it came first."""
    outcome = parse(read.record._replace(time_us=letter.time_us))
    # Whether it can be read does not depend on its time.
    event = outcome if isinstance(outcome, Event) else read.event
    return Read(read.record, event, letter.id)


def _letters_of(event_ids: Collection[str]) -> dict[Message, _Standing]:
    if not event_ids:
        return {}
    # Not through the ORM: every batch asks, and nearly always there are none. By the ids alone, or
    # SQLite would look through all that are open.
    marks = ", ".join(["%s"] * len(event_ids))
    statement = f"SELECT {', '.join(_COLUMNS)} FROM dead_letter WHERE event_id IN ({marks})"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, list(event_ids))
        rows = cursor.fetchall()
    letters = {(as_hex(row[0]), row[1]): _Standing(*row[2:]) for row in rows}
    return letters | _locked([letter.id for letter in letters.values() if letter.waits])


def _locked(ids: Sequence[int]) -> dict[Message, _Standing]:
    """The same letters as they are now that nobody else can close them."""
    if not ids or not connection.features.has_select_for_update:
        return {}
    rows = DeadLetter.objects.select_for_update().filter(id__in=ids).order_by("id")
    return {
        (event_id.hex, digest): _Standing(*columns)
        for event_id, digest, *columns in rows.values_list(*_COLUMNS)
    }
