"""What each kind of caller gets from each kind of view."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from access.tests.conftest import Cast

pytestmark = pytest.mark.django_db

ANY, OPERATORS = "/api/open-to-any-credential", "/api/operators"


def test_no_credential_is_a_401_that_says_how_to_show_one(client: Client) -> None:
    answer = client.get(ANY)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="musicrec"'
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "not_authenticated"


def test_every_bad_credential_gets_the_same_answer(client: Client, cast: Cast) -> None:
    wrong_secret = cast.service[:-43] + "A" * 43
    bodies = set()
    for header in (
        cast.expired,
        wrong_secret,
        "Bearer",
        "Bearer x",
        "Basic eDp5",
        "",
        cast.a + "x",
    ):
        answer = client.get(ANY, headers={"authorization": header})
        assert answer.status_code == 401, header
        assert "WWW-Authenticate" in answer
        bodies.add((answer.json()["detail"], answer.json()["code"]))

    assert len(bodies) == 1


def test_a_credential_in_the_address_is_nobody(client: Client, cast: Cast) -> None:
    token = cast.service.removeprefix("Bearer ")

    for name in ("access_token", "token", "key", "authorization"):
        assert client.get(ANY, {name: token}).status_code == 401


def test_a_listener_reaches_its_own_data_and_finds_no_other(client: Client, cast: Cast) -> None:
    own = client.get("/api/users/101", headers={"authorization": cast.a})
    other = client.get("/api/users/102", headers={"authorization": cast.a})

    assert own.json() == {"name": "listener:101"}
    assert other.status_code == 404
    assert other.json()["code"] == "not_found"


def test_a_service_reaches_every_listener(client: Client, cast: Cast) -> None:
    for user_id in ("101", "102", "nobody yet"):
        answer = client.get(f"/api/users/{user_id}", headers={"authorization": cast.service})
        assert answer.status_code == 200


def test_only_operators_operate(client: Client, cast: Cast) -> None:
    def status(header: str) -> int:
        return client.get(OPERATORS, headers={"authorization": header}).status_code

    assert client.get(OPERATORS).status_code == 401
    assert (status(cast.a), status(cast.service), status(cast.operator)) == (403, 403, 200)


def test_the_seeds_routes_are_closed_unless_opened(client: Client, settings: Settings) -> None:
    assert client.get("/recommend/101").status_code == 401

    settings.SEED_ROUTES_OPEN = True

    assert client.get("/recommend/101").status_code == 200


def test_an_open_seed_route_takes_anyone_for_any_listener_but_a_token_for_its_own(
    client: Client, settings: Settings, cast: Cast
) -> None:
    settings.SEED_ROUTES_OPEN = True

    def like(user_id: str, **headers: str) -> int:
        return client.post(
            "/like", {"user_id": user_id}, content_type="application/json", headers=headers
        ).status_code

    assert like("102") == 200
    assert like("102", authorization=cast.service) == 200
    assert like("102", authorization=cast.b) == 200
    assert like("102", authorization=cast.a) == 404
    assert client.get("/recommend/102", headers={"authorization": cast.a}).status_code == 404
    assert client.get("/recommend/102", headers={"authorization": cast.expired}).status_code == 401


def test_a_session_of_staff_operates(client: Client) -> None:
    user = User.objects.create_user("root", password="x", is_staff=True)
    client.force_login(user)

    assert client.get(OPERATORS).json() == {"name": f"staff:{user.pk}"}


def test_a_session_of_anybody_else_is_no_credential(client: Client) -> None:
    client.force_login(User.objects.create_user("jo", password="x"))

    assert client.get(OPERATORS).status_code == 401


@pytest.mark.usefixtures("client")
def test_a_change_by_session_needs_the_csrf_token() -> None:
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(User.objects.create_user("root", password="x", is_staff=True))

    answer = careful.post(ANY, {"user_id": "1"}, content_type="application/json")

    assert answer.status_code == 403


def test_a_header_wins_over_a_session(client: Client, cast: Cast) -> None:
    client.force_login(User.objects.create_user("root", password="x", is_staff=True))

    assert client.get(OPERATORS, headers={"authorization": cast.expired}).status_code == 401
    assert client.get(OPERATORS, headers={"authorization": cast.a}).status_code == 403
