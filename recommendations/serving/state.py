"""The one read of a request: the live model, the catalogue's mark, what the listener thinks now."""

from dataclasses import dataclass
from functools import cache

from django.db import connection

from recommendations.serving.whole_rows import list_of, read


@dataclass(frozen=True, slots=True)
class ServingState:
    """What stands in the database as a request begins.

    live_version: None before the first training. catalogue_mark: another after every change of
    a song, None before the first. liked, disliked: the listener's present profile.
    """

    live_version: str | None
    catalogue_mark: str | None
    liked: tuple[str, ...]
    disliked: tuple[str, ...]


def state_of(user_id: str) -> ServingState:
    """Read the live version and the profile of a user, who may be unknown."""
    with connection.cursor() as cursor:
        cursor.execute(_statement(), [user_id])
        version, mark, liked, disliked = cursor.fetchone()
    return ServingState(version, mark, tuple(read(liked)), tuple(read(disliked)))


def state_of_nobody() -> ServingState:
    """The same for a request that is about no listener."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT version FROM model_version WHERE is_live),"
            " (SELECT mark FROM catalogue_mark)"
        )
        version, mark = cursor.fetchone()
    return ServingState(version, mark, (), ())


@cache
def _statement() -> str:
    # One statement, so that version and profile are of one moment; one row, also where there is
    # no live model, no such listener or no judgement.
    songs = list_of("profile.song_id")
    return f"""
        SELECT MAX(live.version), (SELECT mark FROM catalogue_mark),
          {songs} FILTER (WHERE profile.value = 1), {songs} FILTER (WHERE profile.value = -1)
        FROM (SELECT 1 AS one) AS always
        LEFT JOIN model_version AS live ON live.is_live
        LEFT JOIN listener ON listener.user_id = %s
        LEFT JOIN user_profile AS profile ON profile.listener_id = listener.id
    """  # noqa: S608 - nothing but names of functions goes in
