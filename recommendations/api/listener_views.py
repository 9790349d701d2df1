"""What one listener gets and has: recommendations, the profile, neighbours."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from django.db.models import Q
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access.permissions import ActsForListener, Serves, caller_of
from recommendations.api.paging import DEFAULT_LIMIT, PAGE, next_address
from recommendations.api.queries import parse, posted_profile, wanted_list, whole_number
from recommendations.api.serializers import (
    LIMIT_PARAMETER,
    LIST_PARAMETERS,
    PAGE_PARAMETERS,
    NeighboursSerializer,
    PostedProfileSerializer,
    ProfileSerializer,
    RecommendationsSerializer,
)
from recommendations.models import Interaction, Listener
from recommendations.serving.answers import recommend_for, recommend_from
from recommendations.serving.similar import similar_users
from recommendations.serving.song_info import songs_by_id

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RecommendationsView(APIView):
    """GET /api/v1/users/{user_id}/recommendations: ranked songs, best first."""

    permission_classes = (ActsForListener,)

    @extend_schema(parameters=LIST_PARAMETERS, responses=RecommendationsSerializer)
    def get(self, request: Request, user_id: str) -> HttpResponse:
        """Songs for one listener, from the profile as it stands now."""
        # Bytes, not a Response: DRF's negotiation and rendering would cost a tenth of the request.
        answer = recommend_for(user_id, wanted_list(request.query_params))
        return HttpResponse(orjson.dumps(answer), content_type="application/json")


class AnonymousRecommendationsView(APIView):
    """POST /api/v1/recommendations: the same for someone unknown."""

    permission_classes = (Serves,)

    @extend_schema(request=PostedProfileSerializer, responses=RecommendationsSerializer)
    def post(self, request: Request) -> Response:
        """Songs for likes and dislikes that are posted here and not stored."""
        return Response(recommend_from(*posted_profile(request.data)))


class ProfileView(APIView):
    """GET /api/v1/users/{user_id}/likes: what a listener likes and dislikes, newest first."""

    permission_classes = (ActsForListener,)

    @extend_schema(parameters=PAGE_PARAMETERS, responses=ProfileSerializer)
    def get(self, request: Request, user_id: str) -> Response:
        """One page of the profile; 404 for a listener nobody has heard of."""
        query = parse(request.query_params, PAGE)
        rows = profile_page(user_id, query.get("limit", DEFAULT_LIMIT) + 1, query.get("cursor"))
        return Response(as_page(request, rows, query.get("limit", DEFAULT_LIMIT)))


class SimilarUsersView(APIView):
    """GET /api/v1/users/{user_id}/similar-users: the listeners with the most alike likes."""

    permission_classes = (ActsForListener,)

    @extend_schema(parameters=[LIMIT_PARAMETER], responses=NeighboursSerializer)
    def get(self, request: Request, user_id: str) -> Response:
        """Neighbours by the cosine of likes. It names others, so no listener token may ask."""
        if not caller_of(request).acts_for_all:
            raise NotFound
        query = parse(request.query_params, {"limit": whole_number(1, 100)})
        found = similar_users(user_id, query.get("limit", 10))
        if found is None:
            raise NotFound(f"no user {user_id!r}")
        return Response({"user_id": user_id, "results": found})


def profile_page(user_id: str, limit: int, after: tuple[int, ...] | None) -> list[Interaction]:
    """Up to ``limit`` judgements, newest first, after the row of this key (order key, id)."""
    listener = Listener.objects.filter(user_id=user_id).first()
    if listener is None:
        raise NotFound(f"no user {user_id!r}")
    rows = Interaction.objects.filter(listener=listener).exclude(value=0)
    if after is not None:
        order_key, row_id = (*after, 0)[:2]
        rows = rows.filter(Q(order_key__lt=order_key) | Q(order_key=order_key, id__lt=row_id))
    return list(rows.order_by("-order_key", "-id")[:limit])


def as_page(request: Request, rows: list[Interaction], limit: int) -> dict[str, Any]:
    """The contract's profile page; a song that left the catalogue is shown by its id alone."""
    page = rows[:limit]
    info = songs_by_id(row.song_id for row in page)
    gone = {"title": "", "artist": "", "genre": ""}
    results = [
        {
            "song": info.get(row.song_id) or {"song_id": row.song_id, **gone},
            "action": "like" if row.value > 0 else "dislike",
            "updated_at": said_at(row),
        }
        for row in page
    ]
    last = (page[-1].order_key, page[-1].pk) if len(rows) > limit else None
    return {"results": results, "next": next_address(request, last)}


def said_at(row: Interaction) -> datetime:
    """When the listener said so; where no time is known, when it was written here."""
    return EPOCH + timedelta(microseconds=row.order_key) if row.order_key else row.updated_at
