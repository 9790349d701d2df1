"""Django's cache: Redis where an address is set, else the memory of each process."""

from typing import Any, Final

# A limit or a cached value is not worth a slow answer: past this, the cache counts as away.
REDIS_TIMEOUT_SECONDS: Final = 0.25


def cache_settings(redis_url: str) -> dict[str, Any]:
    """The CACHES setting.

    redis-py's own default is to try for many seconds, with pauses. Here: once more, at once, for a
    connection that Redis closed while it was idle.
    """
    if not redis_url:
        return {
            "default": {
                "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
                # With Django's 300, four hundred addresses would wipe each other's counts.
                "OPTIONS": {"MAX_ENTRIES": 50_000},
            }
        }
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": redis_url,
            "KEY_PREFIX": "musicrec",
            "OPTIONS": {
                "socket_connect_timeout": REDIS_TIMEOUT_SECONDS,
                "socket_timeout": REDIS_TIMEOUT_SECONDS,
                "retry": Retry(NoBackoff(), 1),
            },
        }
    }
