"""What Celery runs: trainings, on schedule and when asked."""

from dataclasses import asdict
from typing import Any

from celery import shared_task

from recommendations.models import TrainingRun
from recommendations.training.one_at_a_time import Outcome
from recommendations.training.refreshing import refresh
from recommendations.training.retraining import overdue, retrain


@shared_task(name="recommendations.retrain_if_changed", ignore_result=True)
def retrain_if_changed() -> dict[str, Any]:
    """Train when songs or profiles changed; beat sends this every RETRAIN_INTERVAL_SECONDS."""
    return _trained(retrain(only_if_changed=True))


@shared_task(name="recommendations.refresh_if_changed", ignore_result=True)
def refresh_if_changed() -> dict[str, Any]:
    """Refresh the live model; beat sends this every REFRESH_INTERVAL_SECONDS, where that is set.

    A training that gave way to a refresh goes first: it would be asked for an interval later.
    """
    return retrain_if_changed() if overdue() else asdict(refresh(only_if_changed=True))


@shared_task(name="recommendations.retrain_now", ignore_result=True)
def retrain_now() -> dict[str, Any]:
    """Train, whether or not anything changed."""
    return _trained(retrain())


def _trained(outcome: Outcome) -> dict[str, Any]:
    """The outcome. Where a challenger was refused, the live recipe is trained on the data of now.

    Else what is served would learn nothing new, and go on leaning on who was forgotten.
    """
    if outcome.status == TrainingRun.Status.REFUSED:
        refresh(every_song=True)
    return asdict(outcome)
