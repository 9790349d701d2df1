"""What may stand in each field of an event, for the wire and the API alike."""

import re
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from feedback.reasons import Reason
from recommendations.identifiers import RULE, is_identifier

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# The value that user_profile holds for each action.
ACTIONS: Final = {"like": 1, "dislike": -1, "unlike": 0}

_RFC_3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):(\d\d))",
    re.ASCII,
)

_CANONICAL_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class FieldError(ValueError):
    """One field is not as it must be. The message can be shown to whoever sent it."""

    def __init__(self, field: str, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.reason = reason


def identifier(field: str, value: Any, *, numbers: bool = False) -> str:
    """A user's or song's id, by the one rule. Integers count as text where numbers is set."""
    if numbers and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise FieldError(field, Reason.WRONG_TYPE, f"{_kind(value)} where text is expected")
    if not is_identifier(value):
        raise FieldError(field, Reason.BAD_ID, RULE)
    return value


def action(value: Any) -> str:
    """One of ACTIONS."""
    if not isinstance(value, str):
        raise FieldError("action", Reason.WRONG_TYPE, f"{_kind(value)} where text is expected")
    if value not in ACTIONS:
        raise FieldError("action", Reason.BAD_ACTION, f"must be one of {', '.join(ACTIONS)}")
    return value


def event_id(value: Any) -> str:
    """A UUID as text, returned as its 32 lower hex digits."""
    if not isinstance(value, str):
        raise FieldError("event_id", Reason.WRONG_TYPE, f"{_kind(value)} where text is expected")
    if _CANONICAL_UUID.fullmatch(value):
        # As nearly all are written; the class takes five times as long, in every event.
        return value.replace("-", "")
    try:
        return uuid.UUID(value).hex
    except ValueError as error:
        raise FieldError("event_id", Reason.BAD_ID, "is not a UUID") from error


def with_dashes(event_id: str) -> str:
    """32 hex digits as UUIDs are usually written; the class takes ten times as long."""
    groups = (event_id[:8], event_id[8:12], event_id[12:16], event_id[16:20], event_id[20:])
    return "-".join(groups)


def moment(value: Any) -> int:
    """A time as RFC 3339 writes it, with its zone: microseconds since 1970 UTC, never below 0."""
    if not isinstance(value, str):
        raise FieldError("occurred_at", Reason.WRONG_TYPE, f"{_kind(value)} where text is expected")
    found = _RFC_3339.fullmatch(value)
    if found is None:
        raise FieldError(
            "occurred_at", Reason.BAD_TIME, "is not a time like 2026-07-01T12:00:00Z (RFC 3339)"
        )
    *numbers, fraction, sign, hours, minutes = found.groups()
    try:
        zone = _zone(sign, hours, minutes)
        # The fraction is cut, not rounded: rounded up, it could move past the record's own time.
        microsecond = int((fraction or "0").ljust(6, "0")[:6])
        when = datetime(*map(int, numbers), microsecond, tzinfo=zone)  # type: ignore[misc,arg-type]
        microseconds = (when - EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError) as error:
        raise FieldError("occurred_at", Reason.BAD_TIME, f"no such time: {error}") from error
    if microseconds < 0:
        raise FieldError("occurred_at", Reason.BAD_TIME, "lies before 1970")
    return microseconds


def as_rfc_3339(microseconds: int) -> str:
    """The moment as RFC 3339 writes it, in UTC. Raises OverflowError past the year 9999."""
    when = EPOCH + timedelta(microseconds=microseconds)
    return when.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _zone(sign: str | None, hours: str | None, minutes: str | None) -> timezone:
    if sign is None or hours is None or minutes is None:
        return UTC
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == "-" else offset)


def _kind(value: Any) -> str:
    """How JSON calls the type of a value."""
    if value is None:
        return "null"
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
    return names.get(type(value), "an object")
