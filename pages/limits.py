"""How often a browser may hand something in: the limits of the API, told as a page."""

import math
from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from access import callers
from access.throttles import CallerThrottle
from pages.present_listener import visitor_of

View = Callable[[HttpRequest], HttpResponse]


def within_limits(view: View) -> View:
    """The view, for as many requests a minute as the listener has, or a stranger's address."""

    @wraps(view)
    def limited(request: HttpRequest) -> HttpResponse:
        user_id = visitor_of(request).user_id
        caller = callers.ANONYMOUS if user_id is None else callers.listener(user_id)
        if CallerThrottle.admit(caller, request.META):
            return view(request)
        seconds = math.ceil(CallerThrottle.seconds_left())
        answer = render(request, "pages/too_many.html", {"seconds": seconds}, status=429)
        answer["Retry-After"] = str(seconds)
        return answer

    return limited
