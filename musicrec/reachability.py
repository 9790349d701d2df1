"""Whether a Kafka broker and a Redis answer, asked within a bounded time."""

import socket
import time
from collections.abc import Sequence
from itertools import count
from struct import pack, unpack
from typing import Final

KAFKA_PORT: Final = 9092
_API_VERSIONS: Final = 18
_CLIENT: Final = b"musicrec-health"
_correlations = count(1)


def kafka_fault(servers: Sequence[str], timeout_seconds: float) -> str | None:
    """Why no broker of the list answers, None if one does. All are asked within the one timeout.

    A connection is not enough: a broker that hangs still accepts them. So it is asked which
    requests it knows (ApiVersions, version 0), the one that every broker answers to anyone.
    """
    deadline = time.monotonic() + timeout_seconds
    fault = "no server is named"
    for server in servers:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            break
        try:
            _ask_api_versions(*_host_and_port(server), min(remaining, timeout_seconds / 2))
        except (OSError, ValueError) as error:
            fault = f"{server}: {error}"
        else:
            return None
    return fault


def _host_and_port(server: str) -> tuple[str, int]:
    bare = server.rpartition("://")[2]
    host, _, port = bare.rpartition(":") if ":" in bare.rpartition("]")[2] else (bare, "", "")
    return host.strip("[]"), int(port or KAFKA_PORT)


def _ask_api_versions(host: str, port: int, timeout_seconds: float) -> None:
    """Send one request and read the head of its answer. Raises OSError or ValueError."""
    correlation = next(_correlations)
    request = pack(">hhih", _API_VERSIONS, 0, correlation, len(_CLIENT)) + _CLIENT
    with socket.create_connection((host, port), timeout_seconds) as connection:
        connection.settimeout(timeout_seconds)
        connection.sendall(pack(">i", len(request)) + request)
        head = b""
        while len(head) < 8:
            part = connection.recv(8 - len(head))
            if not part:
                raise ValueError("it hung up: is this a Kafka broker?")
            head += part
    if unpack(">i", head[4:])[0] != correlation:
        raise ValueError("it does not speak Kafka's protocol")


def redis_fault(url: str, timeout_seconds: float) -> str | None:
    """Why the Redis at this address does not answer, None if it does."""
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
    from redis.retry import Retry

    try:
        with Redis.from_url(
            url,
            socket_connect_timeout=timeout_seconds,
            socket_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            client.ping()
    except (RedisError, OSError, ValueError) as error:
        return str(error) or type(error).__name__
    return None
