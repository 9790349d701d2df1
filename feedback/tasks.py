"""What Celery runs for likes: what may go, goes; what the log is about to drop is kept."""

import logging
from dataclasses import asdict

from celery import shared_task

from feedback.retention import keep_old_profiles, prune
from recommendations.leases import LeaseTaken

logger = logging.getLogger(__name__)


@shared_task(name="feedback.prune", ignore_result=True)
def prune_likes() -> dict[str, int]:
    """Delete what may go; beat sends this every hour."""
    try:
        pruned = asdict(prune())
    except LeaseTaken:
        return {}
    if pruned["untraced"]:
        logger.warning("%d rows of the outbox stay: see verify_likes", pruned["untraced"])
    return pruned


@shared_task(name="feedback.keep_old_profiles", ignore_result=True)
def keep_profiles() -> int:
    """Keep what Kafka is about to drop; beat sends this every day."""
    return keep_old_profiles()
