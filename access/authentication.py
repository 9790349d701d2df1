"""From a request to its Caller: an Authorization header, else a session of staff."""

from typing import Final

from django.conf import settings
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from access import listener_tokens, service_keys
from access.callers import Caller, staff

CHALLENGE: Final = 'Bearer realm="musicrec"'

# One message for all that can be wrong: a hint which part was would help only to guess.
REFUSAL: Final = "The credential is not valid here."


class CredentialAuthentication(BaseAuthentication):
    """Bearer credentials first; without one, a session of staff, with CSRF as DRF checks it."""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        """The caller, None without any credential. Raises AuthenticationFailed for a bad one."""
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is not None:
            return bearer(header), None
        caller = staff_of(request._request)
        if caller is None:
            return None
        SessionAuthentication().enforce_csrf(request)
        return caller, None

    def authenticate_header(self, request: Request) -> str:
        """The challenge that a 401 carries."""
        return CHALLENGE


def bearer(header: str) -> Caller:
    """The caller of an Authorization header. Raises AuthenticationFailed."""
    scheme, _, credential = header.partition(" ")
    credential = credential.strip()
    caller = None
    if scheme.lower() == "bearer":
        if credential.startswith(service_keys.START):
            caller = service_keys.caller_of(credential)
        elif credential.startswith(listener_tokens.START):
            caller = listener_tokens.caller_of(credential)
    if caller is None:
        raise AuthenticationFailed(REFUSAL)
    return caller


def staff_of(request: HttpRequest) -> Caller | None:
    """The member of staff whose session this is. Without a cookie no session is looked at."""
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return None
    user = getattr(request, "user", None)
    if user is None or not (user.is_active and getattr(user, "is_staff", False)):
        return None
    return staff(user.pk)
