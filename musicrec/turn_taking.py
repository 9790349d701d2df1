"""One request for recommendations of a process at a time, from its first line to its last.

Around the whole application, not a middleware: what Django does before its middleware and after it
would fight for the interpreter as much as the view itself (recommendations/serving/turns.py says
why). A like never takes the turn: it waits for the disk, and others compute meanwhile.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from recommendations.serving.turns import whole_request

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

# The routes that make a list from the address alone. A body may come slowly: a request that reads
# one takes the turn for its arithmetic only.
METHOD: Final = "GET"
ENDING: Final = "/recommendations"


def take_turns(application: Application) -> Application:
    """The application, with the turn around each request for recommendations."""

    def in_turn(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != METHOD or not environ["PATH_INFO"].endswith(ENDING):
            return application(environ, start_response)
        with whole_request():
            return _whole(application(environ, start_response))

    return in_turn


def _whole(answer: Iterable[bytes]) -> list[bytes]:
    """All of an answer, which is then over: Django does its last work when it is closed."""
    try:
        return list(answer)
    finally:
        close = getattr(answer, "close", None)
        if close is not None:
            close()
