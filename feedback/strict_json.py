"""JSON that is read in one way only, or refused with a named reason.

The standard library accepts NaN, keeps the last of two equal keys, turns 1e999 into infinity and
lets half of a surrogate pair through. Any of these would be read differently by another program.
"""

import json
import math
from typing import Any, NoReturn

from feedback.reasons import Reason

# 19 digits and a sign hold every int64; int() of thousands of digits is slow, then an error.
MAX_NUMBER_CHARS = 20


class Unreadable(ValueError):
    """The bytes are not one unambiguous JSON value."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def decode(raw: bytes) -> Any:
    """The JSON value of the bytes. Raises Unreadable, and nothing else, whatever they are."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(Reason.BAD_TEXT, f"not UTF-8 at byte {error.start}") from error
    try:
        value = _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise Unreadable(Reason.BAD_JSON, str(error)) from error
    except RecursionError as error:
        raise Unreadable(Reason.TOO_DEEP, "nested too deeply to be read") from error
    if "\\u" in text:
        _refuse_lone_surrogates(value)
    return value


def _refuse_lone_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise Unreadable(Reason.BAD_TEXT, "half of a surrogate pair") from error
    except RecursionError as error:
        raise Unreadable(Reason.TOO_DEEP, "nested too deeply to be read") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise Unreadable(Reason.DUPLICATE_KEY, f"the key {twice[:64]!a} stands there twice")
    return found


def _integer(digits: str) -> int:
    if len(digits) > MAX_NUMBER_CHARS:
        raise Unreadable(Reason.BAD_NUMBER, f"a number of {len(digits)} digits")
    return int(digits)


def _fraction(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise Unreadable(Reason.BAD_NUMBER, f"{digits[:32]} is not a finite number")
    return number


def _constant(name: str) -> NoReturn:
    raise Unreadable(Reason.BAD_NUMBER, f"{name} is not JSON")


_decoder = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_fraction,
    parse_constant=_constant,
)
