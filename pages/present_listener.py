"""Whose page it is: the listener that this browser's session speaks for."""

import time
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest

from access import listener_tokens
from access.listener_sessions import SESSION_KEY, UNTIL_KEY

clock = time.time


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser: the listener it is for, if any, and whether it may choose any other."""

    user_id: str | None
    may_choose: bool


def visitor_of(request: HttpRequest) -> Visitor:
    """Who is looking. Staff and visitors of a demonstration may be any listener."""
    user = getattr(request, "user", None)
    may_choose = settings.DEMO or bool(user is not None and user.is_active and user.is_staff)
    return Visitor(_listener_of(request, may_choose=may_choose), may_choose)


def _listener_of(request: HttpRequest, *, may_choose: bool) -> str | None:
    """The session's listener, as long as what made it one lasts: the token, or the right."""
    user_id: str | None = request.session.get(SESSION_KEY)
    until = request.session.get(UNTIL_KEY)
    lasts = may_choose if until is None else clock() < until
    return user_id if lasts else None


def sign_in_with(request: HttpRequest, token: str) -> bool:
    """Make the session the listener's whom the token is for; false for a bad or expired one."""
    caller = listener_tokens.caller_of(token.strip())
    until = listener_tokens.expiry_of(token.strip())
    if caller is None or caller.user_id is None or until is None:
        return False
    become(request, caller.user_id, until=until)
    return True


def become(request: HttpRequest, user_id: str, *, until: int | None = None) -> None:
    """Make the session this listener's: until then, or while the visitor may choose any.

    A fresh session key: the old one may be known to others.
    """
    request.session.cycle_key()
    request.session[SESSION_KEY] = user_id
    request.session[UNTIL_KEY] = until


def leave(request: HttpRequest) -> None:
    """End being a listener; a member of staff stays signed in."""
    request.session.pop(SESSION_KEY, None)
    request.session.pop(UNTIL_KEY, None)
