"""The catalogue: songs by page, by id, by likeness, by popularity."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access.permissions import Serves
from recommendations.api.paging import DEFAULT_LIMIT, PAGE, next_address
from recommendations.api.queries import genres, name, parse, wanted_list, whole_number
from recommendations.api.serializers import (
    LIMIT_PARAMETER,
    LIST_PARAMETERS,
    PAGE_PARAMETERS,
    RecommendationsSerializer,
    SimilarSongsSerializer,
    SongPageSerializer,
    SongSerializer,
)
from recommendations.models import Song
from recommendations.serving.answers import popular
from recommendations.serving.similar import similar_songs
from recommendations.serving.song_info import SongInfo, songs_by_id
from recommendations.song_filters import matching

TEXT_FILTERS = [
    OpenApiParameter("search", OpenApiTypes.STR, description="part of the title or artist"),
    OpenApiParameter(
        "genre",
        OpenApiTypes.STR,
        description="one whole genre, or any of several, at most 20: rock|jazz",
    ),
    OpenApiParameter("artist", OpenApiTypes.STR, description="the whole name"),
]


class SongsView(APIView):
    """GET /api/v1/songs: the catalogue, by page."""

    permission_classes = (Serves,)

    @extend_schema(parameters=[*TEXT_FILTERS, *PAGE_PARAMETERS], responses=SongPageSerializer)
    def get(self, request: Request) -> Response:
        """Songs in the order in which they came, filtered by words in them."""
        filters = {"search": name, "genre": genres, "artist": name}
        query = parse(request.query_params, {**PAGE, **filters})
        limit = query.get("limit", DEFAULT_LIMIT)
        songs = matching(query.get("search"), query.get("genre"), query.get("artist"))
        songs = songs.filter(pk__gt=query.get("cursor", (0,))[0]).order_by("pk")
        rows = list(songs[: limit + 1])
        last = [rows[limit - 1].pk] if len(rows) > limit else None
        return Response(
            {
                "results": [as_info(song) for song in rows[:limit]],
                "next": next_address(request, last),
            }
        )


class SongView(APIView):
    """GET /api/v1/songs/{song_id}: one song."""

    permission_classes = (Serves,)

    @extend_schema(responses=SongSerializer)
    def get(self, request: Request, song_id: str) -> Response:
        """The song, 404 where the catalogue has none of this id."""
        parse(request.query_params, {})
        return Response(song_or_404(song_id))


class SimilarSongsView(APIView):
    """GET /api/v1/songs/{song_id}/similar: songs that the same listeners like."""

    permission_classes = (Serves,)

    @extend_schema(parameters=[LIMIT_PARAMETER], responses=SimilarSongsSerializer)
    def get(self, request: Request, song_id: str) -> Response:
        """Similar songs; for a song that no model knows yet, its artist's and genre's."""
        query = parse(request.query_params, {"limit": whole_number(1, 100)})
        return Response(similar_songs(song_or_404(song_id), query.get("limit", 10)))


class PopularSongsView(APIView):
    """GET /api/v1/songs/popular: what most listeners like."""

    permission_classes = (Serves,)

    @extend_schema(parameters=LIST_PARAMETERS, responses=RecommendationsSerializer)
    def get(self, request: Request) -> Response:
        """The most liked songs, with the share of listeners who like each as score."""
        return Response(popular(wanted_list(request.query_params)))


def as_info(song: Song) -> SongInfo:
    """A song as answers show it."""
    return {
        "song_id": song.song_id,
        "title": song.title,
        "artist": song.artist,
        "genre": song.genre,
    }


def song_or_404(song_id: str) -> SongInfo:
    """The song of the catalogue. Raises NotFound."""
    song = songs_by_id([song_id]).get(song_id)
    if song is None:
        raise NotFound(f"no song {song_id!r}")
    return song
