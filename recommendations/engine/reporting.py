"""What is said of a model beside its accuracy: the figures of exposure.py and group_accuracy.py.

Plain values under plain names, for JSON; docs/engine.md has what each means.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from recommendations.engine.as_served import drawn, lists_as_served
from recommendations.engine.evaluation import Answers, HeldLikes
from recommendations.engine.exposure import exposures, list_figures, lorenz
from recommendations.engine.group_accuracy import (
    accuracy_of,
    by_genre,
    by_popularity,
    by_profile_size,
)
from recommendations.engine.interactions import Interactions
from recommendations.engine.model import Model

# So many listeners are asked for their lists after a training: about a second.
MOST_LISTENERS: Final = 2_000
CURVE_LENGTH: Final = 100

Report = dict[str, Any]


def report_of_training(
    model: Model,
    interactions: Interactions,
    genre_names: Sequence[str],
    *,
    answers: Answers | None,
    cut: Interactions | None,
    seed: int,
) -> Report:
    """What the trained model lists for a sample of its listeners, and how good its recipe is.

    answers: what the cut's deciding users were given by a model of the same recipe, fitted on the
    training side ``cut``; without them, as where nothing can be held back, "accuracy" is empty.
    Nothing is fitted here. seed: of the sample and of the bootstrap.
    """
    users = drawn(interactions.n_users, MOST_LISTENERS, seed=seed)
    lists, personal = lists_as_served(model, interactions, users)
    report: Report = {"listeners": len(users), **list_figures(lists, users, interactions)}
    if len(users):
        report["served_personally"] = float(personal.mean())
    report["accuracy"] = {}
    if answers is not None and cut is not None:
        report["accuracy"] = accuracy_by_group(answers, cut, genre_names, seed=seed)
    return report


def report_of_evaluation(
    answers: Answers, train: Interactions, genre_names: Sequence[str], *, personal: bool, seed: int
) -> Report:
    """The same of the lists that a test's users were given, with the curves for plots.

    personal: whether the model is any but popularity.
    """
    report: Report = {
        "listeners": len(answers.users),
        **list_figures(answers.lists, answers.users, train),
    }
    if len(answers.users):
        report["served_personally"] = float(answers.known.mean()) if personal else 0.0
    report["accuracy"] = accuracy_by_group(answers, train, genre_names, seed=seed)
    report["curves"] = {
        "recall": recall_curve(answers.likes, len(answers.users)),
        "exposure": lorenz(exposures(answers.lists, train.n_songs)),
        "likes": lorenz(train.like_counts),
    }
    return report


def accuracy_by_group(
    answers: Answers, train: Interactions, genre_names: Sequence[str], *, seed: int
) -> Mapping[str, list[dict[str, Any]]]:
    """NDCG@10 and recall@20 by genre, by size of the profile, and by popularity of the song."""
    sizes = np.zeros(len(answers.users), np.int64)
    known = answers.users < train.n_users
    sizes[known] = np.diff(train.likes.indptr)[answers.users[known]]
    groupings = {
        "genre": by_genre(answers.likes, genre_names, train.traits),
        "profile": by_profile_size(answers.likes, sizes),
        "popularity": by_popularity(answers.likes, train.like_counts),
    }
    return accuracy_of(answers.likes, len(answers.users), groupings, seed=seed)


def recall_curve(likes: HeldLikes, n_users: int) -> list[float]:
    """recall@k for k = 1 … 100: hits / n of each user, a mean over users."""
    if not n_users:
        return []
    of_user = np.bincount(likes.askers, minlength=n_users)
    within = likes.places <= CURVE_LENGTH
    worth = 1.0 / of_user[likes.askers[within]]
    found = np.bincount(likes.places[within], worth, minlength=CURVE_LENGTH + 1)
    return [float(value) for value in found.cumsum()[1:] / n_users]
