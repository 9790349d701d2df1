"""Which callers a view answers. ``Serves`` is the default, so a forgotten view is closed."""

from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.exceptions import NotFound
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from access.callers import ANONYMOUS, ANYONE, Caller

if TYPE_CHECKING:  # DRF's views import their permissions and throttles
    from rest_framework.views import APIView


def caller_of(request: Request) -> Caller:
    """The caller of an authenticated request."""
    caller = request.user
    return caller if isinstance(caller, Caller) else ANONYMOUS


def require_acts_for(caller: Caller, user_id: str) -> None:
    """Raise NotFound unless the caller may act for that listener.

    The answer is that of a listener who does not exist, so it tells nothing about who does.
    """
    if not caller.may_act_for(user_id):
        raise NotFound


class Serves(BasePermission):
    """Any credential."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Whether a credential was shown; without one the answer is 401."""
        return caller_of(request).is_authenticated


class ActsForListener(BasePermission):
    """Whoever may act for the listener of the view's ``user_id``; others get 404."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Whether a credential was shown. Raises NotFound for somebody else's listener."""
        caller = caller_of(request)
        if not caller.is_authenticated:
            return False
        require_acts_for(caller, str(view.kwargs["user_id"]))
        return True


class Operates(BasePermission):
    """Operators: service keys with the scope ``operate``, and staff."""

    message = "This needs a service key with the scope operate, or a session of staff."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Whether the caller operates; else 401 without a credential and 403 with one."""
        return caller_of(request).operates


class SeedRoute(BasePermission):
    """One of the seed's two routes: anyone where SEED_ROUTES_OPEN is set, else any credential.

    A caller that shows a listener token speaks for that listener alone here, too: a ``user_id``
    in the address is checked; one in the body is the view's to check, by ``may_act_for``.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Whether the route is open or a credential was shown. Raises NotFound as above."""
        if not caller_of(request).is_authenticated:
            if not settings.SEED_ROUTES_OPEN:
                return False
            request.user = ANYONE  # type: ignore[assignment]
        if "user_id" in view.kwargs:
            require_acts_for(caller_of(request), str(view.kwargs["user_id"]))
        return True
