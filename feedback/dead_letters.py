"""Reading dead letters again: when their song has come, or when an operator says so.

A replay is an ordinary apply of the same bytes, place and time: it gives an event the same id and
order that it would have had, so it never undoes what was said later and may be done twice.
"""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import models, transaction
from django.db.models import Exists, Max, Min, OuterRef, QuerySet
from django.utils import timezone

from feedback.applying import Outcome, Tally, close_letters, contents_of, have_effect
from feedback.events import Event, Record, Rejection, parse
from feedback.forgetting import unsaid
from feedback.letters import Letter, as_record
from feedback.log import BATCH_SIZE
from feedback.models import DeadLetter
from feedback.reasons import Reason
from recommendations.models import Song
from recommendations.profiles import let_writers_in
from recommendations.word_tables import chunks
from recommendations.write_turns import write_turn

# They are only marked: SQLite's one write lock is held for some milliseconds.
DISCARDED_AT_ONCE: Final = 500
SONGS_CHECK_SECONDS: Final = 0.5
SWEEP_SECONDS: Final = 60.0


# Ids that had their effect are known for some weeks. After that the id of such a letter looks new,
# and what was refused, and told so, would take effect out of nothing.
NOT_REPLAYED: Final = (
    "a letter of id_conflict is never applied: its event id belongs to another event; have it said"
    " again under an id of its own, or discard it"
)


@dataclass(frozen=True, slots=True)
class Count:
    """How many letters of one state and reason there are, and of when."""

    state: str
    reason: str
    count: int
    oldest: datetime
    newest: datetime


def counts(letters: QuerySet[DeadLetter] | None = None) -> list[Count]:
    """The letters, or all, by state and reason: what is open first, then the most first."""
    letters = DeadLetter.objects.all() if letters is None else letters
    rows = (
        letters.order_by()
        .values_list("state", "reason")
        .annotate(models.Count("id"), Min("created_at"), Max("created_at"))
    )
    states = DeadLetter.State.values
    found = [Count(*row) for row in rows]
    return sorted(found, key=lambda each: (states.index(each.state), -each.count, each.reason))


def _never() -> bool:
    return False


def _nothing(_letters: int) -> None:
    pass


def replay(
    letters: QuerySet[DeadLetter],
    *,
    should_stop: Callable[[], bool] = _never,
    advance: Callable[[int], object] = _nothing,
) -> Tally:
    """Apply the open ones among the letters, oldest first; what still cannot be stays open.

    Never those of id_conflict (NOT_REPLAYED).
    Batch by batch, each in a transaction of its own: what was done before a stop or a crash
    stands, and the next replay goes on with the rest. advance: told of each batch's letters.
    """
    tally = Tally()
    for batch in chunks(_open_ids(replayable(letters)), BATCH_SIZE):
        if should_stop():
            break
        tally.add(_replay_batch(batch))
        advance(len(batch))
    return tally


def replayable(letters: QuerySet[DeadLetter]) -> QuerySet[DeadLetter]:
    """The open ones among the letters that a replay may apply."""
    return letters.filter(state=DeadLetter.State.OPEN).exclude(reason=Reason.ID_CONFLICT)


def not_replayable(letters: QuerySet[DeadLetter]) -> int:
    """How many open ones a replay leaves out, since their ids were used."""
    return letters.filter(state=DeadLetter.State.OPEN, reason=Reason.ID_CONFLICT).count()


def discard(letters: QuerySet[DeadLetter]) -> int:
    """Mark the open ones among the letters as never to be applied. Returns how many they were.

    Batch by batch, as a replay.
    """
    return sum(_discard_batch(batch) for batch in chunks(_open_ids(letters), DISCARDED_AT_ONCE))


def _open_ids(letters: QuerySet[DeadLetter]) -> list[int]:
    waiting = letters.filter(state=DeadLetter.State.OPEN)
    return list(waiting.order_by("id").values_list("id", flat=True))


def _locked(ids: Sequence[int]) -> QuerySet[DeadLetter]:
    """The open ones of these, in their order, locked: nobody else replays or discards them."""
    waiting = DeadLetter.objects.filter(id__in=ids, state=DeadLetter.State.OPEN)
    return waiting.select_for_update().order_by("id")


