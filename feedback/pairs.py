"""What the database knows of songs, and of what users think of them."""

from collections.abc import Iterable

from django.db import connection

Pair = tuple[str, str]


def known_songs(song_ids: Iterable[str]) -> set[str]:
    """Those of the songs that stand in the catalogue."""
    wanted = list(set(song_ids))
    if not wanted:
        return set()
    # Not through the ORM: every batch asks, in the midst of its transaction.
    marks = ", ".join(["%s"] * len(wanted))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT song_id FROM song WHERE song_id IN ({marks})", wanted)  # noqa: S608
        return {song_id for (song_id,) in cursor.fetchall()}


def order_keys(pairs: Iterable[Pair]) -> dict[Pair, int]:
    """The order keys that user_profile holds for (user_id, song_id), of the pairs that it has."""
    wanted = sorted(set(pairs))
    if not wanted:
        return {}
    # The wanted pairs come first in the FROM and CROSS JOIN keeps SQLite from turning the order
    # round: it would read every judgement of every song otherwise.
    statement = f"""
        WITH wanted (user_id, song_id) AS (VALUES {", ".join(["(%s, %s)"] * len(wanted))})
        SELECT listener.user_id, user_profile.song_id, user_profile.order_key
        FROM wanted
        CROSS JOIN listener
        CROSS JOIN user_profile
        WHERE listener.user_id = wanted.user_id
          AND user_profile.listener_id = listener.id
          AND user_profile.song_id = wanted.song_id
    """  # noqa: S608 - nothing but placeholders goes in
    with connection.cursor() as cursor:
        cursor.execute(statement, [text for pair in wanted for text in pair])
        return {(user_id, song_id): key for user_id, song_id, key in cursor.fetchall()}
