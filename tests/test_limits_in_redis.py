"""Rate limits counted in a real Redis: one count for all processes, and none while it is away."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings
from redis import Redis
from redis.exceptions import RedisError

from access import listener_tokens
from access.throttles import CallerThrottle
from conftest import require
from musicrec.caches import cache_settings
from tests.ports import free_port

pytestmark = [pytest.mark.django_db, pytest.mark.redis]

ADDRESS = "/api/v1/songs"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A Redis of this test's own, which it may stop."""
    program = shutil.which("redis-server")
    require(program is not None, "Redis (the program redis-server)")
    port = free_port()
    command = [str(program), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    process = subprocess.Popen([*command, "--dir", str(tmp_path)], stdout=subprocess.DEVNULL)
    url = f"redis://127.0.0.1:{port}/0"
    _wait_for(url)
    yield url, process
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait(10)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            with Redis.from_url(url) as client:
                client.ping()
        except RedisError:
            assert time.monotonic() < deadline, "Redis did not start"
            time.sleep(0.02)
        else:
            return


@pytest.fixture
def headers(
    server: tuple[str, object], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """The credential of a listener who may call twice a minute."""
    settings.CACHES = cache_settings(server[0])
    settings.REQUESTS_PER_MINUTE = {"listener": 2}
    monkeypatch.setattr(CallerThrottle, "clock", staticmethod(lambda: 1_750_000_000.0))
    monkeypatch.setattr(CallerThrottle, "_away_until", 0.0)
    yield {"authorization": f"Bearer {listener_tokens.issue('101', 600)}"}
    cache.close()


def test_the_count_is_one_for_all_processes(headers: dict[str, str], settings: Settings) -> None:
    assert Client().get(ADDRESS, headers=headers).status_code == 200
    # Another process knows nothing but the address of Redis.
    settings.CACHES = dict(settings.CACHES)

    assert Client().get(ADDRESS, headers=headers).status_code == 200
    assert Client().get(ADDRESS, headers=headers).status_code == 429


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_redis_that_dies_or_hangs_costs_one_short_wait_and_no_request(
    headers: dict[str, str], server: tuple[str, "subprocess.Popen[bytes]"], how: signal.Signals
) -> None:
    assert Client().get(ADDRESS, headers=headers).status_code == 200
    server[1].send_signal(how)

    started = time.monotonic()
    statuses = [Client().get(ADDRESS, headers=headers).status_code for _ in range(20)]

    assert statuses == [200] * 20
    assert time.monotonic() - started < 2.0
