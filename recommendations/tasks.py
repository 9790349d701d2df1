"""What Celery runs: trainings, on schedule and when asked."""

from dataclasses import asdict
from typing import Any

from celery import shared_task

from recommendations.training.refreshing import refresh
from recommendations.training.retraining import retrain


@shared_task(name="recommendations.retrain_if_changed", ignore_result=True)
def retrain_if_changed() -> dict[str, Any]:
    """Train when songs or profiles changed; beat sends this every RETRAIN_INTERVAL_SECONDS."""
    return asdict(retrain(only_if_changed=True))


@shared_task(name="recommendations.refresh_if_changed", ignore_result=True)
def refresh_if_changed() -> dict[str, Any]:
    """Refresh the live model; beat sends this every REFRESH_INTERVAL_SECONDS, where that is set."""
    return asdict(refresh(only_if_changed=True))


@shared_task(name="recommendations.retrain_now", ignore_result=True)
def retrain_now() -> dict[str, Any]:
    """Train, whether or not anything changed."""
    return asdict(retrain())
