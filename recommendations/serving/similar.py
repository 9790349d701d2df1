"""Songs like a song, and listeners like a listener."""

from itertools import islice
from typing import Any

from django.db import connection

from recommendations.serving import popular_songs
from recommendations.serving.live_model import live_model
from recommendations.serving.song_info import SongInfo, songs_by_id
from recommendations.serving.state import state_of_nobody
from recommendations.song_index import genres_of


def similar_songs(song: SongInfo, limit: int) -> dict[str, Any]:
    """Songs that the same listeners like; for one the model lacks, its artist's and genre's.

    song: a song of the catalogue. The strategy says which of the two the list is.
    """
    stored = live_model.at(state_of_nobody().live_version)
    row = stored.songs.row(song["song_id"]) if stored else None
    scored: list[tuple[SongInfo, float]] = []
    if stored is not None and row is not None:
        # Twice as many as asked for: some may have left the catalogue since the training.
        rows, values = stored.model.similar(row, 2 * limit)
        ids = stored.songs.song_ids[rows].tolist()
        info = songs_by_id(ids)
        scored = [
            (info[i], value) for i, value in zip(ids, values.tolist(), strict=True) if i in info
        ]
    strategy = "similar" if scored else "same_artist_or_genre"
    scored = scored or _alike_by_name(song, limit)
    return {
        "song_id": song["song_id"],
        "strategy": strategy,
        "model": {
            "version": stored.version if stored else None,
            "algorithm": stored.recipe.algorithm if stored else "popularity",
        },
        "results": [
            {"rank": rank, "song": found, "score": score}
            for rank, (found, score) in enumerate(scored[:limit], start=1)
        ],
    }


def _alike_by_name(song: SongInfo, limit: int) -> list[tuple[SongInfo, float]]:
    """The artist's other songs, then those of its first genre, the most liked first."""
    left_out = {song["song_id"]}
    found: list[tuple[SongInfo, float]] = []
    if song["artist"]:
        found += islice(popular_songs.without_model(None, song["artist"], left_out), limit)
        left_out |= {other["song_id"] for other, _ in found}
    for genre in genres_of(song["genre"])[:1]:
        found += islice(popular_songs.without_model(genre, None, left_out), limit - len(found))
    return found


NEIGHBOURS = """
SELECT other.user_id, COUNT(*) AS common,
  (SELECT COUNT(*) FROM user_profile AS p WHERE p.listener_id = other.id AND p.value = 1) AS theirs
FROM user_profile AS mine
JOIN user_profile AS shared
  ON shared.song_id = mine.song_id AND shared.value = 1 AND shared.listener_id <> mine.listener_id
JOIN listener AS other ON other.id = shared.listener_id
WHERE mine.listener_id = %s AND mine.value = 1
GROUP BY other.id, other.user_id
"""


def similar_users(user_id: str, limit: int) -> list[dict[str, Any]] | None:
    """The listeners with the most alike likes, by cosine; None for an unknown user.

    Exact and live, so its cost grows with the likes of the songs that the user likes.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, (SELECT COUNT(*) FROM user_profile AS p"
            " WHERE p.listener_id = listener.id AND p.value = 1) FROM listener WHERE user_id = %s",
            [user_id],
        )
        found = cursor.fetchone()
        if found is None:
            return None
        listener, mine = found
        cursor.execute(NEIGHBOURS, [listener])
        scored = [
            (common / (mine * theirs) ** 0.5, common, other)
            for other, common, theirs in cursor.fetchall()
        ]
    scored.sort(key=lambda row: (-row[0], row[2]))
    return [
        {"user_id": other, "similarity": similarity, "common_likes": common}
        for similarity, common, other in scored[:limit]
    ]
