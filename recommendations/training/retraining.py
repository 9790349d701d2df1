"""One training: snapshot, choose, refit on all data, publish, and decide whether it goes live."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from recommendations.engine import selection
from recommendations.engine.model import Progress
from recommendations.leases import Hold
from recommendations.models import TrainingRun
from recommendations.training import snapshot, solved_songs
from recommendations.training.checkpoint_files import checkpoints_of
from recommendations.training.live_artifact import measured_since
from recommendations.training.one_at_a_time import Outcome, train_alone
from recommendations.training.publishing import Publication, can_serve
from recommendations.training.recipes import last_recipes, recipe_of
from recommendations.training.runs import finished, whole
from recommendations.training.training_bar import silent
from recommendations.training.versions import live_version


def retrain(
    *, algorithm: str | None = None, only_if_changed: bool = False, progress: Progress = silent
) -> Outcome:
    """Train once, unless another process is at it or (when asked) nothing has changed.

    Raises what the training raised, after writing it into the training run.
    """

    def train(run: TrainingRun, hold: Hold) -> Outcome:
        return _train(run, algorithm or settings.MODEL_ALGORITHM, hold, progress)

    def needless() -> Outcome | None:
        if only_if_changed and not data_changed():
            reason = "no song and no profile changed since the last training"
            return Outcome("unchanged", reason)
        return None

    return train_alone(train, needless)


def data_changed() -> bool:
    """Whether songs, profiles or the algorithm asked for differ from the last finished training.

    Or whether what is live cannot be served any more: after an upgrade, damaged, or without files.
    A refresh is no training here: it chose nothing, and left songs as they were.
    """
    if not can_serve(live_version()):
        return True
    last = whole(finished()).first()
    if last is None or last.metrics.get("asked_for") != settings.MODEL_ALGORITHM:
        return True
    return not snapshot.unchanged_since(last.watermark)


def overdue() -> bool:
    """Whether a training was due and has not been tried: it met a refresh, say, and gave way."""
    last = whole(TrainingRun.objects.order_by("-pk")).first()
    seconds = settings.RETRAIN_INTERVAL_SECONDS + settings.REFRESH_INTERVAL_SECONDS
    due = last is not None and timezone.now() - last.started_at > timedelta(seconds=seconds)
    return due and data_changed()


def _train(run: TrainingRun, algorithm: str, hold: Hold, progress: Progress) -> Outcome:
    progress("reading songs and profiles", 0.0)
    data = snapshot.take()
    solved_songs.clear(data)
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
    found = Publication(run, data, choice.recipe, choice.answers, choice.cut_train)
    kept = checkpoints_of(choice.recipe, data.interactions)
    metrics = {"asked_for": algorithm, **_metrics(choice), "live_since": since}
    found.publish(metrics, kept, progress)
    outcome = found.enter(hold, choice.reason, promote=choice.promote)
    if outcome.status == TrainingRun.Status.LIVE:
        solved_songs.keep(kept, found.version, choice.recipe, data)
    kept.remove()
    return outcome


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
