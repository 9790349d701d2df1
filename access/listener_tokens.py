"""Listener tokens: ``mrl_<payload>.<signature>``, good for one listener until they expire.

The payload is the time of expiry (seconds since 1970 UTC, 8 bytes, big-endian) and the user id;
the signature is HMAC-SHA256 with a key derived from SECRET_KEY. Nothing is stored: a token ends
by its time, or with SECRET_KEY.
"""

import hashlib
import hmac
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache
from typing import Final

from django.conf import settings
from django.utils.encoding import force_bytes

from access.callers import Caller, listener

START: Final = "mrl_"
MAX_USER_ID_CHARACTERS: Final = 64
MAX_TTL_SECONDS: Final = 10 * 366 * 86400

# 64 characters of at most 4 bytes, the expiry, and the signature, in base64.
_MAX_CHARACTERS: Final = 450


def issue(user_id: str, ttl_seconds: int, *, now: float | None = None) -> str:
    """A token for this listener. Raises ValueError for an id or a time that cannot be."""
    if not 1 <= len(user_id) <= MAX_USER_ID_CHARACTERS or not user_id.isprintable():
        raise ValueError(f"a user id has 1 to {MAX_USER_ID_CHARACTERS} printable characters")
    if not 1 <= ttl_seconds <= MAX_TTL_SECONDS:
        raise ValueError(f"a token lives from 1 to {MAX_TTL_SECONDS} seconds")
    expires_at = int(time.time() if now is None else now) + ttl_seconds
    payload = expires_at.to_bytes(8, "big") + user_id.encode()
    return f"{START}{_text(payload)}.{_text(_signature(settings.SECRET_KEY, payload))}"


def caller_of(credential: str, *, now: float | None = None) -> Caller | None:
    """The listener behind a token; None for one that is malformed, forged or expired."""
    payload = _payload_of(credential, time.time() if now is None else now)
    return None if payload is None else listener(payload[8:].decode())


def expiry_of(credential: str, *, now: float | None = None) -> int | None:
    """When a token ends, in seconds since 1970 UTC; None for one that is no good already."""
    payload = _payload_of(credential, time.time() if now is None else now)
    return None if payload is None else int.from_bytes(payload[:8], "big")


def _payload_of(credential: str, now: float) -> bytes | None:
    """What a token says, if it is ours and has not expired."""
    if len(credential) > _MAX_CHARACTERS:
        return None
    payload_text, _, signature_text = credential.removeprefix(START).partition(".")
    try:
        payload, signature = _bytes(payload_text), _bytes(signature_text)
    except ValueError:
        return None
    if not any(
        hmac.compare_digest(_signature(key, payload), signature)
        for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ):
        return None
    return payload if int.from_bytes(payload[:8], "big") > now else None


@lru_cache(maxsize=8)
def _key(secret_key: str | bytes) -> bytes:
    """A key for this purpose only: what else signs with SECRET_KEY cannot be replayed here."""
    return hmac.digest(force_bytes(secret_key), b"access.listener_tokens.v1", hashlib.sha256)


def _signature(secret_key: str | bytes, payload: bytes) -> bytes:
    return hmac.digest(_key(secret_key), payload, "sha256")


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _text(data) != text:
        # b64decode skips what is not in its alphabet: one token would have many spellings.
        raise ValueError("not the one spelling of these bytes")
    return data
