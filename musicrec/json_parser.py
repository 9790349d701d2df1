"""JSON as the standard has it: no NaN, no lone surrogates, no byte order mark, no deep nesting."""

from collections.abc import Mapping
from typing import IO, Any, Final

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

MAX_DEPTH: Final = 32


class StrictJsonParser(JSONParser):
    """DRF's parser of bodies, by orjson; what it refuses is a 400 that says where."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The value of a body. Raises ParseError."""
        return parse(stream.read())


def parse(body: bytes) -> Any:
    """The value of a JSON text in UTF-8. Raises ParseError."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ParseError(f"The body is not valid JSON: {error}.") from error
    # Counting brackets is cheap and never too low, so that only suspicious bodies are walked.
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and depth(value) > MAX_DEPTH:
        raise ParseError(f"The body is nested deeper than {MAX_DEPTH} levels.")
    return value


def depth(value: Any) -> int:
    """How many lists and objects stand in each other, found without recursion."""
    deepest, level = 0, [value]
    while level := [each for each in level if isinstance(each, list | dict)]:
        deepest += 1
        level = [
            inner for each in level for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return deepest
