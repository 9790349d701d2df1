"""Limits: whom they meet, how they are told, and that they never stand in a request's way."""

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings
from redis.exceptions import ConnectionError as RedisIsAway

from access.tests.conftest import Cast
from access.throttles import PAUSE_SECONDS, CallerThrottle

pytestmark = pytest.mark.django_db

ANY = "/api/open-to-any-credential"


class Clock:
    """A clock that stands where the test puts it."""

    now = 1_750_000_000.0  # 40 s past a full minute

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Clock:
    """The throttle's clock, and small limits."""
    settings.REQUESTS_PER_MINUTE = {"listener": 2, "anonymous": 3, "service": 0}
    clock = Clock()
    monkeypatch.setattr(CallerThrottle, "clock", staticmethod(clock))
    return clock


def test_a_listener_past_its_limit_is_told_when_to_come_back(
    client: Client, cast: Cast, clock: Clock
) -> None:
    answers = [client.get(ANY, headers={"authorization": cast.a}) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2]["Retry-After"] == "20"
    assert answers[2].json()["code"] == "throttled"
    assert client.get(ANY, headers={"authorization": cast.b}).status_code == 200

    clock.now += 20
    assert client.get(ANY, headers={"authorization": cast.a}).status_code == 200


@pytest.mark.usefixtures("clock")
def test_a_service_has_no_limit_unless_set(client: Client, cast: Cast, settings: Settings) -> None:
    def statuses() -> list[int]:
        calls = (client.get(ANY, headers={"authorization": cast.service}) for _ in range(5))
        return [call.status_code for call in calls]

    assert statuses() == [200] * 5

    settings.REQUESTS_PER_MINUTE = {"service": 4}
    assert statuses() == [200] * 4 + [429]


@pytest.mark.usefixtures("clock")
def test_a_spoofed_address_gains_nothing(client: Client, settings: Settings) -> None:
    settings.SEED_ROUTES_OPEN = True

    statuses = [
        client.get("/recommend/1", headers={"x-forwarded-for": f"10.0.0.{n}"}).status_code
        for n in range(4)
    ]

    assert statuses == [200, 200, 200, 429]


def test_a_cache_that_is_away_lets_everyone_through_and_is_left_alone_for_a_while(
    client: Client, cast: Cast, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def away(key: str) -> int:
        asked.append(key)
        raise RedisIsAway

    monkeypatch.setattr(cache, "incr", away)

    for _ in range(4):
        assert client.get(ANY, headers={"authorization": cast.a}).status_code == 200
    assert len(asked) == 1

    clock.now += PAUSE_SECONDS
    client.get(ANY, headers={"authorization": cast.a})
    assert len(asked) == 2
