"""Models, for operators: which there are, train one, make one live."""

from typing import Any

from drf_spectacular.utils import extend_schema
from kombu.exceptions import OperationalError as BrokerUnreachable
from rest_framework import status
from rest_framework.exceptions import APIException, NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access.permissions import Operates
from recommendations import tasks
from recommendations.api.paging import DEFAULT_LIMIT, PAGE, next_address
from recommendations.api.queries import parse
from recommendations.api.serializers import (
    PAGE_PARAMETERS,
    RetrainingSerializer,
    VersionPageSerializer,
    VersionSerializer,
)
from recommendations.model_store import BrokenArtifact
from recommendations.models import ModelVersion
from recommendations.training import versions


class QueueUnreachable(APIException):
    """The training could not be handed to a worker."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "queue_unreachable"
    default_detail = "The task queue cannot be reached; try again."


class Unreadable(APIException):
    """The stored version fails its checks; the one that is live stays live."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "broken_artifact"


class ModelsView(APIView):
    """GET /api/v1/models: published versions, newest first."""

    permission_classes = (Operates,)

    @extend_schema(parameters=PAGE_PARAMETERS, responses=VersionPageSerializer)
    def get(self, request: Request) -> Response:
        """Versions with their recipe, metrics and verdict."""
        query = parse(request.query_params, PAGE)
        limit = query.get("limit", DEFAULT_LIMIT)
        versions = ModelVersion.objects.select_related("training_run").order_by("-pk")
        if "cursor" in query:
            versions = versions.filter(pk__lt=query["cursor"][0])
        rows = list(versions[: limit + 1])
        last = [rows[limit - 1].pk] if len(rows) > limit else None
        return Response(
            {
                "results": [described(row) for row in rows[:limit]],
                "next": next_address(request, last),
            }
        )


class RetrainView(APIView):
    """POST /api/v1/models/retrain: hand a training to a worker."""

    permission_classes = (Operates,)

    @extend_schema(request=None, responses={202: RetrainingSerializer})
    def post(self, request: Request) -> Response:
        """Accepted at once; the training run tells how it went."""
        try:
            task = tasks.retrain_now.delay()
        except (BrokerUnreachable, OSError) as error:
            raise QueueUnreachable from error
        return Response({"task_id": task.id, "status": "accepted"}, status=status.HTTP_202_ACCEPTED)


class ActivateView(APIView):
    """POST /api/v1/models/{version}/activate: make a published version live, also an older one."""

    permission_classes = (Operates,)

    @extend_schema(request=None, responses=VersionSerializer)
    def post(self, request: Request, version: str) -> Response:
        """Live from the next request on, after its files have been checked."""
        try:
            versions.activate(version)
        except ModelVersion.DoesNotExist as error:
            raise NotFound(f"no version {version!r}") from error
        except BrokenArtifact as error:
            raise Unreadable(f"{version} fails its checks and was not made live") from error
        row = ModelVersion.objects.select_related("training_run").get(version=version)
        return Response(described(row))


def described(row: ModelVersion) -> dict[str, Any]:
    """A version with the training that it came of."""
    run = row.training_run
    return {
        "version": row.version,
        "algorithm": row.algorithm,
        "created_at": row.created_at,
        "activated_at": row.activated_at,
        "live": row.is_live,
        "parameters": run.parameters,
        "metrics": run.metrics,
        "watermark": run.watermark,
        "status": run.status,
        "reason": run.reason,
    }
