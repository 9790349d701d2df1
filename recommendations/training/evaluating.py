"""The whole procedure of a training held against judgements that it has not seen."""

import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from recommendations.engine import algorithms
from recommendations.engine.cutting import HeldOut
from recommendations.engine.evaluation import Judged, evaluate
from recommendations.engine.interactions import Interactions
from recommendations.engine.model import Progress
from recommendations.engine.selection import choose
from recommendations.training.score_time import Asked, score_microseconds


class Evaluated(Judged, Asked, Protocol):
    """What is asked of a model here: lists of many users, and of one."""


@dataclass(frozen=True)
class Fitted:
    """A model and how it was made, in seconds from the rows read; reason: why it was chosen."""

    model: Evaluated
    algorithm: str
    parameters: dict[str, Any]
    tune_seconds: float
    fit_seconds: float
    reason: str


@dataclass(frozen=True)
class Report:
    """What came of it; the field names are those of ``evaluate --json``.

    tune_seconds: from the rows read to the parameters fixed. fit_seconds: of the final training.
    counts: test rows dropped or missed, and users who got popularity. score_microseconds: p50 and
    p99 of one user's fold-in and best 100 songs, on one thread.
    """

    algorithm: str
    parameters: dict[str, Any]
    users: int
    fit_seconds: float
    tune_seconds: float
    peak_rss_mb: float
    score_microseconds: dict[str, float]
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    counts: dict[str, int]
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def evaluate_procedure(
    train: Interactions,
    read_test: Callable[[], HeldOut],
    *,
    algorithm: str,
    ks: Sequence[int],
    budget_seconds: float,
    seed: int,
    progress: Progress | None = None,
) -> Report:
    """Choose and tune on a cut of ``train``, fit on all of it, then rank for the test's users.

    read_test: called once, after the final model is fitted: nothing of the test can leak into it.
    Raises UnknownAlgorithm, TrainingFailed, and what read_test raises.
    """
    choice = choose(
        train, algorithm=algorithm, budget_seconds=budget_seconds, seed=seed, progress=progress
    )
    started = time.perf_counter()
    model = algorithms.fit(choice.recipe, train, progress)
    fit_seconds = time.perf_counter() - started
    fitted = Fitted(
        model=model,
        algorithm=choice.recipe.algorithm,
        parameters=choice.recipe.parameters,
        tune_seconds=choice.tune_seconds,
        fit_seconds=fit_seconds,
        reason=choice.reason,
    )
    return report_on(fitted, train, read_test(), ks=ks, seed=seed, progress=progress)


def report_on(
    fitted: Fitted,
    train: Interactions,
    held_out: HeldOut,
    *,
    ks: Sequence[int],
    seed: int,
    progress: Progress | None = None,
) -> Report:
    """What a model reaches on the held-back judgements, and what it costs."""
    found = evaluate(fitted.model, train, held_out, ks=ks, seed=seed, progress=progress)
    asked = np.unique(held_out.users[held_out.values > 0])
    return Report(
        algorithm=fitted.algorithm,
        parameters=fitted.parameters,
        users=found.users,
        fit_seconds=round(fitted.fit_seconds, 3),
        tune_seconds=round(fitted.tune_seconds, 3),
        peak_rss_mb=round(_peak_rss_mb(), 1),
        score_microseconds=score_microseconds(fitted.model, train, asked, seed=seed),
        metrics=found.metrics,
        intervals=found.intervals,
        counts=found.counts,
        reason=fitted.reason,
    )


def _peak_rss_mb() -> float:
    """The most memory that this process has held, in units of 10⁶ bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
