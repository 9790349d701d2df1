"""Reading dead letters again: when their song has come, or when an operator says so.

A replay is an ordinary apply of the same bytes, place and time: it gives an event the same id and
order that it would have had, so it never undoes what was said later and may be done twice.
"""

import time
from collections.abc import Sequence
from typing import Final

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, QuerySet
from django.utils import timezone

from feedback import unsaid
from feedback.applying import Tally, contents_of, have_effect
from feedback.events import Event, parse
from feedback.letters import as_record
from feedback.log import BATCH_SIZE
from feedback.models import DeadLetter
from recommendations.models import Song
from recommendations.profiles import let_writers_in
from recommendations.write_turns import write_turn

SONGS_CHECK_SECONDS: Final = 0.5
SWEEP_SECONDS: Final = 60.0


def replay(letters: QuerySet[DeadLetter]) -> Tally:
    """Apply the open ones among the letters, oldest first; what still cannot be stays open."""
    ids = list(
        letters.filter(state=DeadLetter.State.OPEN).order_by("id").values_list("id", flat=True)
    )
    tally = Tally()
    for start in range(0, len(ids), BATCH_SIZE):
        tally.add(_replay_batch(ids[start : start + BATCH_SIZE]))
    return tally


def discard(letters: QuerySet[DeadLetter]) -> int:
    """Mark the open ones among the letters as never to be applied. Returns how many they were."""
    return letters.filter(state=DeadLetter.State.OPEN).update(
        state=DeadLetter.State.DISCARDED, resolved_at=timezone.now()
    )


def replay_for_songs() -> Tally:
    """Replay what was put aside for songs that stand in the catalogue by now."""
    waiting = DeadLetter.objects.filter(state="open", reason="unknown_song")
    return replay(waiting.filter(Exists(Song.objects.filter(song_id=OuterRef("song_id")))))


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
        # Locked, so that two who replay at once do not both count a letter as applied.
        rows = list(
            DeadLetter.objects.select_for_update()
            .filter(id__in=ids, state=DeadLetter.State.OPEN)
            .order_by("id")
        )
        parsed = [(record, parse(record)) for record in map(as_record, rows)]
        # Whoever was forgotten is in no letter either.
        gone = [rows[at].pk for at in unsaid.among(parsed)]
        DeadLetter.objects.filter(id__in=gone).delete()
        tally = have_effect(parsed, now)
        applied = contents_of(row.event_id.hex for row in rows)
        done = [
            row.pk
            for row, (_, event) in zip(rows, parsed, strict=True)
            # By its content: a letter in conflict has the id of an applied event, and stays.
            if isinstance(event, Event) and applied.get(event.event_id) == event.content
        ]
        DeadLetter.objects.filter(id__in=done).update(
            state=DeadLetter.State.REPLAYED, resolved_at=now
        )
    return tally
