"""One training: snapshot, choose, refit on all data, publish, and decide whether it goes live."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from recommendations import model_store
from recommendations.engine import algorithms, selection
from recommendations.engine.model import Model, Progress
from recommendations.engine.reporting import Report, report_of_training
from recommendations.leases import Hold, LeaseTaken, free_if_holder_died, lease
from recommendations.models import ModelVersion, TrainingRun
from recommendations.song_index import SongIndex
from recommendations.training import snapshot
from recommendations.training.checkpoint_files import checkpoints_of
from recommendations.training.live_artifact import measured_since
from recommendations.training.recipes import last_recipes, recipe_of
from recommendations.training.versions import live_version, make_live, prune

logger = logging.getLogger(__name__)

LEASE = "retrain"


@dataclass(frozen=True)
class Outcome:
    """What a retraining came to. ``version`` is None where nothing was trained."""

    status: str
    reason: str
    version: str | None = None
    algorithm: str | None = None
    parameters: dict[str, Any] | None = None
    metrics: dict[str, Any] | None = None
    seconds: float = 0.0


def retrain(
    *, algorithm: str | None = None, only_if_changed: bool = False, progress: Progress | None = None
) -> Outcome:
    """Train once, unless another process is at it or (when asked) nothing has changed.

    Raises what the training raised, after writing it into the training run.
    """
    free_if_holder_died(LEASE)
    try:
        with lease(LEASE, ttl_seconds=settings.TRAINING_LEASE_SECONDS) as hold:
            return _retrain(algorithm, only_if_changed, hold, progress or _silent)
    except LeaseTaken:
        return Outcome("skipped", "another process is training now")


def _retrain(
    algorithm: str | None, only_if_changed: bool, hold: Hold, progress: Progress
) -> Outcome:
    """Train, holding the lease."""
    if only_if_changed and not data_changed():
        return Outcome("unchanged", "no song and no profile changed since the last training")
    # Holding the lease, no other training is under way: a run that says so died.
    TrainingRun.objects.filter(status=TrainingRun.Status.RUNNING).update(
        status=TrainingRun.Status.FAILED, reason="the process ended before the training did"
    )
    model_store.sweep()
    return _record(algorithm or settings.MODEL_ALGORITHM, hold, progress)


def data_changed() -> bool:
    """Whether songs, profiles or the algorithm asked for differ from the last finished training.

    Or whether what is live cannot be served any more: after an upgrade, damaged, or without files.
    """
    if not _can_serve(live_version()):
        return True
    finished = [TrainingRun.Status.LIVE, TrainingRun.Status.REFUSED]
    last = TrainingRun.objects.filter(status__in=finished).order_by("-pk").first()
    if last is None or last.metrics.get("asked_for") != settings.MODEL_ALGORITHM:
        return True
    return not snapshot.unchanged_since(last.watermark)


def _record(algorithm: str, hold: Hold, progress: Progress) -> Outcome:
    """Train with a training run that says how it went, also when it fails."""
    run = TrainingRun.objects.create(started_at=timezone.now())
    try:
        outcome = _train(run, algorithm, hold, progress)
    except BaseException as error:
        _finish(run, TrainingRun.Status.FAILED, f"{type(error).__name__}: {error}")
        raise
    return outcome


def _train(run: TrainingRun, algorithm: str, hold: Hold, progress: Progress) -> Outcome:
    progress("reading songs and profiles", 0.0)
    data = snapshot.take()
    live = live_version()
    since = measured_since(live, data)
    choice = selection.choose(
        data.interactions,
        algorithm=algorithm,
        budget_seconds=settings.TRAINING_BUDGET_SECONDS,
        live=recipe_of(live),
        last=last_recipes(),
        pinned=algorithm == settings.MODEL_ALGORITHM,
        serving_microseconds=settings.SERVING_BUDGET_MICROSECONDS,
        progress=progress,
    )
    version = f"{run.started_at:%Y%m%dT%H%M%S}-{run.pk}"
    metrics = {"asked_for": algorithm, **_metrics(choice), "live_since": since}
    metrics["report"] = _publish(version, data, choice, metrics, progress)
    run.algorithm, run.parameters = choice.recipe.algorithm, choice.recipe.parameters
    run.metrics, run.watermark = metrics, data.watermark
    promote, reason = choice.promote, choice.reason
    if not promote and not _can_serve(live):
        promote, reason = True, f"{reason}; but the live version's artifact cannot be read"
    if not hold.valid:
        # Another process may have trained on newer data meanwhile, and made that live.
        promote, reason = False, f"{reason}; the lease ran out before it was published"
    return _enter(run, version, reason, promote=promote)


def _can_serve(live: ModelVersion | None) -> bool:
    """Whether nothing is live yet, or what is live is in the store, whole, as this code writes it.

    Its arrays are read: of a damaged one the manifest tells nothing.
    """
    try:
        return live is None or model_store.load(live.version) is not None
    except model_store.BrokenArtifact:
        return False


def _publish(
    version: str,
    data: snapshot.Snapshot,
    choice: selection.Choice,
    metrics: dict[str, Any],
    progress: Progress,
) -> Report:
    """Fit on all data, put the artifact into the model store, and report on what it lists."""
    progress(f"fitting {choice.recipe.algorithm} on all data", 0.0)
    kept = checkpoints_of(choice.recipe, data.interactions)
    model = algorithms.fit(choice.recipe, data.interactions, progress, kept)
    songs = SongIndex.build(data.songs, data.interactions.like_counts)
    progress("measuring what it lists", 0.0)
    report = _reported(model, data, choice, songs.genre_names.tolist())
    progress("publishing", 0.0)
    model_store.publish(
        version,
        choice.recipe,
        model,
        songs,
        n_listeners=data.interactions.n_users,
        metrics={**metrics, "report": report},
        watermark=data.watermark,
    )
    kept.remove()
    return report


def _reported(
    model: Model, data: snapshot.Snapshot, choice: selection.Choice, genre_names: list[str]
) -> Report:
    """What the model lists; empty where that cannot be told, which costs no training."""
    try:
        return report_of_training(
            model,
            data.interactions,
            genre_names,
            answers=choice.answers,
            cut=choice.cut_train,
            seed=choice.recipe.seed,
        )
    except Exception:
        # It decides nothing. Raised, the same data would fail each training to come as well.
        logger.exception("the model is published without a report on what it lists")
        return {}


def _enter(run: TrainingRun, version: str, reason: str, *, promote: bool) -> Outcome:
    """Write down what was published, and make it live where that is its due."""
    status = TrainingRun.Status.LIVE if promote else TrainingRun.Status.REFUSED
    with transaction.atomic():
        _finish(run, status, reason)
        ModelVersion.objects.create(
            version=version,
            training_run=run,
            algorithm=run.algorithm,
            created_at=timezone.now(),
        )
        if promote:
            make_live(version)
    prune()
    return Outcome(
        status=str(status),
        reason=reason,
        version=version,
        algorithm=run.algorithm,
        parameters=run.parameters,
        metrics=run.metrics,
        seconds=run.duration_seconds or 0.0,
    )


def _metrics(choice: selection.Choice) -> dict[str, Any]:
    """What the training run keeps: by those who chose, the winner, popularity and the live one.

    promotion: by those who decided, what it was held against, and what it had to reach.
    """
    return {
        "seed": choice.recipe.seed,
        "winner": choice.metrics,
        "popularity": choice.popularity_metrics,
        "live": choice.live_metrics,
        "promotion": choice.promotion,
        "trials": [trial.as_dict() for trial in choice.trials],
        "tune_seconds": choice.tune_seconds,
    }


def _finish(run: TrainingRun, status: TrainingRun.Status, reason: str) -> None:
    run.finished_at = timezone.now()
    run.duration_seconds = (run.finished_at - run.started_at) / timedelta(seconds=1)
    run.status, run.reason = status, reason
    run.save()


def _silent(what: str, done: float) -> None:
    """Report progress to nobody."""
