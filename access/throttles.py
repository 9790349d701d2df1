"""How many requests a minute a caller may make.

Counted in Django's cache: with REDIS_URL one count for all processes and machines, without it one
a process. Whole minutes are counted, so two bursts may meet at a full minute.
"""

import hashlib
import logging
import time
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from access.addresses import client_address
from access.callers import Caller
from access.permissions import caller_of

if TYPE_CHECKING:  # DRF's views import their permissions and throttles
    from rest_framework.views import APIView

WINDOW_SECONDS: Final = 60
PAUSE_SECONDS: Final = 5.0

log = logging.getLogger(__name__)


class CallerThrottle(BaseThrottle):
    """DRF's throttle: a listener by its id, an anonymous caller by its address.

    A cache that is away lets everyone through, and is asked again after PAUSE_SECONDS: a like
    is worth more than a limit, and waiting for a dead Redis on every request would be worse.
    """

    clock = staticmethod(time.time)
    _away_until = 0.0

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Count the request; False once the minute's share is used up."""
        caller = caller_of(request)
        limit = limit_of(caller)
        if not limit:
            return True
        now = self.clock()
        if now < CallerThrottle._away_until:
            return True
        try:
            count = _count(_key(caller, request, int(now) // WINDOW_SECONDS))
        except RedisError as error:
            CallerThrottle._away_until = now + PAUSE_SECONDS
            log.warning("no rate limits for %s s, the cache is away: %s", PAUSE_SECONDS, error)
            return True
        return count <= limit

    def wait(self) -> float:
        """Seconds until the next minute begins."""
        return WINDOW_SECONDS - self.clock() % WINDOW_SECONDS


def limit_of(caller: Caller) -> int:
    """Requests a minute, 0 for no limit."""
    limits: dict[str, int] = settings.REQUESTS_PER_MINUTE
    return limits.get(caller.kind, 0)


def _key(caller: Caller, request: Request, window: int) -> str:
    who = caller.name
    if not caller.is_authenticated:
        who = client_address(request.META, settings.TRUSTED_PROXIES)
    # A digest: a user id may hold what a cache key must not, and may be long.
    digest = hashlib.blake2b(who.encode(errors="replace"), digest_size=12).hexdigest()
    return f"requests:{window}:{digest}"


def _count(key: str) -> int:
    try:
        return cache.incr(key)
    except ValueError:
        if cache.add(key, 1, timeout=2 * WINDOW_SECONDS):
            return 1
        return cache.incr(key)
