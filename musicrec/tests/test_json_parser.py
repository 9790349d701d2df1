"""What counts as JSON, and what is refused before anybody looks into it."""

import json

import pytest
from django.test import Client
from rest_framework.exceptions import ParseError

from musicrec.json_parser import MAX_DEPTH, depth, parse


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b"NaN",
        b'{"a": Infinity}',
        b"1e999",
        b"1" * 5_000,
        b'"\\ud800"',
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
    ],
    ids=lambda body: body[:12],
)
def test_what_is_not_strict_json_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError, match="The body is"):
        parse(body)


def test_nesting_up_to_the_limit_and_any_number_of_neighbours_are_fine() -> None:
    assert depth(parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)) == MAX_DEPTH
    assert len(parse(json.dumps([{"a": [1]}] * 1_000).encode())) == 1_000


def test_a_refusal_is_a_400(web: Client) -> None:
    answer = web.post("/api/anything", b'{"a": NaN}', content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")
