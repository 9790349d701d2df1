"""What the page shows: recommendations with their reasons, the profile, the genres."""

from typing import Any

from pages.controls import Controls
from pages.present_listener import Visitor
from recommendations.models import Interaction, Listener, Song
from recommendations.serving.answers import recommend_for
from recommendations.serving.ordering import Wanted
from recommendations.serving.song_info import songs_by_id
from recommendations.song_index import genres_of

LISTED = 20
# A page of one artist is no page to discover music on; the API leaves that to its caller.
MOST_BY_ONE_ARTIST = 3
OPINIONS = 30
SUGGESTED_LISTENERS = 50
GENRES_READ_FROM = 5_000


def home_of(visitor: Visitor, controls: Controls) -> dict[str, Any]:
    """Everything the template needs for this visitor."""
    shown: dict[str, Any] = {"controls": controls}
    if visitor.may_choose:
        shown["listeners"] = list(
            Listener.objects.order_by("pk").values_list("user_id", flat=True)[:SUGGESTED_LISTENERS]
        )
    if visitor.user_id is not None:
        answer = recommend_for(visitor.user_id, _wanted(controls))
        shown |= {
            "answer": answer,
            "results": [_with_rest(result) for result in answer["results"]],
            "opinions": opinions_of(visitor.user_id),
            "genres": all_genres(),
        }
    return shown


def _wanted(controls: Controls) -> Wanted:
    return Wanted(
        limit=LISTED,
        genre=controls.genre or None,
        max_per_artist=MOST_BY_ONE_ARTIST,
        novelty=controls.novelty,
    )


def _with_rest(result: dict[str, Any]) -> dict[str, Any]:
    """The result with what its named reasons leave to all other likes together, in percent."""
    shares = [round(100 * reason["share"]) for reason in result["reasons"]]
    named = [
        {**reason, "percent": percent}
        for reason, percent in zip(result["reasons"], shares, strict=True)
        if percent > 0
    ]
    return {**result, "reasons": named, "rest": max(0, 100 - sum(shares))}


def opinions_of(user_id: str) -> list[dict[str, Any]]:
    """The newest likes and dislikes of a listener, with their songs."""
    rows = list(
        Interaction.objects.filter(listener__user_id=user_id)
        .exclude(value=Interaction.Value.WITHDRAWN)
        .order_by("-order_key", "-pk")[:OPINIONS]
    )
    info = songs_by_id(row.song_id for row in rows)
    return [
        {"song": info[row.song_id], "action": row.get_value_display()}
        for row in rows
        if row.song_id in info
    ]


def all_genres() -> list[str]:
    """The genres that the first songs of the catalogue have, for the choice of a filter."""
    fields = Song.objects.exclude(genre="").order_by("pk").values_list("genre", flat=True)
    return sorted({name for genre in fields[:GENRES_READ_FROM] for name in genres_of(genre)})
