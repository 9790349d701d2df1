"""Who takes the turn to compute: requests for recommendations, and nobody that may wait."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import pytest

from musicrec import turn_taking
from musicrec.turn_taking import take_turns
from recommendations.serving.turns import ARITHMETIC

LIST = "/api/v1/users/1/recommendations"


@pytest.fixture(autouse=True)
def as_on_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    def whole() -> AbstractContextManager[object]:
        return ARITHMETIC

    monkeypatch.setattr(turn_taking, "whole_request", whole)


def is_taken() -> bool:
    """Whether a thread has the turn; asked by another, as the lock is free to its owner."""

    def look() -> bool:
        if not ARITHMETIC.acquire(blocking=False):
            return True
        ARITHMETIC.release()
        return False

    with ThreadPoolExecutor(1) as other:
        return other.submit(look).result()


class Application:
    """Notes at each step of a request whether the turn is taken."""

    def __init__(self) -> None:
        self.taken: dict[str, bool] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.taken["called"] = is_taken()
        return self

    def __iter__(self) -> Iterator[bytes]:
        self.taken["sent"] = is_taken()
        yield b"one "
        yield b"answer"

    def close(self) -> None:
        self.taken["closed"] = is_taken()


def ask(method: str, path: str) -> tuple[Application, Iterable[bytes]]:
    inner = Application()
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path}
    return inner, take_turns(inner)(environ, None)


def test_a_list_is_made_in_one_turn_up_to_the_end_of_its_request() -> None:
    inner, answer = ask("GET", LIST)

    assert list(answer) == [b"one ", b"answer"]
    assert inner.taken == {"called": True, "sent": True, "closed": True}
    assert not is_taken()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/v1/users/1/likes/2"),
        ("POST", "/api/v1/feedback"),
        # Its body may come slowly.
        ("POST", "/api/v1/recommendations"),
        ("GET", "/readyz"),
    ],
)
def test_what_may_wait_takes_no_turn(method: str, path: str) -> None:
    inner, _ = ask(method, path)

    assert inner.taken == {"called": False}


def test_a_request_that_fails_ends_its_turn() -> None:
    def fail(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        take_turns(fail)({"REQUEST_METHOD": "GET", "PATH_INFO": LIST}, None)
    assert not is_taken()
