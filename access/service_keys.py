"""Service keys: ``mrs_<prefix>_<secret>``, held by programs that act for any listener."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from typing import Final

from django.db import connection
from django.utils import timezone

from access.callers import SCOPES, SERVE, Caller, service
from access.models import ServiceKey

START: Final = "mrs_"

_SHAPE: Final = re.compile(r"mrs_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_SELECT: Final = "SELECT secret_sha256, scopes, revoked_at FROM service_key WHERE prefix = %s"
_NO_SUCH_KEY: Final = ("0" * 64, "", None)


class UnknownKey(Exception):
    """There is no service key of that prefix."""


def issue(name: str, extra_scopes: Iterable[str] = ()) -> str:
    """Make a key with the scope ``serve`` and the extra ones; return it, for the only time."""
    scopes = {SERVE, *extra_scopes}
    unknown = scopes.difference(SCOPES)
    if unknown:
        raise ValueError(f"unknown scopes {sorted(unknown)}: there are {', '.join(SCOPES)}")
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    ServiceKey.objects.create(
        prefix=prefix,
        name=name,
        secret_sha256=_digest(secret),
        scopes=" ".join(scope for scope in SCOPES if scope in scopes),
        created_at=timezone.now(),
    )
    return f"{START}{prefix}_{secret}"


def revoke(prefix: str) -> bool:
    """End a key at once; False when it had ended before. Raises UnknownKey."""
    changed = ServiceKey.objects.filter(prefix=prefix, revoked_at=None).update(
        revoked_at=timezone.now()
    )
    if not changed and not ServiceKey.objects.filter(prefix=prefix).exists():
        raise UnknownKey(prefix)
    return bool(changed)


def caller_of(credential: str) -> Caller | None:
    """The program behind a key; None for a key that is malformed, unknown, wrong or revoked.

    One indexed read a request and no memory of it between requests, so that a revoked key
    fails from the next request on, in every process.
    """
    shape = _SHAPE.fullmatch(credential)
    if shape is None:
        return None
    prefix, secret = shape.groups()
    with connection.cursor() as cursor:
        cursor.execute(_SELECT, (prefix,))
        known, scopes, revoked_at = cursor.fetchone() or _NO_SUCH_KEY
    if not hmac.compare_digest(known, _digest(secret)) or revoked_at is not None:
        return None
    return service(prefix, frozenset(scopes.split()))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
