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


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("shown", [{}, {"authorization": "Bearer mrs_0123456789ab_" + "x" * 43}])
def test_who_has_no_good_credential_is_counted_on_every_route(
    client: Client, cast: Cast, shown: dict[str, str]
) -> None:
    addresses = [ANY, "/api/users/101", "/api/operators", ANY]

    answers = [client.get(address, headers=shown) for address in addresses]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert answers[3]["Retry-After"] == "20"
    assert answers[3].json()["code"] == "throttled"
    assert client.get(ANY, headers={"authorization": cast.a}).status_code == 200


@pytest.mark.usefixtures("clock")
def test_what_a_listener_may_not_counts_as_its_request(client: Client, cast: Cast) -> None:
    addresses = ["/api/users/102", "/api/operators", ANY]

    answers = [client.get(address, headers={"authorization": cast.a}) for address in addresses]

    assert [answer.status_code for answer in answers] == [404, 403, 429]


@pytest.mark.usefixtures("clock")
def test_a_request_is_counted_once_also_where_its_view_refuses_it(
    client: Client, cast: Cast
) -> None:
    def statuses() -> list[int]:
        return [
            client.post(
                "/like",
                {"user_id": "102"},
                content_type="application/json",
                headers={"authorization": cast.a},
            ).status_code
            for _ in range(3)
        ]

    assert statuses() == [404, 404, 429]


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
