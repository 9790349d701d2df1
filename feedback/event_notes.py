"""Which event an answer is about, noted on it for the line that is logged of its request."""

import uuid
from typing import Final, TypeVar

from django.http import HttpResponseBase

_ATTRIBUTE: Final = "about_event"

Answer = TypeVar("Answer", bound=HttpResponseBase)


def note_event(answer: Answer, event_id: str) -> Answer:
    """Note on an answer that it accepts this event (32 hex digits)."""
    setattr(answer, _ATTRIBUTE, str(uuid.UUID(event_id)))
    return answer


def event_of(answer: HttpResponseBase) -> str:
    """The event that the answer accepts, "" where it accepts none or many."""
    return str(getattr(answer, _ATTRIBUTE, ""))
