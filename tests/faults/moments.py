"""Times as the two databases give them to whoever asks without Django."""

from datetime import UTC, datetime


def seconds_since_1970(moment: str | datetime) -> float:
    """SQLite gives text in UTC, Postgres the time."""
    if isinstance(moment, str):
        return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
    return moment.timestamp()
