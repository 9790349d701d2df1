"""Whether what is said of dead letters is true."""

from collections.abc import Iterator
from typing import Final

from django.db.models import Exists, OuterRef, QuerySet

from feedback.applying import contents_of
from feedback.events import Event, parse
from feedback.letters import as_record
from feedback.models import AppliedEvent, DeadLetter
from feedback.reasons import Reason
from feedback.verifying.findings import Finding, Look
from feedback.verifying.meanings import Code

# A letter may hold a megabyte.
LETTERS_A_READ: Final = 50


def replayed_letters_had_their_effect(look: Look) -> Iterator[Finding]:
    """What is marked as replayed stands among the applied, with what it said."""
    cases = look.cases()
    replayed = DeadLetter.objects.filter(
        state=DeadLetter.State.REPLAYED, resolved_at__gte=look.ids_kept_since
    )
    for letter, is_applied in _read(replayed):
        if not is_applied:
            cases.add(_example(letter))
        look.advance(1)
    yield from cases.found(Code.REPLAYED_WITHOUT_EFFECT)


def open_letters_wait(look: Look) -> Iterator[Finding]:
    """What is open has had no effect yet.

    Whatever gives a waiting message its effect closes its letter. One in conflict has its id from
    what was applied, and stays.
    """
    cases = look.cases()
    same_id = AppliedEvent.objects.filter(event_id=OuterRef("event_id"))
    waiting = DeadLetter.objects.filter(Exists(same_id), state="open")
    for letter, is_applied in _read(waiting.exclude(reason=Reason.ID_CONFLICT)):
        if is_applied:
            cases.add(_example(letter))
    yield from cases.found(Code.OPEN_BUT_APPLIED)


def pages(letters: QuerySet[DeadLetter]) -> Iterator[list[DeadLetter]]:
    """The letters in their order, few at a time."""
    last_id = 0
    while page := list(letters.filter(id__gt=last_id).order_by("id")[:LETTERS_A_READ]):
        yield page
        last_id = page[-1].pk


def _read(letters: QuerySet[DeadLetter]) -> Iterator[tuple[DeadLetter, bool]]:
    """Each letter, and whether just what it says was applied."""
    for page in pages(letters):
        outcomes = [parse(as_record(letter)) for letter in page]
        contents = contents_of(outcome.event_id for outcome in outcomes)
        for letter, outcome in zip(page, outcomes, strict=True):
            said = outcome.content if isinstance(outcome, Event) else b""
            yield letter, contents.get(outcome.event_id) == said


def _example(letter: DeadLetter) -> str:
    return f"letter {letter.pk} ({letter.reason}) event {letter.event_id}"
