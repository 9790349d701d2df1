"""One request for recommendations of a process at a time, from its first line to its last.

The outermost middleware: what a request does before and after the view would fight for the
interpreter as much as the view itself (recommendations/serving/turns.py says why).
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from recommendations.serving.turns import whole_request

Answer = Callable[[HttpRequest], HttpResponse]

# Both routes that make a list; those that may wait for something never take the turn.
ENDING = "/recommendations"


def take_turns(get_response: Answer) -> Answer:
    """Middleware."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.path_info.endswith(ENDING):
            return get_response(request)
        with whole_request():
            return get_response(request)

    return middleware
