"""From a recipe to a version: fit on all data, store, report on its lists, and make it live."""

import logging
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from recommendations import model_store
from recommendations.engine import algorithms
from recommendations.engine.checkpoints import Checkpoints
from recommendations.engine.earlier import Earlier
from recommendations.engine.evaluation import Answers
from recommendations.engine.interactions import Interactions
from recommendations.engine.model import Model, Progress, Recipe
from recommendations.engine.reporting import Report, report_of_training
from recommendations.leases import Hold
from recommendations.models import ModelVersion, TrainingRun
from recommendations.song_index import SongIndex
from recommendations.training.one_at_a_time import Outcome
from recommendations.training.snapshot import Snapshot
from recommendations.training.versions import live_version, make_live, prune, take_place_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Publication:
    """What a training publishes: the model of a recipe on all data of a snapshot.

    answers, cut: what the recipe's deciding users were given, and from what, where any were asked.
    """

    run: TrainingRun
    data: Snapshot
    recipe: Recipe
    answers: Answers | None = None
    cut: Interactions | None = None

    @property
    def version(self) -> str:
        """The version's name."""
        return f"{self.run.started_at:%Y%m%dT%H%M%S}-{self.run.pk}"

    def publish(
        self,
        metrics: dict[str, Any],
        kept: Checkpoints,
        progress: Progress,
        earlier: Earlier | None = None,
    ) -> None:
        """Fit on all data, put the artifact into the model store, and report on what it lists.

        The training run has recipe, metrics and watermark afterwards; it is not saved.
        """
        progress(f"fitting {self.recipe.algorithm} on all data", 0.0)
        model = algorithms.fit(self.recipe, self.data.interactions, progress, kept, earlier)
        songs = SongIndex.build(self.data.songs, self.data.interactions.like_counts)
        progress("measuring what it lists", 0.0)
        metrics = {**metrics, "report": self._report(model, songs.genre_names.tolist())}
        progress("publishing", 0.0)
        model_store.publish(
            self.version,
            self.recipe,
            model,
            songs,
            n_listeners=self.data.interactions.n_users,
            metrics=metrics,
            watermark=self.data.watermark,
        )
        self.run.algorithm, self.run.parameters = self.recipe.algorithm, self.recipe.parameters
        self.run.metrics, self.run.watermark = metrics, self.data.watermark

    def enter(self, hold: Hold, reason: str, *, promote: bool) -> Outcome:
        """Write down what was published, and make it live where that is its due."""
        if not promote and not can_serve(live_version()):
            promote, reason = True, f"{reason}; but the live version's artifact cannot be read"
        if not hold.valid:
            # Another process may have trained on newer data meanwhile, and made that live.
            promote, reason = False, f"{reason}; the lease ran out before it was published"
        with transaction.atomic():
            ModelVersion.objects.create(
                version=self.version,
                training_run=self.run,
                algorithm=self.run.algorithm,
                created_at=timezone.now(),
            )
            if promote and not self._made_live():
                promote, reason = False, f"{reason}; but it is no longer the live version"
            status = TrainingRun.Status.LIVE if promote else TrainingRun.Status.REFUSED
            self.run.finish(status, reason)
        prune()
        return Outcome(
            status=str(status),
            reason=reason,
            version=self.version,
            algorithm=self.run.algorithm,
            parameters=self.run.parameters,
            metrics=self.run.metrics,
            seconds=self.run.duration_seconds or 0.0,
        )

    def _made_live(self) -> bool:
        """Make it live, of a refresh only while what it refreshed is; inside a transaction."""
        if self.run.refreshed:
            return take_place_of(self.run.refreshed, self.version)
        make_live(self.version)
        return True

    def _report(self, model: Model, genre_names: list[str]) -> Report:
        """What the model lists; empty where that cannot be told, which costs no training."""
        try:
            return report_of_training(
                model,
                self.data.interactions,
                genre_names,
                answers=self.answers,
                cut=self.cut,
                seed=self.recipe.seed,
            )
        except Exception:
            # It decides nothing. Raised, the same data would fail each training to come as well.
            logger.exception("the model is published without a report on what it lists")
            return {}


def can_serve(live: ModelVersion | None) -> bool:
    """Whether nothing is live yet, or what is live is in the store, whole, as this code writes it.

    Its arrays are read: of a damaged one the manifest tells nothing.
    """
    try:
        return live is None or model_store.load(live.version) is not None
    except model_store.BrokenArtifact:
        return False
