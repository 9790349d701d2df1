"""Every route of the installation × every kind of caller. A route that is not listed here fails."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import Settings

from access import listener_tokens, service_keys
from feedback.models import OutboxEvent
from recommendations.models import Interaction, Listener, Song

Guard = Literal["open", "any", "own", "for all", "operators", "numbers", "seed"]
Caller = Literal["anonymous", "a", "b", "service", "operator", "staff", "expired"]

# What each route is guarded by. "own": who may act for the listener of the address, here "101",
# whose token a holds. "any": any credential. "for all": who acts for every listener.
GUARDS: Final[dict[str, Guard]] = {
    "GET /api/v1/users/<id:user_id>/recommendations": "own",
    "POST /api/v1/recommendations": "any",
    "GET /api/v1/users/<id:user_id>/likes": "own",
    "GET /api/v1/users/<id:user_id>/similar-users": "for all",
    "GET /api/v1/songs": "any",
    "GET /api/v1/songs/popular": "any",
    "GET /api/v1/songs/<id:song_id>": "any",
    "GET /api/v1/songs/<id:song_id>/similar": "any",
    "GET /api/v1/models": "operators",
    "POST /api/v1/models/retrain": "operators",
    "POST /api/v1/models/<id:version>/activate": "operators",
    "PUT /api/v1/users/<id:user_id>/likes/<id:song_id>": "own",
    "DELETE /api/v1/users/<id:user_id>/likes/<id:song_id>": "own",
    "POST /api/v1/feedback": "any",
    "DELETE /api/v1/users/<id:user_id>": "own",
    "GET /api/v1/users/<id:user_id>/export": "own",
    "GET /recommend/<id:user_id>": "seed",
    "POST /like": "seed",
    "GET /healthz": "open",
    "GET /readyz": "open",
    "GET /metrics": "numbers",
    "GET /api/schema": "open",
    "GET /api/docs": "open",
}

# Addresses for people: pages and the admin guard themselves, by sessions, and are tried beside
# their own code.
FOR_PEOPLE: Final = ("/admin/", "/login/")

# The status of a refusal, by guard and caller; whoever is not named is let in.
REFUSALS: Final[dict[Guard, dict[Caller, int]]] = {
    "open": {},
    "any": {"anonymous": 401, "expired": 401},
    "own": {"anonymous": 401, "expired": 401, "b": 404},
    "for all": {"anonymous": 401, "expired": 401, "a": 404, "b": 404},
    "operators": {"anonymous": 401, "expired": 401, "a": 403, "b": 403, "service": 403},
    "numbers": {"anonymous": 401, "expired": 401, "a": 403, "b": 403},
    "seed": {"anonymous": 401, "expired": 401, "b": 404},
}
CALLERS: Final[tuple[Caller, ...]] = (
    "anonymous",
    "a",
    "b",
    "service",
    "operator",
    "staff",
    "expired",
)
IN_ADDRESS: Final = {
    "<id:user_id>": "101",
    "<id:song_id>": "1",
    "<id:version>": "no-such-version",
}
BODIES: Final[dict[str, Any]] = {
    "POST /like": {"user_id": "101", "song_id": "1"},
    "POST /api/v1/recommendations": {"likes": ["1"]},
    "POST /api/v1/feedback": [],
}


@dataclass(frozen=True)
class Route:
    """A method at a pattern."""

    method: str
    pattern: str

    def __str__(self) -> str:
        return f"{self.method} {self.pattern}"

    @property
    def address(self) -> str:
        """The pattern with values of the cast in it."""
        address = self.pattern
        for placeholder, value in IN_ADDRESS.items():
            address = address.replace(placeholder, value)
        return address


def routes() -> list[Route]:
    """Every route that programs can call, as Django resolves them."""
    return [
        Route(method, pattern)
        for pattern, entry in patterns(get_resolver().url_patterns, "/")
        if not pattern.startswith(FOR_PEOPLE) and not entry.lookup_str.startswith("pages.")
        for method in methods(entry)
    ]


def patterns(entries: list[Any], prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for entry in entries:
        pattern = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from patterns(entry.url_patterns, pattern)
        else:
            yield pattern, entry


def methods(entry: URLPattern) -> list[str]:
    """The methods of a class-based view; a plain function is tried with GET."""
    view = getattr(entry.callback, "cls", getattr(entry.callback, "view_class", None))
    if view is None:
        return ["GET"]
    return [
        name.upper() for name in ("get", "post", "put", "patch", "delete") if hasattr(view, name)
    ]


@pytest.fixture
def _data(settings: Settings, db: None) -> Iterator[None]:
    """A song that "101" and "102" like, so that nothing is missing for those who are let in."""
    settings.SEED_ROUTES_OPEN = False
    cache.clear()
    Song.objects.create(song_id="1", title="One", artist="A", genre="x")
    Song.objects.create(song_id="2", title="Two", artist="B", genre="x")
    for user_id in ("101", "102"):
        listener = Listener.objects.create(user_id=user_id)
        Interaction.objects.create(
            listener=listener,
            song_id="1",
            value=1,
            order_key=1,
            event_id="00000000-0000-0000-0000-000000000001",
            updated_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
    yield
    cache.clear()


def call(route: Route, caller: Caller) -> HttpResponse:
    """One request by one of the cast."""
    client = Client(raise_request_exception=False)
    # Given, so that a random one cannot hold the number of a listener by chance.
    headers = {"x-request-id": "the-request"}
    if caller == "staff":
        client.force_login(User.objects.create_user("root", is_staff=True))
    elif caller != "anonymous":
        headers["authorization"] = f"Bearer {credential(caller)}"
    answer: Any = client.generic(
        route.method,
        route.address,
        *body_of(route),
        headers=headers,
    )
    return answer  # type: ignore[no-any-return]


def credential(caller: Caller) -> str:
    match caller:
        case "a":
            return listener_tokens.issue("101", 60)
        case "b":
            return listener_tokens.issue("102", 60)
        case "expired":
            return listener_tokens.issue("101", 60, now=1_000_000_000)
        case "operator":
            return service_keys.issue("ops", ["operate"])
        case _:
            return service_keys.issue("shop")


def body_of(route: Route) -> tuple[bytes, str]:
    return json.dumps(BODIES.get(str(route), {"action": "like"})).encode(), "application/json"


def test_every_route_is_listed_and_every_listed_route_exists() -> None:
    assert {str(route) for route in routes()} == set(GUARDS)


@pytest.mark.usefixtures("_data")
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("route", routes(), ids=str)
def test_a_route_lets_in_whom_it_should_and_nobody_else(route: Route, caller: Caller) -> None:
    guard = GUARDS[str(route)]

    answer = call(route, caller)

    refusal = REFUSALS[guard].get(caller)
    if refusal is None:
        missing = "<id:version>" in route.pattern
        assert answer.status_code not in (401, 403, 405, 415, 429), answer.content
        assert answer.status_code < 500, answer.content
        assert missing or answer.status_code != 404, answer.content
    else:
        assert answer.status_code == refusal, answer.content
        assert answer["Content-Type"] == "application/problem+json"
        assert ("WWW-Authenticate" in answer) == (refusal == 401)
        # A refusal tells nothing: for a listener that is not there it is the same.
        assert b"101" not in answer.content


@pytest.mark.usefixtures("_data")
@pytest.mark.parametrize("caller", ["anonymous", "service", "a"])
@pytest.mark.parametrize(
    "route", [route for route in routes() if GUARDS.get(str(route)) == "seed"], ids=str
)
def test_the_seeds_routes_can_be_opened(route: Route, caller: Caller, settings: Settings) -> None:
    settings.SEED_ROUTES_OPEN = True

    assert call(route, caller).status_code == 200
    assert call(route, "b").status_code == 404
    assert call(route, "expired").status_code == 401


@pytest.mark.usefixtures("_data")
@pytest.mark.parametrize("route", [r for r in routes() if GUARDS.get(str(r)) == "own"], ids=str)
def test_who_is_there_cannot_be_found_out_with_the_token_of_another(route: Route) -> None:
    there = call(route, "b")
    Interaction.objects.all().delete()
    Listener.objects.filter(user_id="101").delete()
    not_there = call(route, "b")

    assert there.content == not_there.content


@pytest.mark.usefixtures("_data")
def test_a_batch_takes_from_a_listener_only_what_is_its_own() -> None:
    events = [{"user_id": user_id, "song_id": "2", "action": "like"} for user_id in ("101", "102")]

    answer: Any = Client().post(
        "/api/v1/feedback",
        events,
        content_type="application/json",
        headers={"authorization": f"Bearer {credential('b')}"},
    )

    assert answer.status_code == 202
    assert [row["status"] for row in answer.json()["results"]] == ["rejected", "accepted"]
    assert [event.user_id for event in OutboxEvent.objects.all()] == ["102"]
