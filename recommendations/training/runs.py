"""Trainings that came to an end, by what they were."""

from django.db.models import Q, QuerySet

from recommendations.models import TrainingRun


def finished() -> QuerySet[TrainingRun]:
    """Trainings that published a model, live or refused, the last first."""
    statuses = [TrainingRun.Status.LIVE, TrainingRun.Status.REFUSED]
    return TrainingRun.objects.filter(status__in=statuses).order_by("-pk")


def went_live() -> QuerySet[TrainingRun]:
    """Trainings whose model went live by itself or by hand, the last first."""
    by_hand = Q(model_version__activated_at__isnull=False)
    return TrainingRun.objects.filter(Q(status=TrainingRun.Status.LIVE) | by_hand).order_by("-pk")


def whole(runs: QuerySet[TrainingRun]) -> QuerySet[TrainingRun]:
    """Those of them that chose a recipe: no refreshes."""
    return runs.filter(refreshed="")
