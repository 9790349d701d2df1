"""Messages that can never be applied, of every kind, each with the reason that it must be given.

Written down from the description of the wire format, not from its code.
"""

import json
import random
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

MOST_BYTES: Final = 1_000_000
# A message in so many is one of those that have a megabyte each; and one a conflict.
RARE: Final = 100


class Poison(NamedTuple):
    """The bytes, an id that is theirs alone, and the code of their dead letter."""

    event_id: str
    raw: bytes
    reason: str


def _with(text: str) -> Callable[[uuid.UUID], bytes]:
    """A like that is good but for a field that is given as JSON text."""

    def make(event_id: uuid.UUID) -> bytes:
        base = f'"v":1,"event_id":"{event_id}","user_id":"poison","song_id":"s0","action":"like"'
        return f"{{{base},{text}}}".encode()

    return make


def _but(**changed: Any) -> Callable[[uuid.UUID], bytes]:
    """A like that is good but for these fields; None takes one away."""

    def make(event_id: uuid.UUID) -> bytes:
        fields = {"v": 1, "event_id": str(event_id), "user_id": "poison", "song_id": "s0"}
        fields |= {"action": "like", "note": event_id.hex, **changed}
        kept = {name: value for name, value in fields.items() if value is not None}
        return json.dumps(kept).encode()

    return make


def _bytes(raw: bytes) -> Callable[[uuid.UUID], bytes]:
    return lambda _: raw


KINDS: Final[tuple[tuple[str, Callable[[uuid.UUID], bytes]], ...]] = (
    ("bad_json", _bytes(b"")),
    ("bad_json", _bytes(b"\0")),
    ("bad_json", _bytes(b'{"user_id":"a","song_id":')),
    ("bad_json", _bytes(b"user_id=a&song_id=s0")),
    ("bad_json", _bytes(b'\xef\xbb\xbf{"user_id":"a","song_id":"s0"}')),
    ("bad_json", _bytes(b'{"user_id":"a\0b","song_id":"s0"}')),
    ("bad_text", _bytes(b'{"user_id":"\xff\xfe","song_id":"s0"}')),
    ("bad_text", _bytes(b'{"user_id":"a","song_id":"\\ud800"}')),
    ("bad_text", _with('"note":["\\udc00\\ud800"]')),
    ("bad_number", _with('"note":NaN')),
    ("bad_number", _with('"note":[-Infinity]')),
    ("bad_number", _with('"note":1e999')),
    ("bad_number", _bytes(b'{"user_id":' + b"9" * 5_000 + b',"song_id":"s0"}')),
    ("bad_number", _but(seq=10**18)),
    ("duplicate_key", _with('"user_id":"another"')),
    ("duplicate_key", _with('"note":{"a":1,"a":1}')),
    ("too_deep", _bytes(b"[" * 100_000)),
    ("too_deep", _with('"note":' + "[" * 100_000 + "]" * 100_000)),
    ("not_an_object", _bytes(b"[]")),
    ("not_an_object", _bytes(b"null")),
    ("not_an_object", _bytes(b"1")),
    ("not_an_object", _bytes(b'"like"')),
    ("unknown_version", _but(v=99)),
    ("unknown_version", _but(v=-1)),
    ("missing_field", _bytes(b"{}")),
    ("missing_field", _but(song_id=None)),
    ("missing_field", _but(action=None)),
    ("wrong_type", _but(v="1")),
    ("wrong_type", _but(v=True)),
    ("wrong_type", _but(user_id=7)),
    ("wrong_type", _but(song_id=["s0"])),
    ("wrong_type", _but(action={"like": True})),
    ("wrong_type", _but(event_id=5)),
    ("wrong_type", _but(occurred_at=1_780_000_000)),
    ("wrong_type", _but(seq="1782907200000000")),
    ("wrong_type", _but(seq=1782907200000000.5)),
    ("wrong_type", _bytes(b'{"user_id":null,"song_id":"s0"}')),
    ("bad_id", _but(user_id="")),
    ("bad_id", _but(user_id="x" * 65)),
    ("bad_id", _but(song_id="s\0")),
    ("bad_id", _but(event_id="not-a-uuid")),
    ("bad_action", _but(action="love")),
    ("bad_action", _but(action="LIKE")),
    ("bad_time", _but(occurred_at="yesterday")),
    ("bad_time", _but(occurred_at="2026-07-01T12:00:00")),
    ("bad_time", _but(occurred_at="2026-02-30T12:00:00Z")),
    ("bad_time", _but(occurred_at="1969-12-31T23:59:59Z")),
    ("unknown_song", _but(song_id="no-such-song")),
    ("unknown_song", _but(song_id="никакая песня")),
    ("unknown_song", _bytes(b'{"user_id":"a","song_id":404}')),
)
LARGE: Final[tuple[tuple[str, Callable[[uuid.UUID], bytes]], ...]] = (
    ("too_large", _with(f'"note":"{"x" * MOST_BYTES}"')),
    ("too_large", _bytes(b"\0" * (MOST_BYTES + 1))),
)


def poison(dice: random.Random, count: int, taken: Sequence[str]) -> list[Poison]:
    """So many of them: every kind, again and again, in no order; now and then a large one.

    taken: ids of events that have had their effect. Some come with them and say something else.
    """
    kinds = [KINDS[n % len(KINDS)] for n in range(count)]
    kinds[::RARE] = [LARGE[n % len(LARGE)] for n in range(len(kinds[::RARE]))]
    ids = [uuid.UUID(int=dice.getrandbits(128)) for _ in kinds]
    found = [Poison(own.hex, make(own), why) for own, (why, make) in zip(ids, kinds, strict=True)]
    for index, event_id in zip(range(1, count, RARE), taken, strict=False):
        raw = _but(user_id="thief")(uuid.UUID(event_id))
        found[index] = Poison(ids[index].hex, raw, "id_conflict")
    dice.shuffle(found)
    return found
