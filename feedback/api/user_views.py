"""A user as a whole: everything that is held of them, and the end of it."""

from typing import Final

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException, NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access.permissions import ActsForListener
from feedback.api.serializers import ExportSerializer, ReceiptSerializer
from feedback.forgetting.deletion import forget
from feedback.forgetting.exporting import export
from recommendations.api.queries import parse
from recommendations.forgotten_ledger import LedgerUnwritable

# Of dead letters, one of which may have a megabyte; manage.py export_user has no limit.
MOST_RAW_BYTES: Final = 16_000_000


class CannotForget(APIException):
    """The ledger cannot be written: what was deleted could come back, so nothing is."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "Nobody can be forgotten now; nothing was deleted. The log says why."
    default_code = "ledger_unwritable"


class UserView(APIView):
    """/api/v1/users/{user_id}: one listener."""

    permission_classes = (ActsForListener,)

    @extend_schema(responses=ReceiptSerializer)
    def delete(self, request: Request, user_id: str) -> Response:
        """Forget a listener: delete all that is held, and keep it from coming back.

        Also of an unknown one, of whom events may still be on their way. What is said afterwards
        begins a new profile.
        """
        parse(request.query_params, {})
        try:
            receipt = forget(user_id)
        except LedgerUnwritable as error:
            raise CannotForget from error
        return Response(receipt.as_json())


class ExportView(APIView):
    """GET /api/v1/users/{user_id}/export: everything that is held of one listener."""

    permission_classes = (ActsForListener,)

    @extend_schema(responses=ExportSerializer)
    def get(self, request: Request, user_id: str) -> HttpResponse:
        """All rows of all tables; 404 for a listener of whom nothing is held."""
        parse(request.query_params, {})
        found = b"".join(export(user_id, most_raw_bytes=MOST_RAW_BYTES))
        if not found:
            raise NotFound(f"no user {user_id!r}")
        return HttpResponse(found, content_type="application/json")
