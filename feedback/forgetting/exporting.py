"""All that is held of one user, as one JSON object, made row by row."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson
from django.db.models import QuerySet
from django.utils import timezone

from access import listener_sessions
from feedback.clock import as_datetime
from feedback.events import LAST_SEQ
from feedback.forgetting import held
from feedback.forgetting.held import LETTERS_AT_ONCE, Held
from feedback.models import AppliedEvent, DeadLetter, OutboxEvent
from feedback.raw_text import as_text
from recommendations.forgotten import barriers
from recommendations.models import Word
from recommendations.one_moment import one_moment

ROWS_AT_ONCE: Final = 1_000

Json = dict[str, Any]


def export(user_id: str, *, most_raw_bytes: int | None = None) -> Iterator[bytes]:
    """The object in pieces; nothing at all of a user of whom nothing is held.

    most_raw_bytes: after so many bytes of dead letters the ``raw`` of further ones is null, and
        ``complete`` false.
    """
    with one_moment():
        theirs = held.of(user_id)
        if theirs.is_nothing():
            return
        yield b'{"user_id":' + orjson.dumps(user_id)
        yield b',"exported_at":' + orjson.dumps(timezone.now())
        yield b',"revision":' + orjson.dumps(theirs.listener and theirs.listener.revision)
        yield b',"forgotten_up_to":' + orjson.dumps(_forgotten_up_to(user_id))
        letters = _Letters(theirs.letters, most_raw_bytes)
        for name, rows in (
            ("profile", map(_word, theirs.profile.order_by("id").iterator(ROWS_AT_ONCE))),
            ("base", map(_word, theirs.base.order_by("id").iterator(ROWS_AT_ONCE))),
            ("shadow", map(_word, theirs.shadow.order_by("id").iterator(ROWS_AT_ONCE))),
            ("outbox", map(_outbox_row, theirs.outbox.order_by("seq").iterator(ROWS_AT_ONCE))),
            ("applied_events", _applied(theirs)),
            ("dead_letters", letters.rows()),
            ("sessions", _sessions(user_id)),
        ):
            yield b',"' + name.encode() + b'":['
            yield from _with_commas(rows)
            yield b"]"
        yield b',"complete":' + orjson.dumps(letters.complete) + b"}"


def _with_commas(rows: Iterable[Json]) -> Iterator[bytes]:
    for number, row in enumerate(rows):
        yield (b"," if number else b"") + orjson.dumps(row)


def _word(row: Word) -> Json:
    return {
        "song_id": row.song_id,
        "action": row.get_value_display(),
        "said_at": as_datetime(row.order_key) if 0 < row.order_key <= LAST_SEQ else None,
        "order_key": row.order_key,
        "event_id": row.event_id,
        "updated_at": row.updated_at,
    }


def _outbox_row(row: OutboxEvent) -> Json:
    return {
        "seq": row.seq,
        "event_id": row.event_id,
        "song_id": row.song_id,
        "payload": as_text(row.payload),
        "recorded_at": row.recorded_at,
        "sent_at": row.sent_at,
        "applied_at": row.applied_at,
    }


def _applied(theirs: Held) -> Iterator[Json]:
    ids = sorted(theirs.event_ids())
    for start in range(0, len(ids), held.IDS_PER_STATEMENT):
        rows = AppliedEvent.objects.filter(event_id__in=ids[start : start + held.IDS_PER_STATEMENT])
        yield from map(dict, rows.order_by("event_id").values("event_id", "applied_at"))


def _sessions(user_id: str) -> Iterator[Json]:
    for session in listener_sessions.of(user_id):
        yield {"expires_at": session.expire_date}


def _forgotten_up_to(user_id: str) -> int | None:
    return barriers([user_id]).get(user_id)


class _Letters:
    """Dead letters, with their bytes as far as the limit goes."""

    def __init__(self, letters: QuerySet[DeadLetter], most_raw_bytes: int | None) -> None:
        self._letters = letters
        self._left = most_raw_bytes
        self.complete = True

    def rows(self) -> Iterator[Json]:
        for row in self._letters.order_by("id").iterator(LETTERS_AT_ONCE):
            yield {
                "id": row.pk,
                "reason": row.reason,
                "state": row.state,
                "error": row.error,
                "source": row.source,
                "topic": row.topic,
                "partition": row.partition,
                "offset": row.offset,
                "epoch": row.epoch,
                "seq": row.seq,
                "record_time": as_datetime(row.record_time_us),
                "event_id": row.event_id,
                "song_id": row.song_id,
                "created_at": row.created_at,
                "resolved_at": row.resolved_at,
                "key": None if row.key is None else as_text(row.key),
                "bytes": len(row.raw),
                "raw": self._within_limit(bytes(row.raw)),
            }

    def _within_limit(self, raw: bytes) -> str | None:
        if self._left is not None:
            if len(raw) > self._left:
                self.complete = False
                return None
            self._left -= len(raw)
        return as_text(raw)
