"""The one read of a request: which model is live, and what the listener thinks now."""

from dataclasses import dataclass

from django.db import connection

# One statement, so that version and profile are of one moment. The first row stands even where
# there is no live model, no such listener or no judgement.
READ = """
SELECT live.version, listener.id, profile.song_id, profile.value
FROM (SELECT 1 AS one) AS always
LEFT JOIN model_version AS live ON live.is_live
LEFT JOIN listener ON listener.user_id = %s
LEFT JOIN user_profile AS profile ON profile.listener_id = listener.id AND profile.value <> 0
"""


@dataclass(frozen=True, slots=True)
class ServingState:
    """The live version (None before the first training) and one listener's present profile."""

    live_version: str | None
    known: bool
    liked: tuple[str, ...]
    disliked: tuple[str, ...]


def read(user_id: str) -> ServingState:
    """Read the live version and the profile of a user, who may be unknown."""
    with connection.cursor() as cursor:
        cursor.execute(READ, [user_id])
        rows = cursor.fetchall()
    return ServingState(
        live_version=rows[0][0],
        known=rows[0][1] is not None,
        liked=tuple(row[2] for row in rows if row[3] == 1),
        disliked=tuple(row[2] for row in rows if row[3] == -1),
    )


def live_version() -> str | None:
    """The live version alone, for requests that are about no listener."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT version FROM model_version WHERE is_live")
        row = cursor.fetchone()
    return row[0] if row else None
