"""Where likes come in: one by one, in batches, and as the seed's clients send them.

Every 2xx means that the event stands in the database. Kafka is not asked.
"""

from typing import Any

import orjson
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access.callers import Caller
from access.permissions import ActsForListener, SeedRoute, Serves, caller_of, require_acts_for
from feedback.api.requests import (
    SEED_FIELDS,
    Errors,
    checked,
    idempotency_key,
    like_or_dislike,
    rows_of,
    wish_of_row,
)
from feedback.api.serializers import (
    AcceptedSerializer,
    ActionSerializer,
    BatchSerializer,
    EventSerializer,
    SeedAnswerSerializer,
    SeedLikeSerializer,
)
from feedback.event_notes import note_event
from feedback.fields import FieldError, identifier, with_dashes
from feedback.outbox import Accepted, Refused, Wish, accept
from feedback.reasons import Refusal
from recommendations.api.queries import parse

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Your own id of this request: sent again, it gets the first answer.",
)
HELD_AHEAD = "The profile holds a word on this song that is dated more than a day ahead."
FORGOTTEN = "This lies before the user was forgotten: what was said until then has no effect."
FORGOTTEN_AHEAD = (
    "The user was forgotten up to a time that lies ahead of this clock. What is said counts again"
    " once the clock has come near that time."
)
# Which field of a row a refusal is about, and what to say of it.
REFUSALS = {
    Refusal.UNKNOWN_SONG: ("song_id", "there is no such song"),
    Refusal.ID_CONFLICT: ("event_id", "this id was used for another event"),
    Refusal.HELD_AHEAD: ("song_id", HELD_AHEAD),
    Refusal.FORGOTTEN: ("occurred_at", FORGOTTEN),
    Refusal.FORGOTTEN_AHEAD: ("user_id", FORGOTTEN_AHEAD),
}
CONFLICTS = {
    Refusal.ID_CONFLICT: "This Idempotency-Key was used for another request.",
    Refusal.HELD_AHEAD: HELD_AHEAD,
    Refusal.FORGOTTEN: FORGOTTEN,
    Refusal.FORGOTTEN_AHEAD: FORGOTTEN_AHEAD,
}


class Conflict(APIException):
    """What is asked for does not go together with what was said before."""

    status_code = status.HTTP_409_CONFLICT


class LikeView(APIView):
    """/api/v1/users/{user_id}/likes/{song_id}: what one listener thinks of one song."""

    permission_classes = (ActsForListener,)

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY], request=ActionSerializer, responses={202: AcceptedSerializer}
    )
    def put(self, request: Request, user_id: str, song_id: str) -> HttpResponse:
        """Like or dislike a song."""
        body = checked(request.data, {"action": like_or_dislike})
        return self._accept(request, user_id, song_id, body["action"])

    @extend_schema(parameters=[IDEMPOTENCY_KEY], request=None, responses={202: AcceptedSerializer})
    def delete(self, request: Request, user_id: str, song_id: str) -> HttpResponse:
        """Take back what was said of a song, if anything was."""
        return self._accept(request, user_id, song_id, "unlike")

    def _accept(self, request: Request, user_id: str, song_id: str, action: str) -> HttpResponse:
        parse(request.query_params, {})
        wish = Wish(user_id, song_id, action, client_id=idempotency_key(request))
        answer = accept_one(caller_of(request), wish)
        # Bytes, not a Response: DRF's negotiation and rendering would cost a tenth of the request.
        response = HttpResponse(
            orjson.dumps({"event_id": with_dashes(answer.event_id), "status": "accepted"}),
            status=status.HTTP_202_ACCEPTED,
            content_type="application/json",
        )
        return note_event(response, answer.event_id)


class FeedbackView(APIView):
    """POST /api/v1/feedback: up to 1,000 events in one request and one commit."""

    permission_classes = (Serves,)

    @extend_schema(request=EventSerializer(many=True), responses={202: BatchSerializer})
    def post(self, request: Request) -> Response:
        """Accept the good rows and name the bad ones."""
        parse(request.query_params, {})
        caller = caller_of(request)
        rows = [wish_of_row(row, caller) for row in rows_of(request.data)]
        results = _results(rows, caller)
        accepted = sum(result["status"] == "accepted" for result in results)
        return Response(
            {"accepted": accepted, "rejected": len(results) - accepted, "results": results},
            status=status.HTTP_202_ACCEPTED,
        )


class SeedLikeView(APIView):
    """POST /like: the seed's way to like a song."""

    permission_classes = (SeedRoute,)

    @extend_schema(request=SeedLikeSerializer, responses=SeedAnswerSerializer)
    def post(self, request: Request) -> Response:
        """Like a song."""
        parse(request.query_params, {})
        body = checked(request.data, SEED_FIELDS)
        require_acts_for(caller_of(request), body["user_id"])
        answer = accept_one(caller_of(request), Wish(body["user_id"], body["song_id"], "like"))
        response = Response({"status": "ok", "message": "The like is kept."})
        return note_event(response, answer.event_id)


def accept_one(caller: Caller, wish: Wish) -> Accepted:
    """Accept one wish. Raises NotFound, Conflict or ValidationError."""
    try:
        # From the address, so nobody has looked at it yet.
        identifier("user_id", wish.user_id)
    except FieldError as error:
        raise ValidationError({error.field: [str(error)]}) from error
    [answer] = accept(caller, [wish])
    if isinstance(answer, Accepted):
        return answer
    if answer.reason == Refusal.UNKNOWN_SONG:
        raise NotFound("There is no such song.")
    raise Conflict(CONFLICTS[answer.reason], answer.reason.value)


def _results(rows: list[Wish | Errors], caller: Caller) -> list[dict[str, Any]]:
    """One result a row, in their order."""
    answers = iter(accept(caller, [row for row in rows if isinstance(row, Wish)]))
    return [
        {"index": index, **(_answered(next(answers)) if isinstance(row, Wish) else _rejected(row))}
        for index, row in enumerate(rows)
    ]


def _answered(answer: Accepted | Refused) -> dict[str, Any]:
    if isinstance(answer, Accepted):
        return {"status": "accepted", "event_id": with_dashes(answer.event_id)}
    field, message = REFUSALS[answer.reason]
    return _rejected({field: [message]})


def _rejected(errors: Errors) -> dict[str, Any]:
    return {"status": "rejected", "errors": errors}
