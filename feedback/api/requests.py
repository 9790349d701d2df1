"""What clients send, checked whole: every wrong field is named at once, unknown ones included."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from access.callers import Caller
from feedback import fields
from feedback.fields import FieldError
from feedback.outbox import Wish
from feedback.reasons import Reason

MAX_EVENTS: Final = 1_000
MAX_CLIENT_ID_CHARS: Final = 255

Errors = dict[str, list[str]]
Check = Callable[[Any], Any]


def client_id(value: Any) -> str:
    """A client's own name for one request or event: any text of 1 to 255 characters."""
    if not isinstance(value, str):
        raise FieldError("event_id", Reason.WRONG_TYPE, "must be text")
    if not 1 <= len(value) <= MAX_CLIENT_ID_CHARS:
        raise FieldError(
            "event_id", Reason.BAD_ID, f"must have 1 to {MAX_CLIENT_ID_CHARS} characters"
        )
    return value


def like_or_dislike(value: Any) -> str:
    """The action of a PUT. DELETE is how one takes it back."""
    if fields.action(value) == "unlike":
        raise FieldError("action", Reason.BAD_ACTION, "must be one of like, dislike")
    return str(value)


EVENT_FIELDS: Final[Mapping[str, Check]] = {
    "user_id": lambda value: fields.identifier("user_id", value),
    "song_id": lambda value: fields.identifier("song_id", value),
    "action": fields.action,
    "occurred_at": fields.moment,
    "event_id": client_id,
}
SEED_FIELDS: Final[Mapping[str, Check]] = {
    # The seed's clients know ids as numbers.
    "user_id": lambda value: fields.identifier("user_id", value, numbers=True),
    "song_id": lambda value: fields.identifier("song_id", value, numbers=True),
}


def check(
    body: Any, known: Mapping[str, Check], *, required: tuple[str, ...]
) -> tuple[dict[str, Any], Errors]:
    """The fields of one object that are right, and the messages for those that are not."""
    if not isinstance(body, dict):
        return {}, {"": ["must be an object"]}
    right: dict[str, Any] = {}
    wrong: Errors = {name: ["is required"] for name in required if name not in body}
    for name, value in body.items():
        if name not in known:
            wrong[name] = [f"unknown field; known are {', '.join(known)}"]
            continue
        try:
            right[name] = known[name](value)
        except FieldError as error:
            wrong[name] = [str(error)]
    return right, wrong


def checked(body: Any, known: Mapping[str, Check]) -> dict[str, Any]:
    """The fields of a body, all of them required. Raises ValidationError with every error."""
    right, wrong = check(body, known, required=tuple(known))
    if "" in wrong:
        raise ValidationError({"body": wrong[""]})
    if wrong:
        raise ValidationError(wrong)
    return right


def wish_of_row(row: Any, caller: Caller) -> Wish | Errors:
    """One row of a batch as a wish, or what is wrong with it."""
    right, wrong = check(row, EVENT_FIELDS, required=("user_id", "song_id", "action"))
    if "user_id" in right and not caller.may_act_for(right["user_id"]):
        wrong["user_id"] = ["there is no such user"]
    if wrong:
        return wrong
    return Wish(
        right["user_id"],
        right["song_id"],
        right["action"],
        occurred_at_us=right.get("occurred_at"),
        client_id=right.get("event_id"),
    )


def rows_of(body: Any) -> list[Any]:
    """The rows of a batch. Raises ValidationError unless it is a list of at most 1,000."""
    if not isinstance(body, list):
        raise ValidationError({"body": ["must be a list of events"]})
    if len(body) > MAX_EVENTS:
        raise ValidationError({"body": [f"{len(body)} events, {MAX_EVENTS} are allowed"]})
    return body


def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key header, if there is one. Raises ValidationError."""
    # Not request.headers, which takes all headers apart for the one.
    value = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if value is None:
        return None
    try:
        return client_id(value)
    except FieldError as error:
        raise ValidationError({"Idempotency-Key": [str(error)]}) from error
