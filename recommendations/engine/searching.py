"""A search for good parameters: one axis after the other, outward from the defaults."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from recommendations.engine import algorithms
from recommendations.engine.model import Recipe
from recommendations.engine.trial import Trial
from recommendations.engine.trials import Trials

Axes = dict[str, Sequence[Any]]

# Parameters by algorithm, the most telling first, each with the values to step through.
AXES: dict[str, Axes] = {
    "local_ridge": {
        "ridge": (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0),
        "damping": (0.0, 0.1, 0.25, 0.5),
        "discount": (0.0, 0.1, 0.2, 0.3),
        "kappa": (0.0, 0.1, 0.4, 1.0, 2.5),
        "base": (0.0001, 0.01, 0.1, 1.0),
    },
    "item_knn": {
        "b": (0.0, 0.2, 0.4, 0.75, 1.0),
        "k1": (0.5, 1.2, 3.0, 10.0),
        "neighbours": (50, 100, 200, 400),
    },
    "turbo_cf": {
        "user_damping": (0.2, 0.4, 0.6, 0.8),
        "power": (0.4, 0.6, 0.8, 1.0),
        "neighbours": (100, 200, 400),
    },
    "judged_knn": {
        "neighbours": (50, 100, 200, 400),
        "shrinkage": (1.0, 3.0, 10.0, 30.0),
        "dislike": (0.0, 0.3, 1.0, 3.0),
        "base": (0.1, 0.3, 1.0, 3.0),
        "base_dislikes": (0.0, 0.5, 1.0),
    },
    # With few factors it is quick to find the rest; how many there are comes last.
    "ials": {
        "regularisation": (0.00005, 0.00015, 0.0005, 0.0015, 0.005, 0.015),
        "unobserved": (0.005, 0.01, 0.02, 0.05, 0.1, 0.2),
        "dislike": (0.0, 0.1, 0.3, 1.0),
        "factors": (32, 64, 128, 256, 512, 1024, 2048),
    },
    "svd": {
        "regularisation": (0.01, 0.02, 0.05, 0.1, 0.2),
        "fold_in": (0.01, 0.03, 0.1, 0.3, 1.0),
        "epochs": (10, 30, 60, 120),
        "dislike": (-1.0, -0.5, 0.0),
    },
    "vbmf": {
        "fold_in": (0.3, 1.0, 3.0, 6.0, 10.0, 30.0),
        "factors": (5, 10, 20, 40),
    },
}
# Where dislikes are this part of all judgements, algorithms and parameters that only they make
# sense of are tried: SVD has something to learn then without sampled negatives.
ENOUGH_DISLIKES = 0.05
OF_DISLIKES = ("judged_knn", "vbmf", "dislike", "base_dislikes")
STARTS_WITH_DISLIKES: dict[str, dict[str, Any]] = {
    "svd": {"negatives": 0, "fold_in": 1.0, "epochs": 60},
    "vbmf": {"negatives": 0},
}
# A step must gain this part of the score to be taken, and more than the users' noise.
LEAST_GAIN = 0.003
# Twice the factors are four times the work: that must be worth more.
LEAST_GAINS = {"factors": 0.01}


def search(
    trials: Trials, algorithm: str, *, seed: int, worth: float = 0.0, named: bool = False
) -> None:
    """Try the algorithm's defaults, then steps from the best of its trials so far.

    worth: give up after the defaults if they score under this part of the best that another
    algorithm has reached, popularity aside: it has no defaults to be improved.
    named: it was asked for by name, so its defaults are tried however long they take.
    """
    disliked = trials.cut.train.share_of_dislikes >= ENOUGH_DISLIKES
    if algorithm in OF_DISLIKES and not disliked and not named:
        return
    start = Recipe(algorithm, algorithms.defaults(algorithm), seed)
    trials.run(start, whatever_it_takes=named)
    if disliked and algorithm in STARTS_WITH_DISLIKES:
        other = start.parameters | STARTS_WITH_DISLIKES[algorithm]
        trials.run(replace(start, parameters=other))
    best = trials.best(algorithm)
    if best is None or any(best.score < worth * rival.score for rival in trials.rivals(algorithm)):
        return
    for name, values in AXES[algorithm].items():
        if name in OF_DISLIKES and not disliked:
            continue
        upward = _walk(trials, best, name, sorted(values))
        best = _walk(trials, best, name, sorted(values, reverse=True)) if upward is best else upward


def _walk(trials: Trials, best: Trial, name: str, values: Sequence[Any]) -> Trial:
    """Step along the values for as long as each step gains; the best trial."""
    here = best.recipe.parameters[name]
    beyond = values[values.index(here) + 1 :] if here in values else ()
    for value in beyond:
        parameters = best.recipe.parameters | {name: value}
        trial = trials.run(replace(best.recipe, parameters=parameters))
        if not trial.measured or not trial.better_than(best, LEAST_GAINS.get(name, LEAST_GAIN)):
            break
        best = trial
    return best
