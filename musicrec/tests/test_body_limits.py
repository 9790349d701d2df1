"""Bodies: how large, in how many pieces, and never compressed."""

from io import BytesIO
from typing import Any

import pytest
from django.test import Client

from musicrec.body_limits import MAX_BATCH_BYTES, MAX_BYTES


class Endless:
    """A client that never stops sending; counts what was taken from it."""

    taken = 0

    def read(self, size: int) -> bytes:
        self.taken += size
        return b" " * size

    readline = read


def post(web: Client, route: str, body: bytes | Endless, **extra: Any) -> Any:
    """Send a body in chunks, as a server passes it on: without a length."""
    stream: Any = BytesIO(body) if isinstance(body, bytes) else body
    return web.generic(
        "POST",
        route,
        **{
            "wsgi.input": stream,
            "HTTP_TRANSFER_ENCODING": "chunked",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": "",
            **extra,
        },
    )


@pytest.mark.parametrize(
    ("route", "limit"), [("/api/anything", MAX_BYTES), ("/api/v1/feedback", MAX_BATCH_BYTES)]
)
def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_not(
    web: Client, route: str, limit: int
) -> None:
    fitting = b'"' + b"x" * (limit - 2) + b'"'

    assert web.post(route, fitting, content_type="application/json").status_code == 200
    over = web.post(route, fitting + b" ", content_type="application/json")
    assert (over.status_code, over.json()["title"]) == (413, "Request Entity Too Large")
    assert post(web, route, fitting).status_code == 200
    assert post(web, route, fitting + b" ").status_code == 413


def test_a_body_in_chunks_is_read_like_any_other(web: Client) -> None:
    answer = post(web, "/api/anything", b'{"song_id":"3"}')

    assert answer.json() == {"got": {"song_id": "3"}}


def test_an_endless_body_is_left_as_soon_as_it_is_too_long(web: Client) -> None:
    endless = Endless()

    assert post(web, "/api/anything", endless).status_code == 413
    assert endless.taken <= MAX_BYTES + 1


@pytest.mark.parametrize("length", ["abc", "-5", "1e3", "²"])
def test_a_length_that_is_no_number_is_refused(web: Client, length: str) -> None:
    assert post(web, "/api/anything", b"{}", CONTENT_LENGTH=length).status_code == 400


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", " GZIP"])
def test_a_compressed_body_is_refused_unread(web: Client, encoding: str) -> None:
    endless = Endless()

    answer = post(web, "/api/anything", endless, HTTP_CONTENT_ENCODING=encoding)

    assert answer.status_code == 415
    assert endless.taken == 0
