"""How many requests a minute a caller may make.

Counted in Django's cache: with REDIS_URL one count for all processes and machines, without it one
a process. Whole minutes are counted, so two bursts may meet at a full minute.
"""

import hashlib
import logging
import time
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from access.addresses import client_address
from access.callers import Caller
from access.permissions import caller_of

if TYPE_CHECKING:  # DRF's views import their permissions and throttles
    from rest_framework.views import APIView

WINDOW_SECONDS: Final = 60
PAUSE_SECONDS: Final = 5.0
# Stands in the environment of a request that has been counted.
COUNTED: Final = "musicrec.counted"

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
        return self.admit(caller_of(request), request.META)

    def wait(self) -> float:
        """Seconds until the next minute begins."""
        return self.seconds_left()

    @classmethod
    def admit(cls, caller: Caller, meta: dict[str, Any]) -> bool:
        """Count a request of this caller; False once the minute's share is used up.

        meta: the request's WSGI environment, which is marked as counted.
        """
        limit = limit_of(caller)
        if not limit:
            return True
        meta[COUNTED] = True
        now = cls.clock()
        if now < CallerThrottle._away_until:
            return True
        try:
            count = _count(_key(caller, meta, int(now) // WINDOW_SECONDS))
        except RedisError as error:
            CallerThrottle._away_until = now + PAUSE_SECONDS
            log.warning("no rate limits for %s s, the cache is away: %s", PAUSE_SECONDS, error)
            return True
        return count <= limit

    @classmethod
    def seconds_left(cls) -> float:
        """Seconds until the next minute begins."""
        return WINDOW_SECONDS - cls.clock() % WINDOW_SECONDS


def count_refusal(request: Request) -> Throttled | None:
    """Count a request that was refused; what to answer instead once the share is used up.

    DRF asks its throttles last: who shows no credential, a bad one, or one that does not permit
    this is refused before, and could go on for ever. Counting refusals here costs others nothing.
    """
    caller = vars(request).get("_user")  # ``request.user`` would authenticate once more
    if not isinstance(caller, Caller) or COUNTED in request.META:
        return None
    if CallerThrottle.admit(caller, request.META):
        return None
    return Throttled(wait=CallerThrottle.seconds_left())


def limit_of(caller: Caller) -> int:
    """Requests a minute, 0 for no limit."""
    limits: dict[str, int] = settings.REQUESTS_PER_MINUTE
    return limits.get(caller.kind, 0)


def _key(caller: Caller, meta: dict[str, Any], window: int) -> str:
    who = caller.name
    if not caller.is_authenticated:
        who = client_address(meta, settings.TRUSTED_PROXIES)
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
