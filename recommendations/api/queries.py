"""Query strings and bodies, checked whole: every wrong parameter is named at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from django.http import QueryDict
from rest_framework.exceptions import ValidationError

from recommendations.identifiers import LONGEST_ID, RULE, is_identifier
from recommendations.serving.ordering import Wanted

MOST_RESULTS = 100
MOST_IDS = 1_000
LONGEST_NAME = 500
LONGEST_NUMBER = 32
# Each is looked for in every song of the catalogue where no index knows them.
MOST_GENRES = 20

T = TypeVar("T")

Parse = Callable[[Sequence[str]], Any]


class Wrong(Exception):
    """A value that cannot be used; the message says what is wanted."""


def whole_number(low: int, high: int) -> Parse:
    """A parser of one whole number from low to high, both included."""

    def parse(values: Sequence[str]) -> int:
        text = one(values)
        # Length first: int() of a very long number is slow, and refuses past 4,300 digits.
        if not text.isascii() or not text.isdigit() or len(text) > len(str(high)):
            raise Wrong(f"must be a whole number from {low} to {high}")
        if not low <= int(text) <= high:
            raise Wrong(f"must be a whole number from {low} to {high}")
        return int(text)

    return parse


def number(low: float, high: float) -> Parse:
    """A parser of one number from low to high, both included."""

    def parse(values: Sequence[str]) -> float:
        text = one(values)
        try:
            # What float() takes beyond a number as one writes it: other scripts, 1_0, long texts.
            plain = text.isascii() and "_" not in text and len(text) <= LONGEST_NUMBER
            value = float(text) if plain else None
        except ValueError:
            value = None
        # Neither end is passed by what is not a number (nan).
        if value is None or not low <= value <= high:
            raise Wrong(f"must be a number from {low:g} to {high:g}")
        return value

    return parse


def name(values: Sequence[str]) -> str | None:
    """One name, None where it is empty."""
    text = one(values).strip()
    if len(text) > LONGEST_NAME or "\0" in text:
        raise Wrong(f"must be at most {LONGEST_NAME} characters, without NUL")
    return text or None


def genres(values: Sequence[str]) -> str | None:
    """One genre or several separated by |, None where it is empty."""
    text = name(values)
    if text is not None and text.count("|") >= MOST_GENRES:
        raise Wrong(f"must hold at most {MOST_GENRES} genres, separated by |")
    return text


def ids(values: Sequence[str]) -> tuple[str, ...]:
    """Song ids, one a parameter or several by commas; an id with a comma stands for itself too.

    A whole value that is too long for an id is a list and nothing else.
    """
    found: dict[str, None] = {}
    for value in values:
        if "," in value and len(value) <= LONGEST_ID:
            found[value] = None
        found.update(dict.fromkeys(part for part in value.split(",") if part))
    return checked_ids(list(found))


def one(values: Sequence[str]) -> str:
    """The one value of a parameter that may be given once."""
    if len(values) != 1:
        raise Wrong("may be given once")
    return values[0]


def checked_ids(values: Any) -> tuple[str, ...]:
    """At most 1,000 ids from text or JSON, where whole numbers count as text. Raises Wrong."""
    if not isinstance(values, list):
        raise Wrong("must be a list of song ids")
    if len(values) > MOST_IDS:
        raise Wrong(f"must hold at most {MOST_IDS} ids")
    found = [str(v) if isinstance(v, int) and not isinstance(v, bool) else v for v in values]
    for value in found:
        if not isinstance(value, str) or not is_identifier(value):
            raise Wrong(RULE)
    return tuple(found)


RECOMMENDATIONS: dict[str, Parse] = {
    "limit": whole_number(1, MOST_RESULTS),
    "genre": genres,
    "artist": name,
    "exclude": ids,
    "max_per_artist": whole_number(1, MOST_RESULTS),
    "novelty": number(-1.0, 1.0),
}


def parse(params: QueryDict, known: Mapping[str, Parse]) -> dict[str, Any]:
    """The parameters of a request by name. Raises ValidationError that names every wrong one."""
    found: dict[str, Any] = {}
    wrong: dict[str, list[str]] = {}
    for key, values in params.lists():
        if key not in known:
            wrong[key] = [f"unknown parameter; known are {', '.join(known)}"]
            continue
        try:
            found[key] = known[key](values)
        except Wrong as error:
            wrong[key] = [str(error)]
    if wrong:
        raise ValidationError(wrong)
    return found


def wanted_list(params: QueryDict) -> Wanted:
    """What a recommendations request asks for."""
    return Wanted(**parse(params, RECOMMENDATIONS)) if params else Wanted()


def posted_profile(body: Any) -> tuple[tuple[str, ...], tuple[str, ...], Wanted]:
    """Likes, dislikes and the wanted list of an anonymous request's JSON body."""
    if not isinstance(body, dict):
        raise ValidationError({"body": ["must be a JSON object"]})
    wrong: dict[str, list[str]] = {}
    parsed: dict[str, Any] = {}
    for key, value in body.items():
        try:
            parsed[key] = _posted(key, value)
        except Wrong as error:
            wrong[key] = [str(error)]
    if wrong:
        raise ValidationError(wrong)
    likes, dislikes = parsed.pop("likes", ()), parsed.pop("dislikes", ())
    return likes, dislikes, Wanted(**parsed)


def _posted(key: str, value: Any) -> Any:
    if key in ("likes", "dislikes", "exclude"):
        return checked_ids(value)
    if key not in RECOMMENDATIONS:
        raise Wrong(f"unknown field; known are likes, dislikes, {', '.join(RECOMMENDATIONS)}")
    if key in ("genre", "artist"):
        if not isinstance(value, str):
            raise Wrong("must be text")
        return RECOMMENDATIONS[key]([value])
    kinds, wanted = ((int, float), "number") if key == "novelty" else (int, "whole number")
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise Wrong(f"must be a {wanted}")
    return RECOMMENDATIONS[key]([str(value)])
