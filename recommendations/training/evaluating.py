"""The whole procedure of a training held against judgements that it has not seen."""

import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np

from recommendations.engine import algorithms
from recommendations.engine.cutting import HeldOut
from recommendations.engine.evaluation import Judged, evaluate
from recommendations.engine.interactions import Interactions
from recommendations.engine.model import Progress
from recommendations.engine.reporting import report_of_evaluation
from recommendations.engine.score_time import Asked, score_microseconds
from recommendations.engine.selection import Choice, choose


class Evaluated(Judged, Asked, Protocol):
    """What is asked of a model here: lists of many users, and of one."""


@dataclass(frozen=True)
class Fitted:
    """A model and how it was made, in seconds from the rows read; reason: why it was chosen.

    asked_for: "auto" or the name by which it was asked for.
    """

    model: Evaluated
    algorithm: str
    parameters: dict[str, Any]
    tune_seconds: float
    fit_seconds: float
    reason: str
    asked_for: str = ""


@dataclass(frozen=True)
class Report:
    """What came of it; the field names are those of ``evaluate --json``.

    tune_seconds: from the rows read to the parameters fixed. fit_seconds: of the final training.
    counts: test rows dropped or missed, and users who got popularity. score_microseconds: p50 and
    p99 of one user's fold-in and best 100 songs, on one thread. report: what the lists hold and
    accuracy by group, with curves for plots (engine/reporting.py). asked_for: the algorithm as it
    was asked for, where that may be another word than the one chosen.
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
    report: dict[str, Any] = field(default_factory=dict)
    asked_for: str = ""

    @property
    def name(self) -> str:
        """What was asked for, and what was chosen where that is not the same."""
        if self.asked_for in ("", self.algorithm):
            return self.algorithm
        return f"{self.asked_for}, chose {self.algorithm}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def evaluate_procedures(
    train: Interactions,
    read_test: Callable[[], HeldOut],
    *,
    names: Sequence[str],
    genre_names: Sequence[str],
    ks: Sequence[int],
    budget_seconds: float,
    serving_microseconds: float | None = None,
    seed: int,
    progress: Progress | None = None,
) -> list[Report]:
    """Choose and tune on a cut of ``train``, fit on all of it, then rank for the test's users.

    names: of algorithms, or auto. A report for each, each with the whole budget for itself.
    budget_seconds, serving_microseconds: see ``choose``.
    read_test: called once, after the last model is fitted: nothing of the test can leak into any.
    Raises UnknownAlgorithm, TrainingFailed, and what read_test raises.
    """
    fitted = [
        _fitted(
            train,
            choose(
                train,
                algorithm=name,
                budget_seconds=budget_seconds,
                serving_microseconds=serving_microseconds,
                seed=seed,
                progress=progress,
            ),
            asked_for=name,
            progress=progress,
        )
        for name in names
    ]
    held_out = read_test()
    return [
        report_on(
            each, train, held_out, genre_names=genre_names, ks=ks, seed=seed, progress=progress
        )
        for each in fitted
    ]


def _fitted(
    train: Interactions, choice: Choice, *, asked_for: str, progress: Progress | None
) -> Fitted:
    """The model that a training of these judgements would end with."""
    started = time.perf_counter()
    model = algorithms.fit(choice.recipe, train, progress)
    return Fitted(
        model=model,
        algorithm=choice.recipe.algorithm,
        parameters=choice.recipe.parameters,
        tune_seconds=choice.tune_seconds,
        fit_seconds=time.perf_counter() - started,
        reason=choice.reason,
        asked_for=asked_for,
    )


def report_on(
    fitted: Fitted,
    train: Interactions,
    held_out: HeldOut,
    *,
    ks: Sequence[int],
    seed: int,
    genre_names: Sequence[str] = (),
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
        report=report_of_evaluation(
            found.answers,
            train,
            genre_names,
            personal=fitted.algorithm != "popularity",
            seed=seed,
        ),
        asked_for=fitted.asked_for or fitted.algorithm,
    )


def _peak_rss_mb() -> float:
    """The most memory that this process has held, in units of 10⁶ bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
