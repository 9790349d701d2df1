"""Which event an answer is about, noted on it for the line that is logged of its request."""

from typing import Final, TypeVar

from django.http import HttpResponseBase

from feedback.fields import with_dashes

_ATTRIBUTE: Final = "about_event"

Answer = TypeVar("Answer", bound=HttpResponseBase)


def note_event(answer: Answer, event_id: str) -> Answer:
    """Note on an answer that it accepts this event (32 hex digits)."""
    setattr(answer, _ATTRIBUTE, event_id)
    return answer


def event_of(answer: HttpResponseBase) -> str:
    """The event that the answer accepts, "" where it accepts none or many."""
    event_id = getattr(answer, _ATTRIBUTE, "")
    return with_dashes(event_id) if event_id else ""
