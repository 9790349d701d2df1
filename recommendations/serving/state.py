"""The one read of a request: which model is live, and what the listener thinks now."""

from dataclasses import dataclass
from functools import cache

from django.db import connection

from recommendations.serving.whole_rows import list_of, read


@dataclass(frozen=True, slots=True)
class ServingState:
    """The live version (None before the first training) and one listener's present profile."""

    live_version: str | None
    liked: tuple[str, ...]
    disliked: tuple[str, ...]


def state_of(user_id: str) -> ServingState:
    """Read the live version and the profile of a user, who may be unknown."""
    with connection.cursor() as cursor:
        cursor.execute(_statement(), [user_id])
        version, liked, disliked = cursor.fetchone()
    return ServingState(version, tuple(read(liked)), tuple(read(disliked)))


def live_version() -> str | None:
    """The live version alone, for requests that are about no listener."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT version FROM model_version WHERE is_live")
        row = cursor.fetchone()
    return row[0] if row else None


@cache
def _statement() -> str:
    # One statement, so that version and profile are of one moment; one row, also where there is
    # no live model, no such listener or no judgement.
    songs = list_of("profile.song_id")
    return f"""
        SELECT MAX(live.version),
          {songs} FILTER (WHERE profile.value = 1), {songs} FILTER (WHERE profile.value = -1)
        FROM (SELECT 1 AS one) AS always
        LEFT JOIN model_version AS live ON live.is_live
        LEFT JOIN listener ON listener.user_id = %s
        LEFT JOIN user_profile AS profile ON profile.listener_id = listener.id
    """  # noqa: S608 - nothing but names of functions goes in
