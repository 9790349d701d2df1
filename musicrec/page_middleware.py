"""Django's middleware for people, which calls by programs pass by.

A call of the API with an Authorization header, or without a session cookie, has no use for
sessions, users, messages or static files; each of them costs it several microseconds.
"""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.wsgi import WSGIRequest
from django.http.response import HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware

from musicrec.problems import is_api


def is_program(request: WSGIRequest) -> bool:
    """Whether a session can have no part in this request."""
    return is_api(request.path_info) and (
        "HTTP_AUTHORIZATION" in request.META
        or settings.SESSION_COOKIE_NAME not in request.META.get("HTTP_COOKIE", "")
    )


class ForPeople:
    """Goes around the middleware that it is mixed into, for calls by programs."""

    get_response: Callable[[WSGIRequest], HttpResponseBase]

    def __call__(self, request: WSGIRequest) -> HttpResponseBase:
        """Answer through the middleware or around it."""
        if is_program(request):
            return self.get_response(request)
        through: HttpResponseBase = super().__call__(request)  # type: ignore[misc]
        return through


class StaticFiles(ForPeople, WhiteNoiseMiddleware):  # type: ignore[misc]
    """WhiteNoise, for people."""


class Sessions(ForPeople, SessionMiddleware):  # type: ignore[misc]
    """Django's sessions, for people."""


class Users(ForPeople, AuthenticationMiddleware):  # type: ignore[misc]
    """``request.user`` from the session, for people. Programs have theirs from their credential."""


class Messages(ForPeople, MessageMiddleware):  # type: ignore[misc]
    """Django's messages, for people."""
