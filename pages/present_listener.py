"""Whose page it is: the listener that this browser's session speaks for."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest

from access import listener_tokens

SESSION_KEY = "listener"


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser: the listener it is for, if any, and whether it may choose any other."""

    user_id: str | None
    may_choose: bool


def visitor_of(request: HttpRequest) -> Visitor:
    """Who is looking. Staff and visitors of a demonstration may be any listener."""
    user = getattr(request, "user", None)
    may_choose = settings.DEMO or bool(user is not None and user.is_active and user.is_staff)
    return Visitor(request.session.get(SESSION_KEY), may_choose)


def sign_in_with(request: HttpRequest, token: str) -> bool:
    """Make the session the listener's whom the token is for; false for a bad or expired one."""
    caller = listener_tokens.caller_of(token.strip())
    if caller is None or caller.user_id is None:
        return False
    become(request, caller.user_id)
    return True


def become(request: HttpRequest, user_id: str) -> None:
    """Make the session this listener's. A fresh session key: the old one may be known to others."""
    request.session.cycle_key()
    request.session[SESSION_KEY] = user_id


def leave(request: HttpRequest) -> None:
    """End being a listener; a member of staff stays signed in."""
    request.session.pop(SESSION_KEY, None)
