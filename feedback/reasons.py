"""Why a message can never be applied, and why a request is not kept: the closed lists."""

from enum import StrEnum

from django.db.models import TextChoices


class Reason(TextChoices):
    """The code of a dead letter. A new cause gets a new code; none is ever given a new meaning."""

    BAD_JSON = "bad_json", "not JSON"
    BAD_TEXT = "bad_text", "not text: invalid UTF-8 or a lone surrogate"
    BAD_NUMBER = "bad_number", "a number that is not finite or far too long"
    DUPLICATE_KEY = "duplicate_key", "the same key twice in one object"
    TOO_DEEP = "too_deep", "nested too deeply"
    TOO_LARGE = "too_large", "larger than an event may be"
    NOT_AN_OBJECT = "not_an_object", "JSON, but not an object"
    UNKNOWN_VERSION = "unknown_version", "a version of the format that is not known here"
    MISSING_FIELD = "missing_field", "a field that must be there is not"
    WRONG_TYPE = "wrong_type", "a field of the wrong type"
    BAD_ID = "bad_id", "a user, song or event id that cannot be one"
    BAD_ACTION = "bad_action", "neither like, dislike nor unlike"
    BAD_TIME = "bad_time", "not a time as RFC 3339 writes it, or out of range"
    UNKNOWN_SONG = "unknown_song", "a song that is not in the catalogue (yet)"
    ID_CONFLICT = "id_conflict", "an event id that was used for another event"


class Refusal(StrEnum):
    """Why what somebody asks for is not kept, though its fields are right."""

    UNKNOWN_SONG = Reason.UNKNOWN_SONG.value
    ID_CONFLICT = Reason.ID_CONFLICT.value
    # The profile holds a word of a time so far ahead that nothing said now would be later.
    HELD_AHEAD = "held_ahead"
    # It is dated before its user was forgotten: it would be acknowledged and have no effect.
    FORGOTTEN = "forgotten"
    # Its user was forgotten up to a time so far ahead that nothing said now is sure to lie behind.
    FORGOTTEN_AHEAD = "forgotten_ahead"
