"""Log lines: one line an event, ``name=value`` after it, nothing secret in it.

    2026-03-01T12:00:00.123Z INFO musicrec.requests request=4f1c… GET /api/v1/songs 200 1.3 ms

Whatever a client wrote is escaped, so that it can neither begin a line of its own nor colour a
terminal, and what looks like a credential is cut to its public part, wherever it comes from.
"""

import logging
import re
import time
from typing import Any, Final

from musicrec import request_ids

_CREDENTIAL: Final = re.compile(r"(mrs_[0-9a-f]{12}_|mrl_|[Bb]earer\s+)[A-Za-z0-9_.~+/=-]{8,}")
_LOGIN_LINK: Final = re.compile(r"(/login/)[^\s'\"?]+")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class OneLine(logging.Formatter):
    """Formats a record, its traceback included, as one line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        parts = [f"{stamp}.{int(record.msecs):03d}Z", record.levelname, record.name]
        if request_id := request_ids.current():
            parts.append(f"request={request_id}")
        parts.append(record.getMessage())
        # A wrong Host and the like are said in one line: anyone can send thousands of them.
        if record.exc_info and not record.name.startswith("django.security"):
            parts.append("traceback=" + self.formatException(record.exc_info))
        return escaped(redacted(" ".join(parts)))


def redacted(text: str) -> str:
    """The text with credentials cut to what is public of them."""
    return _LOGIN_LINK.sub(r"\1…", _CREDENTIAL.sub(r"\1…", text))


def escaped(text: str) -> str:
    """The text with line ends and other control characters written out."""
    return _UNPRINTABLE.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def logging_settings(level: str) -> dict[str, Any]:
    """The LOGGING setting: everything to standard error."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"one_line": {"()": "musicrec.log_lines.OneLine"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "one_line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            # Every answer of 400 and more has its line in musicrec.requests already.
            "django.request": {"level": "ERROR"},
            # Tells each state of each connection to the broker, at length.
            "kafka": {"level": "WARNING"},
        },
    }
