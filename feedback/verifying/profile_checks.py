"""Whether every word of a profile has an event behind it, and the base of a rebuild fits it."""

from collections.abc import Iterator
from typing import Any, Final

from feedback.events import content_digest
from feedback.models import OutboxSequence
from feedback.outbox import MAX_HELD_AHEAD_US
from feedback.verifying.findings import (
    ROWS_A_READ,
    Finding,
    Look,
    hex_id,
    pair_in_words,
    rows_of,
    stored_time,
)
from feedback.verifying.meanings import Code
from recommendations.loading.interaction_rows import event_id as csv_event_id

TABLES: Final = ("user_profile", "profile_base")
VALUES: Final = (-1, 0, 1)


def words_have_events(look: Look) -> Iterator[Finding]:
    """Each word's event is known, and says what the word says.

    Known is what stands among the applied, what a CSV row says (its id is made of its content),
    what the base holds, and what is so old that its id was pruned.
    """
    alone, altered = look.cases(), look.cases()
    for number, row in enumerate(rows_of(_WORDS, [stored_time(look.ids_kept_since)]), 1):
        row_id, user_id, song_id, *word = row
        wrong = _wrong(user_id, song_id, *word)
        if wrong is not None:
            cases = alone if wrong is Code.WORD_WITHOUT_EVENT else altered
            cases.add(_example(row_id, user_id, song_id))
        if number % ROWS_A_READ == 0:
            look.advance(ROWS_A_READ)
    yield from alone.found(Code.WORD_WITHOUT_EVENT)
    yield from altered.found(Code.WORD_ALTERED)


_WORDS: Final = """
    SELECT p.id, l.user_id, p.song_id, p.value, p.order_key, p.event_id,
           a.content, b.value, p.updated_at < %s
    FROM user_profile p
    JOIN listener l ON l.id = p.listener_id
    LEFT JOIN applied_event a ON a.event_id = p.event_id
    LEFT JOIN profile_base b
        ON b.listener_id = p.listener_id AND b.song_id = p.song_id AND b.event_id = p.event_id
"""


def _wrong(
    user_id: str, song_id: str, value: int, key: int, event_id: Any, content: Any,
    base_value: int | None, is_old: bool,
) -> Code | None:  # fmt: skip
    """What is wrong with a word, if anything.

    content: of the applied event of its id. base_value: what the base says of the same event.
    """
    if content is not None:
        said = bytes(content)
        if said == content_digest(user_id, song_id, value, None):
            return None
        return Code.WORD_ALTERED if _says_other(said, user_id, song_id, value, key) else None
    own_id = hex_id(event_id)
    if csv_event_id(user_id, song_id, value, key) == own_id:
        return None
    if any(csv_event_id(user_id, song_id, other, key) == own_id for other in (1, -1)):
        return Code.WORD_ALTERED
    if base_value is not None:
        return None if base_value == value else Code.WORD_ALTERED
    return None if is_old else Code.WORD_WITHOUT_EVENT


def _says_other(said: bytes, user_id: str, song_id: str, value: int, key: int) -> bool:
    """Whether the digest is that of another value for certain.

    With a time of its own that was too far ahead, the event is not to be had from the row: its
    order key is not what it said. Then nothing is claimed.
    """
    others = [other for other in VALUES if other != value]
    return any(
        said == content_digest(user_id, song_id, other, own_time)
        for other in others
        for own_time in (None, key)
    )


def words_are_not_held_ahead(look: Look) -> Iterator[Finding]:
    """No profile is so far ahead of the clock that likes for the pair are refused."""
    last_seq = OutboxSequence.objects.values_list("last_seq", flat=True).first() or 0
    limit = max(last_seq + 1, look.now_us + MAX_HELD_AHEAD_US)
    cases = look.cases()
    for row_id, user_id, song_id in rows_of(
        "SELECT p.id, l.user_id, p.song_id FROM user_profile p"
        " JOIN listener l ON l.id = p.listener_id WHERE p.order_key >= %s",
        [limit],
    ):
        cases.add(_example(row_id, user_id, song_id))
    yield from cases.found(Code.HELD_AHEAD, now_us=look.now_us)


def base_fits_profile(look: Look) -> Iterator[Finding]:
    """The base holds no pair that the profile lacks, and nothing later."""
    ahead, alone = look.cases(), look.cases()
    for row_id, user_id, song_id, held in rows_of(_BASE):
        (alone if held is None else ahead).add(_example(row_id, user_id, song_id))
    yield from ahead.found(Code.BASE_AHEAD)
    yield from alone.found(Code.BASE_ALONE)


_BASE: Final = """
    SELECT b.id, l.user_id, b.song_id, p.order_key
    FROM profile_base b
    JOIN listener l ON l.id = b.listener_id
    LEFT JOIN user_profile p ON p.listener_id = b.listener_id AND p.song_id = b.song_id
    WHERE p.id IS NULL OR (b.order_key, b.event_id) > (p.order_key, p.event_id)
"""


def values_are_possible(look: Look) -> Iterator[Finding]:
    """Each value is a like, a dislike or a withdrawn one."""
    cases = look.cases()
    for table in TABLES:
        for row_id, value in rows_of(
            f"SELECT id, value FROM {table} WHERE value NOT IN (-1, 0, 1)"  # noqa: S608
        ):
            cases.add(f"{table} id {row_id} value {value}")
    yield from cases.found(Code.BAD_VALUE)


def listeners_are_there(look: Look) -> Iterator[Finding]:
    """Each row is of a listener that there is."""
    cases = look.cases()
    for table in TABLES:
        for row_id, listener_id in rows_of(
            f"SELECT w.id, w.listener_id FROM {table} w LEFT JOIN listener l"  # noqa: S608
            " ON l.id = w.listener_id WHERE l.id IS NULL"
        ):
            cases.add(f"{table} id {row_id} listener {listener_id}")
    yield from cases.found(Code.NO_LISTENER)


def _example(row_id: int, user_id: str, song_id: str) -> str:
    return f"id {row_id} {pair_in_words(user_id, song_id)}"
