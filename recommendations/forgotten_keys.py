"""How a forget marker stands for a user: an HMAC of the id under a secret key that has a name.

Without the key a marker finds nobody. So keys that sign nothing any more are kept for this alone.
"""

import hmac
from collections.abc import Iterable
from typing import Final

from django.conf import settings

# Parts the digests from whatever else the secret key signs; changing it loses all markers.
_SALT: Final = b"musicrec forgotten listener"

ADVICE: Final = (
    "add the old SECRET_KEY to FORGOTTEN_KEYS (it signs nothing there); where it is lost, forget"
    " these users once more: manage.py delete_user"
)


def digest(user_id: str) -> str:
    """What stands for the user in a marker that is written now."""
    return _digest(settings.SECRET_KEY, user_id)


def digests(user_id: str) -> list[str]:
    """What may stand for the user in markers of whatever time."""
    return [_digest(key, user_id) for key in _keys()]


def name() -> str:
    """What a marker that is written now calls its key."""
    return _name(settings.SECRET_KEY)


def names() -> set[str]:
    """The names of all keys by which markers are found."""
    return {_name(key) for key in _keys()}


def lost(key_names: Iterable[str]) -> int:
    """How many of the markers with these keys find nobody."""
    known = names()
    return sum(each not in known for each in key_names)


def _keys() -> tuple[str, ...]:
    return (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS, *settings.FORGOTTEN_KEYS)


def _digest(key: str, user_id: str) -> str:
    return hmac.digest(key.encode(), _SALT + b":" + user_id.encode(), "sha256").hex()


def _name(key: str) -> str:
    """The key cannot be told from it."""
    return hmac.digest(key.encode(), _SALT + b" name", "sha256").hex()[:16]
