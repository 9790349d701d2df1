"""One id for each request: in its log lines, in its answer's header, in its errors."""

import re
import secrets
from contextvars import ContextVar
from typing import Final

HEADER: Final = "X-Request-ID"

_SANE: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
_current: ContextVar[str] = ContextVar("request_id", default="")


def current() -> str:
    """The id of the request being answered, "" outside of one."""
    return _current.get()


def begin(offered: str | None) -> str:
    """Take the id that the client offers if it is harmless in a log, else make one."""
    request_id = offered if offered and _SANE.fullmatch(offered) else secrets.token_hex(12)
    _current.set(request_id)
    return request_id


def end() -> None:
    """Forget the id: the thread goes on to other work."""
    _current.set("")
