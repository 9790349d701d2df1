"""What rows of interactions.csv come to mean."""

import uuid
from datetime import UTC, datetime

import pytest

from recommendations.loading.interaction_rows import (
    EVENT_NAMESPACE,
    event_id,
    judgements,
    microseconds,
    order_key,
)
from recommendations.loading.row_errors import BadValue, Code, RowError
from recommendations.profiles import Judgement

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOON = 1_767_268_800_000_000  # 2026-01-01T12:00:00Z


def judged(*rows: tuple[str, str, str, str]) -> tuple[list[Judgement], list[RowError]]:
    errors: list[RowError] = []
    numbered = enumerate(rows, start=2)
    good = judgements(numbered, known_songs={"3", "ü 4"}, now=NOW, reject=errors.append)
    return list(good), errors


def test_a_row_is_a_like_or_a_dislike_at_its_time() -> None:
    good, errors = judged(("101", "3", "1", "2026-01-01T12:00:00Z"), ("ana-b", "ü 4", "0", ""))

    assert [judgement[:4] for judgement in good] == [("101", "3", 1, NOON), ("ana-b", "ü 4", -1, 0)]
    assert not errors


def test_spaces_around_values_do_not_matter() -> None:
    good, _ = judged((" 101 ", " 3", " 1", " 2026-01-01T12:00:00Z "), ("101", "3", "1", "  "))

    assert [judgement[:4] for judgement in good] == [("101", "3", 1, NOON), ("101", "3", 1, 0)]


@pytest.mark.parametrize(
    "timestamp",
    [
        "2026-01-01T12:00:00Z",
        "2026-01-01T12:00:00",
        "2026-01-01 12:00:00+00:00",
        "2026-01-01T13:30:00+01:30",
        "20260101T120000Z",
        "1767268800",
        "1767268800.0",
    ],
)
def test_a_time_may_be_written_in_many_ways(timestamp: str) -> None:
    assert order_key(timestamp, microseconds(NOW)) == NOON


def test_a_time_is_exact_to_the_microsecond() -> None:
    latest = microseconds(NOW)

    assert order_key("2026-01-01T12:00:00.123456Z", latest) == NOON + 123_456
    assert order_key("1767268800.1234567", latest) == NOON + 123_456
    assert order_key("2026-06-01T12:00:00Z", latest) == latest


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        (("", "3", "1", ""), "user_id", Code.MISSING_VALUE),
        (("a\tb", "3", "1", ""), "user_id", Code.CONTROL_CHARACTER),
        (("a\0b", "3", "1", ""), "user_id", Code.CONTROL_CHARACTER),
        (("a" * 65, "3", "1", ""), "user_id", Code.TOO_LONG),
        (("\udcff", "3", "1", ""), "user_id", Code.BAD_UTF8),
        (("101", " ", "1", ""), "song_id", Code.MISSING_VALUE),
        (("101", "99", "1", ""), "song_id", Code.UNKNOWN_SONG),
        (("101", "3", "yes", ""), "like", Code.BAD_LIKE),
        (("101", "3", "", ""), "like", Code.BAD_LIKE),
        (("101", "3", "-1", ""), "like", Code.BAD_LIKE),
        (("101", "3", "1", "yesterday"), "timestamp", Code.BAD_TIMESTAMP),
        (("101", "3", "1", "2026-02-30"), "timestamp", Code.BAD_TIMESTAMP),
        (("101", "3", "1", "1969-12-31T23:59:59Z"), "timestamp", Code.BAD_TIMESTAMP),
        (("101", "3", "1", "-5"), "timestamp", Code.BAD_TIMESTAMP),
        (("101", "3", "1", "0001-01-01T00:00:00+23:59"), "timestamp", Code.BAD_TIMESTAMP),
        (("101", "3", "1", "2026-06-01T12:00:00.000001Z"), "timestamp", Code.FUTURE_TIMESTAMP),
        (("101", "3", "1", "1767268800000"), "timestamp", Code.FUTURE_TIMESTAMP),
    ],
)
def test_a_bad_value_is_named_and_its_neighbours_load(
    row: tuple[str, str, str, str], column: str, code: Code
) -> None:
    good, errors = judged(("101", "3", "1", ""), row, ("102", "3", "0", ""))

    assert [judgement.user_id for judgement in good] == ["101", "102"]
    assert [(error.line, error.column, error.code) for error in errors] == [(3, column, code)]


def test_milliseconds_are_recognised_as_what_they_probably_are() -> None:
    with pytest.raises(BadValue, match="given in seconds"):
        order_key("1767268800000", microseconds(NOW))


def test_the_event_id_is_the_uuid5_of_what_the_row_says() -> None:
    for key in range(200):  # enough for every variant digit
        name = f"101\n3\n1\n{key}"
        assert event_id("101", "3", 1, key) == uuid.uuid5(EVENT_NAMESPACE, name).hex


def test_rows_that_say_the_same_are_the_same_event() -> None:
    one, other = judged(
        ("101", "3", "1", "2026-01-01T12:00:00Z"), (" 101", "3", "1", "1767268800")
    )[0]

    assert one == other
