"""Who was forgotten: kept as digests, so that the list of them names nobody.

A marker says: what this user said up to the barrier never was. Every writer of profiles asks here
in its own transaction, behind ``profiles.let_writers_in``, and drops what lies at or below it.
"""

import hashlib
import hmac
from collections.abc import Collection, Iterable, Iterator

from django.conf import settings
from django.db import connection
from django.utils import timezone

from recommendations.models import ForgottenListener

# Parts the digests from whatever else the secret key signs; changing it loses all markers.
_SALT = b"musicrec forgotten listener"

_USERS_AT_A_TIME = 9_000


def anybody() -> bool:
    """Whether there is any marker; nearly always there is none, and nothing more to look at."""
    # Every batch and every like asks. Through the ORM it would take five times as long.
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM forgotten_listener)")
        return bool(cursor.fetchone()[0])


def barriers(user_ids: Collection[str]) -> dict[str, int]:
    """The greatest order key that no longer counts, of those users who were ever forgotten."""
    if not user_ids or not anybody():
        return {}
    whose = {digest: user_id for user_id in user_ids for digest in _digests(user_id)}
    found: dict[str, int] = {}
    wanted = list(whose)
    for start in range(0, len(wanted), 900):
        rows = ForgottenListener.objects.filter(digest__in=wanted[start : start + 900])
        for digest, barrier in rows.values_list("digest", "barrier"):
            user_id = whose[digest]
            found[user_id] = max(barrier, found.get(user_id, barrier))
    return found


def among(user_ids: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Of many users, those who were ever forgotten, each with the barrier; few at a time."""
    if not anybody():
        return
    chunk: list[str] = []
    for user_id in user_ids:
        chunk.append(user_id)
        if len(chunk) == _USERS_AT_A_TIME:
            yield from barriers(chunk).items()
            chunk = []
    yield from barriers(chunk).items()


def mark(user_id: str, barrier: int) -> ForgottenListener:
    """Write or raise the marker of a user, in the caller's transaction."""
    key = settings.SECRET_KEY
    marker, _ = ForgottenListener.objects.update_or_create(
        digest=_digest(key, user_id),
        defaults={
            "key_name": key_name(key),
            "barrier": barrier,
            "forgotten_at": timezone.now(),
        },
    )
    return marker


def key_name(key: str) -> str:
    """What a marker calls the secret key that made it; the key cannot be told from it."""
    return hmac.new(key.encode(), _SALT + b" name", hashlib.sha256).hexdigest()[:16]


def _digests(user_id: str) -> list[str]:
    return [_digest(key, user_id) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def _digest(key: str, user_id: str) -> str:
    return hmac.new(key.encode(), _SALT + b":" + user_id.encode(), hashlib.sha256).hexdigest()
