"""The whole procedure of a training held against judgements that it has not seen."""

import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from recommendations.engine import algorithms
from recommendations.engine.cutting import HeldOut
from recommendations.engine.evaluation import evaluate
from recommendations.engine.interactions import Interactions
from recommendations.engine.model import Progress
from recommendations.engine.selection import choose


@dataclass(frozen=True)
class Report:
    """What came of it; the field names are those of ``evaluate --json``.

    tune_seconds: from the rows read to the parameters fixed. fit_seconds: of the final training.
    counts: test rows dropped or missed, and users who got popularity.
    """

    algorithm: str
    parameters: dict[str, Any]
    users: int
    fit_seconds: float
    tune_seconds: float
    peak_rss_mb: float
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
    found = evaluate(model, train, read_test(), ks=ks, seed=seed, progress=progress)
    return Report(
        algorithm=choice.recipe.algorithm,
        parameters=choice.recipe.parameters,
        users=found.users,
        fit_seconds=round(fit_seconds, 3),
        tune_seconds=round(choice.tune_seconds, 3),
        peak_rss_mb=round(_peak_rss_mb(), 1),
        metrics=found.metrics,
        intervals=found.intervals,
        counts=found.counts,
        reason=choice.reason,
    )


def _peak_rss_mb() -> float:
    """The most memory that this process has held, in units of 10⁶ bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
