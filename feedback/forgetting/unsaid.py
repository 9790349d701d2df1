"""What forgotten users had said: told from what counts, so that it has no effect and no trace.

An event lies before the forgetting when its order key or its record's time does. The second
matters for an event that dates itself a little ahead of its record. What cannot be read has no
order key; it is looked through for whom it may name, so that no dead letter names them again.
"""

import re
from collections.abc import Sequence

from feedback.events import MAX_EVENT_BYTES, Event, Record, Rejection
from feedback.strict_json import Unreadable, decode
from recommendations import forgotten
from recommendations.identifiers import is_identifier

Parsed = tuple[Record, Event | Rejection]

# As text or, in the bare form, as a number; also in bytes that are not JSON.
_USER_ID = re.compile(rb'"user_id"\s*:\s*(?:"([^"\\]{1,256})"|(-?[0-9]{1,64}))')


def among(parsed: Sequence[Parsed]) -> dict[int, int]:
    """Which of the records, by their index, forgotten users said before their forgetting.

    Each with the barrier that it lies at or below.

    In the caller's transaction, which has let_writers_in behind it.
    """
    if not parsed or not forgotten.anybody():
        return {}
    users = [_users_of(record, outcome) for record, outcome in parsed]
    barriers = forgotten.barriers(set().union(*users))
    latest = [max((barriers.get(each, -1) for each in named), default=-1) for named in users]
    return {
        at: latest[at]
        for at, (record, outcome) in enumerate(parsed)
        if _said_at_us(record, outcome) <= latest[at]
    }


def _users_of(record: Record, outcome: Event | Rejection) -> set[str]:
    """Whom a record is about: of one that cannot be read, everybody whom it may be about."""
    if isinstance(outcome, Event):
        return {outcome.user_id}
    return users_named(record.raw, record.key)


def users_named(raw: bytes, key: bytes | None) -> set[str]:
    """The users whom a message names that cannot be read as an event, by its key or its bytes."""
    texts = {(text or number) for text, number in _USER_ID.findall(raw)}
    texts.add(key or b"")
    named = {text.decode("utf-8", errors="replace") for text in texts}
    named.add(_user_id_of_json(raw))
    return {user_id for user_id in named if is_identifier(user_id)}


def _said_at_us(record: Record, outcome: Event | Rejection) -> int:
    """The time that a forgetting is held against, in microseconds."""
    if isinstance(outcome, Event):
        return min(outcome.order_key, record.time_us)
    return record.time_us


def _user_id_of_json(raw: bytes) -> str:
    """The id in a message that is an object: there it may be written with escapes."""
    if len(raw) > MAX_EVENT_BYTES:
        return ""
    try:
        message = decode(raw)
    except Unreadable:
        return ""
    value = message.get("user_id") if isinstance(message, dict) else None
    return value if isinstance(value, str) else ""
