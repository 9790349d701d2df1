"""One training at a time, whoever began it, each with a training run that says how it went."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils import timezone

from recommendations import model_store
from recommendations.leases import Hold, LeaseTaken, free_if_holder_died, lease
from recommendations.models import TrainingRun

LEASE = "retrain"


@dataclass(frozen=True)
class Outcome:
    """What a training came to. ``version`` is None where nothing was trained."""

    status: str
    reason: str
    version: str | None = None
    algorithm: str | None = None
    parameters: dict[str, Any] | None = None
    metrics: dict[str, Any] | None = None
    seconds: float = 0.0


def train_alone(
    train: Callable[[TrainingRun, Hold], Outcome], needless: Callable[[], Outcome | None]
) -> Outcome:
    """Train, unless another process is at it or there is a reason not to.

    needless: why nothing is to be trained, asked when no other training is under way. Raises what
    the training raised, after writing it into the training run.
    """
    free_if_holder_died(LEASE)
    try:
        with lease(LEASE, ttl_seconds=settings.TRAINING_LEASE_SECONDS) as hold:
            return needless() or _recorded(train, hold)
    except LeaseTaken:
        return Outcome("skipped", "another process is training now")


def _recorded(train: Callable[[TrainingRun, Hold], Outcome], hold: Hold) -> Outcome:
    """Train with a training run that says how it went, also when it fails."""
    # Holding the lease, no other training is under way: a run that says so died.
    TrainingRun.objects.filter(status=TrainingRun.Status.RUNNING).update(
        status=TrainingRun.Status.FAILED, reason="the process ended before the training did"
    )
    model_store.sweep()
    run = TrainingRun.objects.create(started_at=timezone.now())
    try:
        outcome = train(run, hold)
    except BaseException as error:
        # What came after a version went live makes it no less live.
        if TrainingRun.objects.filter(pk=run.pk, status=TrainingRun.Status.RUNNING).exists():
            run.finish(TrainingRun.Status.FAILED, f"{type(error).__name__}: {error}")
        raise
    return outcome
