"""What a row of interactions.csv says: who likes which song or not, and since when."""

import re
from collections.abc import Container, Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha1
from uuid import UUID

from recommendations.loading.csv_rows import Reject, Row
from recommendations.loading.row_errors import BadValue, Code
from recommendations.loading.row_values import identifier
from recommendations.profiles import Judgement

REQUIRED = ("user_id", "song_id", "like")
OPTIONAL = ("timestamp",)

VALUES = {"1": 1, "0": -1}
EVENT_NAMESPACE = UUID("2a0b2d1c-59a3-5f0e-8d53-6d7a3f3c3b10")  # never changes: ids must not
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNIX_SECONDS = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,9}))?", re.ASCII)

_NAMESPACE_BYTES = EVENT_NAMESPACE.bytes
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def judgements(
    rows: Iterable[Row], *, known_songs: Container[str], now: datetime, reject: Reject
) -> Iterator[Judgement]:
    """The judgement of every good row; the others go to ``reject``.

    Each row costs a few microseconds, so the usual one is recognised first and only what is
    unusual is taken apart.
    """
    latest = microseconds(now)
    for line, (user_id, song_id, like, timestamp) in rows:
        try:
            if not (
                (value := VALUES.get(like))
                and song_id in known_songs
                and user_id.isalnum()
                and len(user_id) <= 64
            ):
                user_id, song_id, value = _cleaned(user_id, song_id, like, known_songs)
            key = order_key(timestamp, latest) if timestamp else 0
        except BadValue as bad:
            reject(bad.at(line))
        else:
            yield Judgement(user_id, song_id, value, key, event_id(user_id, song_id, value, key))


def event_id(user_id: str, song_id: str, value: int, key: int) -> str:
    """uuid5 of what the row says, 32 lower hex digits: the same row is the same event.

    The same as ``uuid.uuid5(EVENT_NAMESPACE, name).hex`` in a third of the time.
    """
    name = f"{user_id}\n{song_id}\n{value}\n{key}"
    digest = sha1(_NAMESPACE_BYTES + name.encode(), usedforsecurity=False).hexdigest()
    return f"{digest[:12]}5{digest[13:16]}{_VARIANT[digest[16]]}{digest[17:32]}"


def order_key(timestamp: str, latest: int) -> int:
    """Microseconds since 1970 UTC of ISO 8601 (without a zone: UTC) or Unix seconds.

    Nothing but spaces is 0. latest: the present, in microseconds. Raises BadValue.
    """
    timestamp = timestamp.strip()
    if not timestamp:
        return 0
    try:
        key = _unix(timestamp)
        if key is None:
            time = datetime.fromisoformat(timestamp)
            key = microseconds(time if time.tzinfo else time.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise BadValue(
            "timestamp", Code.BAD_TIMESTAMP, timestamp,
            "ISO 8601 (2026-03-31T18:05:00Z) or Unix seconds are expected",
        ) from None  # fmt: skip
    if key > latest:
        hint = " (Unix time is given in seconds)" if timestamp.isdigit() else ""
        raise BadValue(
            "timestamp", Code.FUTURE_TIMESTAMP, timestamp, f"later than the present{hint}"
        )
    if key < 0:
        raise BadValue("timestamp", Code.BAD_TIMESTAMP, timestamp, "earlier than 1970")
    return key


def microseconds(time: datetime) -> int:
    """Microseconds since 1970 UTC, exactly; the time has a zone."""
    since = time - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _unix(timestamp: str) -> int | None:
    """Microseconds of Unix seconds, with or without decimals; None when it is something else."""
    match = UNIX_SECONDS.fullmatch(timestamp)
    if not match:
        return None
    seconds, decimals = match.groups(default="")
    return int(seconds) * 1_000_000 + int(f"{decimals:0<6}"[:6])


def _cleaned(
    user_id: str, song_id: str, like: str, known_songs: Container[str]
) -> tuple[str, str, int]:
    """The values without the spaces around them. Raises BadValue for the first that is bad."""
    user_id, song_id = identifier("user_id", user_id), identifier("song_id", song_id)
    value = VALUES.get(like.strip())
    if value is None:
        raise BadValue("like", Code.BAD_LIKE, like, "1 (like) or 0 (dislike) is expected")
    if song_id not in known_songs:
        raise BadValue("song_id", Code.UNKNOWN_SONG, song_id, "no song has this id; load it first")
    return user_id, song_id, value
