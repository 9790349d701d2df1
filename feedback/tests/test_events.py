"""The wire format: what is read as what, and that nothing can make the reading fail."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback.events import (
    FIRST_SEQ,
    LAST_SEQ,
    MAX_AHEAD_US,
    MAX_EVENT_BYTES,
    Event,
    Record,
    Rejection,
    encode,
    parse,
)
from feedback.reasons import Reason

EVENT_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
OWN_ID = "ab" * 16
# 2026-07-01T12:00:00Z
NOON_US = 1_782_907_200_000_000


def read(raw: bytes | str | dict[str, Any]) -> Event | Rejection:
    if isinstance(raw, dict):
        raw = json.dumps(raw)
    return parse(Record(raw.encode() if isinstance(raw, str) else raw, NOON_US, OWN_ID))


def wire(**changes: Any) -> dict[str, Any]:
    message = {
        "v": 1,
        "event_id": EVENT_ID,
        "user_id": "101",
        "song_id": "3",
        "action": "like",
        "occurred_at": "2026-07-01T11:00:00Z",
        "seq": NOON_US + 7,
    }
    return {key: value for key, value in (message | changes).items() if value is not ...}


def accepted(raw: bytes | str | dict[str, Any]) -> Event:
    event = read(raw)
    assert isinstance(event, Event), event
    return event


def reason_of(raw: bytes | str | dict[str, Any]) -> Reason:
    rejection = read(raw)
    assert isinstance(rejection, Rejection), rejection
    return rejection.reason


def test_what_is_encoded_is_read_back() -> None:
    raw = encode(
        event_id="0f8fad5bd9cb469fa16570867728950e",
        user_id="Zoë",
        song_id="3",
        action="dislike",
        occurred_at_us=NOON_US,
        seq=NOON_US + 1,
    )

    event = accepted(raw)

    assert event.event_id == "0f8fad5bd9cb469fa16570867728950e"
    assert (event.user_id, event.song_id, event.value) == ("Zoë", "3", -1)
    assert event.order_key == NOON_US + 1
    assert json.loads(raw)["occurred_at"] == "2026-07-01T12:00:00.000000Z"


@pytest.mark.parametrize(
    "ids", [{"user_id": 101, "song_id": 3}, {"user_id": "101", "song_id": "3"}]
)
def test_the_bare_form_is_a_like_with_the_records_time_and_id(ids: dict[str, Any]) -> None:
    event = accepted(ids)

    assert (event.user_id, event.song_id, event.value) == ("101", "3", 1)
    assert (event.order_key, event.event_id) == (NOON_US, OWN_ID)


@pytest.mark.parametrize(("action", "value"), [("like", 1), ("dislike", -1), ("unlike", 0)])
def test_each_action_has_its_value(action: str, value: int) -> None:
    assert accepted(wire(action=action)).value == value


def test_without_seq_the_order_is_the_events_own_time() -> None:
    event = accepted(wire(seq=..., occurred_at="2026-07-01T13:00:00+02:00"))

    assert event.order_key == NOON_US - 3_600_000_000
    assert not event.clamped


def test_a_time_far_ahead_of_the_record_is_set_back_and_flagged() -> None:
    event = accepted(wire(seq=..., occurred_at="2030-01-01T00:00:00Z"))

    assert event.order_key == NOON_US + MAX_AHEAD_US
    assert event.clamped


def test_a_seq_is_believed_up_to_five_minutes_after_the_record() -> None:
    latest = NOON_US + MAX_AHEAD_US

    assert accepted(wire(seq=latest)).order_key == latest
    assert not accepted(wire(seq=latest)).clamped
    for ahead in (latest + 1, LAST_SEQ):
        assert accepted(wire(seq=ahead)).order_key == latest
        assert accepted(wire(seq=ahead)).clamped


def test_without_any_time_the_order_is_the_records_time() -> None:
    assert accepted(wire(seq=..., occurred_at=...)).order_key == NOON_US


def test_a_seq_that_is_no_time_counts_as_absent() -> None:
    assert accepted(wire(seq=12)).order_key == NOON_US - 3_600_000_000
    assert accepted(wire(seq=FIRST_SEQ)).order_key == FIRST_SEQ


def test_the_digest_of_the_content_ignores_seq_but_not_an_own_time() -> None:
    first = accepted(wire()).content

    assert accepted(wire(seq=NOON_US, occurred_at="2026-06-01T00:00:00Z")).content == first
    assert accepted(wire(action="unlike")).content != first
    offline = accepted(wire(seq=..., occurred_at="2026-06-01T00:00:00Z")).content
    assert accepted(wire(seq=..., occurred_at="2026-06-01T00:00:01Z")).content != offline


def test_fields_that_are_not_known_here_are_left_alone() -> None:
    assert accepted(wire(source="app")).user_id == "101"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", Reason.BAD_JSON),
        ("{", Reason.BAD_JSON),
        ("{} {}", Reason.BAD_JSON),
        ('{"user_id":"a\x00b","song_id":"3"}', Reason.BAD_JSON),
        (b"\xff\xfe", Reason.BAD_TEXT),
        (b'{"user_id":"\xed\xa0\x80","song_id":"3"}', Reason.BAD_TEXT),
        ('{"user_id":"\\ud800","song_id":"3"}', Reason.BAD_TEXT),
        ('{"user_id":"1","song_id":"3","note":"\\udfff"}', Reason.BAD_TEXT),
        ("[]", Reason.NOT_AN_OBJECT),
        ("null", Reason.NOT_AN_OBJECT),
        ("7", Reason.NOT_AN_OBJECT),
        ("NaN", Reason.BAD_NUMBER),
        ('{"user_id":NaN,"song_id":3}', Reason.BAD_NUMBER),
        ('{"user_id":-Infinity,"song_id":3}', Reason.BAD_NUMBER),
        ('{"user_id":1e999,"song_id":3}', Reason.BAD_NUMBER),
        ('{"user_id":' + "9" * 5_000 + ',"song_id":3}', Reason.BAD_NUMBER),
        ('{"user_id":1,"user_id":2,"song_id":3}', Reason.DUPLICATE_KEY),
        ("[" * 100_000, Reason.TOO_DEEP),
        ('{"a":' * 100_000, Reason.TOO_DEEP),
        (b" " * (MAX_EVENT_BYTES + 1), Reason.TOO_LARGE),
        ("{}", Reason.MISSING_FIELD),
        ('{"user_id":1}', Reason.MISSING_FIELD),
        (wire(action=...), Reason.MISSING_FIELD),
        (wire(v=2), Reason.UNKNOWN_VERSION),
        (wire(v=99), Reason.UNKNOWN_VERSION),
        (wire(v="1"), Reason.WRONG_TYPE),
        (wire(v=True), Reason.WRONG_TYPE),
        (wire(v=None), Reason.WRONG_TYPE),
        (wire(user_id=101), Reason.WRONG_TYPE),
        (wire(user_id=None), Reason.WRONG_TYPE),
        (wire(song_id=["3"]), Reason.WRONG_TYPE),
        (wire(action=1), Reason.WRONG_TYPE),
        (wire(event_id=7), Reason.WRONG_TYPE),
        (wire(occurred_at=1_700_000_000), Reason.WRONG_TYPE),
        (wire(seq="7"), Reason.WRONG_TYPE),
        (wire(seq=1.5), Reason.WRONG_TYPE),
        (wire(seq=LAST_SEQ + 1), Reason.BAD_NUMBER),
        ({"user_id": True, "song_id": 3}, Reason.WRONG_TYPE),
        ({"user_id": 1.0, "song_id": 3}, Reason.WRONG_TYPE),
        (wire(user_id=""), Reason.BAD_ID),
        (wire(user_id="u" * 65), Reason.BAD_ID),
        (wire(song_id="a\0b"), Reason.BAD_ID),
        (wire(event_id="not-a-uuid"), Reason.BAD_ID),
        (wire(action="love"), Reason.BAD_ACTION),
        (wire(action="LIKE"), Reason.BAD_ACTION),
        (wire(occurred_at="yesterday"), Reason.BAD_TIME),
        (wire(occurred_at="2026-07-01T12:00:00"), Reason.BAD_TIME),
        (wire(occurred_at="2026-02-30T12:00:00Z"), Reason.BAD_TIME),
        (wire(occurred_at="1969-12-31T23:59:59Z"), Reason.BAD_TIME),
        (wire(occurred_at="0001-01-01T00:00:00+23:00"), Reason.BAD_TIME),
        (wire(occurred_at="2026-07-01T12:00:00+99:00"), Reason.BAD_TIME),
    ],
)
def test_poison_is_named(raw: bytes | str | dict[str, Any], reason: Reason) -> None:
    assert reason_of(raw) == reason


def test_a_rejection_keeps_the_id_that_the_message_brought() -> None:
    rejection = read(wire(action="love"))

    assert rejection.event_id == EVENT_ID.replace("-", "")
    assert read("[]").event_id == OWN_ID


def test_ids_of_64_characters_are_taken_and_integers_become_text() -> None:
    assert accepted(wire(user_id="u" * 64, song_id="ß" * 64)).song_id == "ß" * 64
    assert accepted({"user_id": -(2**63), "song_id": 0}).user_id == "-9223372036854775808"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
field_names = st.sampled_from(
    ["v", "event_id", "user_id", "song_id", "action", "occurred_at", "seq"]
)


# The same examples on every machine; a busy one may be slow without being wrong.
seeded = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@seeded
@given(st.binary())
def test_no_bytes_make_the_reading_fail(raw: bytes) -> None:
    assert isinstance(read(raw), Event | Rejection)


@seeded
@given(st.dictionaries(field_names, json_values))
def test_no_field_makes_the_reading_fail(changes: dict[str, Any]) -> None:
    outcome = read(json.dumps(wire(**changes)))

    assert isinstance(outcome, Event | Rejection)
    if isinstance(outcome, Rejection):
        assert outcome.reason in Reason.values
        outcome.error.encode("utf-8")
    else:
        assert 0 <= outcome.order_key < 2**63


@seeded
@given(st.text(alphabet="0123456789-:TtZz+. ", max_size=40))
def test_no_time_makes_the_reading_fail(text: str) -> None:
    assert isinstance(read(wire(occurred_at=text)), Event | Rejection)
