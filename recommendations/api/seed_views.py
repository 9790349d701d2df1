"""The seed's route for its clients: the one best song, ids as numbers where they are such."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access.permissions import SeedRoute
from recommendations.api.queries import parse
from recommendations.api.serializers import SeedRecommendationSerializer
from recommendations.serving.answers import recommend_for
from recommendations.serving.ordering import Wanted


class SeedRecommendView(APIView):
    """GET /recommend/{user_id}: the best song for a listener."""

    permission_classes = (SeedRoute,)

    @extend_schema(responses=SeedRecommendationSerializer)
    def get(self, request: Request, user_id: str) -> Response:
        """One song; 404 only where there is none that the listener has not judged."""
        parse(request.query_params, {})
        results = recommend_for(user_id, Wanted(limit=1))["results"]
        if not results:
            raise NotFound("there is no song left to recommend")
        song = results[0]["song"]
        song_id = as_number(song["song_id"])
        return Response(
            {
                "recommended_song_id": song_id,
                "predicted_like_score": min(1.0, max(0.0, results[0]["score"])),
                "song_info": {**song, "song_id": song_id},
            }
        )


def as_number(identifier: str) -> Any:
    """A plain integer id as a number, as the seed's clients know it; any other as it is."""
    plain = identifier.isascii() and identifier.isdigit() and len(identifier) < 16
    return int(identifier) if plain and str(int(identifier)) == identifier else identifier
