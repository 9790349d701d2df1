"""The wire format of a like: what is written to the log, and the only way it is read.

Reading is total: any bytes become an Event or a Rejection with a reason of the closed list, and
nothing is raised. It is a function of the record alone, never of the reader's clock, so that a
replay next year decides as the first reading did.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import orjson

from feedback import fields
from feedback.fields import FieldError
from feedback.reasons import Reason
from feedback.strict_json import Unreadable, decode

VERSION: Final = 1
MAX_EVENT_BYTES: Final = 1_000_000

# 2020-01-01: a seq below it is no clock of ours but somebody's counter, and would lose to all.
FIRST_SEQ: Final = 1_577_836_800_000_000
# 9999-12-31: what lies above it is no time, and with enough digits a bigint would overflow.
LAST_SEQ: Final = 253_402_300_799_999_999

# How far ahead of its record an event may place itself; it is set back to that.
MAX_AHEAD_US: Final = 5 * 60 * 1_000_000


class Record(NamedTuple):
    """One message as a log holds it, and where it stood there.

    time_us: the log's own time of it, microseconds since 1970 UTC; 0 where that is not known.
    own_id: 32 hex digits that only this record has, for an event that brings no id.
    epoch, topic, partition, offset: its place in Kafka; seq: its place in the outbox.
    """

    raw: bytes
    time_us: int
    own_id: str
    key: bytes | None = None
    epoch: int | None = None
    topic: str = ""
    partition: int | None = None
    offset: int | None = None
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A like, dislike or un-like that is well formed. Whether its song exists is not known yet.

    event_id: 32 lower hex digits. value: +1, -1 or 0. order_key: microseconds since 1970 UTC.
    content: a digest of what it says, by which two events of one id are told apart.
    clamped: its seq or its own time was more than five minutes ahead of its record's time.
    issued: its order key is a seq, which an outbox issued when it accepted the event.
    """

    event_id: str
    user_id: str
    song_id: str
    value: int
    order_key: int
    content: bytes
    clamped: bool = False
    issued: bool = False


@dataclass(frozen=True, slots=True)
class Rejection:
    """A message that can never be applied as it is, and why."""

    event_id: str
    reason: Reason
    error: str


class Read(NamedTuple):
    """A record with the event that it holds; letter_id: of the dead letter that waits for it."""

    record: Record
    event: Event
    letter_id: int | None = None


def parse(record: Record) -> Event | Rejection:
    """Read one record. Never raises."""
    event_id = record.own_id
    try:
        message = _message(record.raw)
        if message.get("event_id") is not None:
            event_id = fields.event_id(message["event_id"])
        return _event(message, event_id, record.time_us)
    except Unreadable as error:
        return Rejection(event_id, error.reason, str(error))
    except FieldError as error:
        return Rejection(event_id, error.reason, f"{error.field}: {error}")


def encode(
    *,
    event_id: str,
    user_id: str,
    song_id: str,
    action: str,
    occurred_at_us: int | None,
    seq: int | None,
) -> bytes:
    """One event as it is written to the log. Without seq its order comes from occurred_at."""
    message: dict[str, Any] = {
        "v": VERSION,
        "event_id": fields.with_dashes(event_id),
        "user_id": user_id,
        "song_id": song_id,
        "action": action,
    }
    if occurred_at_us is not None:
        message["occurred_at"] = fields.as_rfc_3339(occurred_at_us)
    if seq is not None:
        message["seq"] = seq
    return orjson.dumps(message)


def content_digest(user_id: str, song_id: str, value: int, own_time_us: int | None) -> bytes:
    """What an event says, in 16 bytes.

    The seq is left out, and with it the time that we put beside it: the same request, sent again
    next week, gets another seq and still says the same.
    """
    parts = [user_id, song_id, str(value), "" if own_time_us is None else str(own_time_us)]
    # NUL cannot stand in an id, so that no two events run together into the same bytes.
    return blake2b("\0".join(parts).encode(), digest_size=16).digest()


def _message(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_EVENT_BYTES:
        raise Unreadable(Reason.TOO_LARGE, f"{len(raw)} bytes, {MAX_EVENT_BYTES} are allowed")
    message = decode(raw)
    if not isinstance(message, dict):
        raise Unreadable(Reason.NOT_AN_OBJECT, "the message is not an object")
    return message


def _event(message: dict[str, Any], event_id: str, time_us: int) -> Event:
    bare = "v" not in message
    if not bare:
        _check_version(message["v"])
    user_id = fields.identifier("user_id", _required(message, "user_id"), numbers=bare)
    song_id = fields.identifier("song_id", _required(message, "song_id"), numbers=bare)
    # The bare form of other producers says nothing else than: this user likes this song.
    action = fields.action(message.get("action", "like") if bare else _required(message, "action"))
    value = fields.ACTIONS[action]
    seq = _seq(message.get("seq"))
    occurred_at = message.get("occurred_at")
    said_us = None if occurred_at is None else fields.moment(occurred_at)
    own_time_us = said_us if seq is None else None
    content = content_digest(user_id, song_id, value, own_time_us)
    order_key, clamped = _order_key(seq, own_time_us, time_us)
    issued = seq is not None and not clamped
    return Event(event_id, user_id, song_id, value, order_key, content, clamped, issued)


def _check_version(version: Any) -> None:
    if isinstance(version, bool) or not isinstance(version, int):
        raise FieldError("v", Reason.WRONG_TYPE, "must be a number")
    if version != VERSION:
        raise FieldError("v", Reason.UNKNOWN_VERSION, f"{version} is not known, {VERSION} is")


def _required(message: dict[str, Any], field: str) -> Any:
    if field not in message:
        raise FieldError(field, Reason.MISSING_FIELD, "is missing")
    return message[field]


def _seq(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise FieldError("seq", Reason.WRONG_TYPE, "must be a whole number")
    if value > LAST_SEQ:
        raise FieldError("seq", Reason.BAD_NUMBER, "lies past the year 9999")
    return value if value >= FIRST_SEQ else None


def _order_key(seq: int | None, own_time_us: int | None, time_us: int) -> tuple[int, bool]:
    """The place in the one order of all events, and whether it had to be set back.

    Not even a seq is believed further than the record's time and a little: anyone who may write to
    the log could otherwise put an event where nothing can ever be said later.
    """
    said_us = own_time_us if seq is None else seq
    if said_us is None:
        return time_us, False
    latest = min(time_us + MAX_AHEAD_US, LAST_SEQ)
    return min(said_us, latest), said_us > latest
