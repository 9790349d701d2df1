"""One view for each permission, under addresses of the tests' own, and the cast that calls them."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import path
from pytest_django import Settings
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access import listener_tokens, service_keys
from access.permissions import ActsForListener, Operates, SeedRoute, caller_of, require_acts_for
from access.throttles import CallerThrottle


class Echo(APIView):
    """Says who called."""

    def get(self, request: Request, user_id: str = "") -> Response:
        return Response({"name": caller_of(request).name})

    def post(self, request: Request, user_id: str = "") -> Response:
        require_acts_for(caller_of(request), str(dict(request.data)["user_id"]))
        return Response({"name": caller_of(request).name})


urlpatterns = [
    path("api/open-to-any-credential", Echo.as_view()),
    path("api/users/<str:user_id>", Echo.as_view(permission_classes=[ActsForListener])),
    path("api/operators", Echo.as_view(permission_classes=[Operates])),
    path("recommend/<str:user_id>", Echo.as_view(permission_classes=[SeedRoute])),
    path("like", Echo.as_view(permission_classes=[SeedRoute])),
]


@pytest.fixture
def client(client: Client, settings: Settings) -> Iterator[Client]:
    """Calls the views above; no count of an earlier test is left."""
    settings.ROOT_URLCONF = "access.tests.conftest"
    settings.SEED_ROUTES_OPEN = False
    cache.clear()
    CallerThrottle._away_until = 0.0
    yield client
    cache.clear()


@dataclass(frozen=True)
class Cast:
    """Authorization headers, by who shows them."""

    a: str
    b: str
    service: str
    operator: str
    expired: str


@pytest.fixture
def cast() -> Cast:
    """Listener a ("101"), listener b ("102"), a service, an operator, and a token of the past."""
    return Cast(
        a=f"Bearer {listener_tokens.issue('101', 60)}",
        b=f"Bearer {listener_tokens.issue('102', 60)}",
        service=f"Bearer {service_keys.issue('shop')}",
        operator=f"Bearer {service_keys.issue('ops', ['operate'])}",
        expired=f"Bearer {listener_tokens.issue('101', 60, now=1_000_000_000)}",
    )