def _discard_batch(ids: Sequence[int]) -> int:
    with write_turn(), transaction.atomic():
        # Forgetting deletes letters, in another order.
        let_writers_in()
        locked = list(_locked(ids).values_list("id", flat=True))
        return DeadLetter.objects.filter(id__in=locked).update(
            state=DeadLetter.State.DISCARDED, resolved_at=timezone.now()
        )


def replay_for_songs(
    should_stop: Callable[[], bool] = _never, advance: Callable[[int], object] = _nothing
) -> Tally:
    """Replay what was put aside for songs that stand in the catalogue by now."""
    waiting = DeadLetter.objects.filter(state="open", reason="unknown_song")
    of_known = waiting.filter(Exists(Song.objects.filter(song_id=OuterRef("song_id"))))
    return replay(of_known, should_stop=should_stop, advance=advance)


class NewSongs:
    """Tells when songs may have come, so that a consumer need not look through the letters.

    The greatest row id of the catalogue is read in no time. Rows of concurrent loads may become
    visible out of that order, so once a minute the answer is yes whatever it says.
    """

    def __init__(self) -> None:
        self._last_id = -1
        self._next_check = 0.0
        self._next_sweep = 0.0

    def may_have_come(self) -> bool:
        """Whether looking for letters to replay is worth while now."""
        now = time.monotonic()
        if now < self._next_check:
            return False
        self._next_check = now + SONGS_CHECK_SECONDS
        last_id = Song.objects.aggregate(last=Max("id"))["last"] or 0
        if last_id == self._last_id and now < self._next_sweep:
            return False
        self._last_id, self._next_sweep = last_id, now + SWEEP_SECONDS
        return True


def _replay_batch(ids: Sequence[int]) -> Tally:
    now = timezone.now()
    with write_turn(), transaction.atomic():
        let_writers_in()
        rows = list(_locked(ids))
        parsed = [(record, parse(record)) for record in map(as_record, rows)]
        # Whoever was forgotten is in no letter either.
        gone = unsaid.among(parsed)
        DeadLetter.objects.filter(id__in=[rows[at].pk for at in gone]).delete()
        outcomes: list[Outcome] = []
        tally = have_effect(parsed, now, outcomes.append)
        kept = [at for at in range(len(rows)) if at not in gone]
        _settle([rows[at] for at in kept], [parsed[at] for at in kept], outcomes[0], now)
    return tally


def _settle(
    rows: Sequence[DeadLetter],
    parsed: Sequence[tuple[Record, Event | Rejection]],
    outcome: Outcome,
    now: datetime,
) -> None:
    """Let the letters that have had no effect say what is wrong now.

    A program that has learnt to read a message finds its own id in it, and so it becomes another
    letter. There is to be one.
    """
    applied = contents_of(it.event_id for _, it in parsed)
    letters = {(each.event_id, each.record.raw): each for each in outcome.letters}
    made = {(each.event_id, each.record.raw) for each in outcome.put_aside}
    done: dict[int, Event] = {}
    for row, (record, it) in zip(rows, parsed, strict=True):
        message, is_other = (it.event_id, record.raw), it.event_id != row.event_id.hex
        if isinstance(it, Event) and applied.get(it.event_id) == it.content:
            if is_other:  # else its effect has closed it
                done[row.pk] = it
            continue
        if message in made:
            DeadLetter.objects.filter(event_id=it.event_id, digest=row.digest).delete()
            row.event_id = uuid.UUID(it.event_id)
        elif is_other or message not in letters:
            continue  # there is such a letter already, and it says so
        _say_anew(row, letters[message])
    close_letters(done, now)


def _say_anew(row: DeadLetter, now: Letter) -> None:
    """Without this a letter would wait for its song for ever, after the song has come."""
    if (row.reason, row.event_id.hex) == (now.reason, now.event_id) and row.error == now.error:
        return
    row.reason, row.error = now.reason, now.error
    row.user_id, row.song_id = now.user_id, now.song_id
    row.save(update_fields=["event_id", "reason", "error", "user_id", "song_id"])
