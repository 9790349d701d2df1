"""A few routes that go wrong in every way, and a client that sees answers as clients do."""

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from pytest_django import Settings
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from musicrec import problems

FAULTS = {
    "404": Http404("No Song matches the given query."),
    "403": PermissionDenied("because of table x"),
    "400": SuspiciousOperation("the reason is ours"),
    "503": OperationalError("database is locked"),
    "500": ZeroDivisionError("a secret of the inside"),
}


class Like(serializers.Serializer[object]):
    """One judgement."""

    song_id = serializers.CharField(max_length=3)
    action = serializers.ChoiceField(choices=["like", "dislike"])


class Body(serializers.Serializer[object]):
    """A body with all that can be wrong in one: values, lists, nested objects."""

    user_id = serializers.CharField()
    likes = Like(many=True)
    numbers = serializers.ListField(child=serializers.IntegerField(), required=False)


class Anything(APIView):
    """Raises what it is asked to, and otherwise says what it was sent."""

    permission_classes = [AllowAny]

    def get(self, request: Request) -> Response:
        fault = request.query_params.get("fault")
        if fault:
            raise FAULTS[fault]
        return Response({"fine": True})

    def post(self, request: Request) -> Response:
        return Response({"got": request.data})

    def put(self, request: Request) -> Response:
        body = Body(data=request.data)
        body.is_valid(raise_exception=True)
        return Response({})


def plain(request: HttpRequest) -> HttpResponse:
    """A view without DRF around it."""
    fault = request.GET.get("fault")
    if fault:
        raise FAULTS[fault]
    return HttpResponse("fine")


urlpatterns = [
    path("api/anything", Anything.as_view()),
    path("api/v1/feedback", Anything.as_view()),
    path("api/plain", plain),
    path("page", plain),
]
handler400 = problems.bad_request
handler403 = problems.permission_denied
handler404 = problems.not_found
handler500 = problems.server_error


@pytest.fixture
def web(settings: Settings) -> Client:
    """Calls the routes above; what they raise is answered, as a server would."""
    settings.ROOT_URLCONF = "musicrec.tests.conftest"
    return Client(raise_request_exception=False)
