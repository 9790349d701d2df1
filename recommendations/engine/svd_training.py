"""SVD as scikit-surprise trains it, on likes, dislikes and sampled negatives.

Source of the method: Koren, Bell, Volinsky 2009; surprise's ``SVD`` is the implementation, and its
``fit`` does the training.
"""

import time
from collections.abc import Iterator

import numpy as np
import surprise

from recommendations.engine.interactions import Interactions
from recommendations.engine.model import Parameters, Progress, TrainingFailed
from recommendations.engine.ratings import Ratings, ratings_of
from recommendations.engine.refusals import LEAST, MOST, Ranges
from recommendations.engine.svd import SVD
from recommendations.engine.svd_making import svd_model

DEFAULTS: Parameters = {
    "factors": 50,
    "epochs": 30,
    "learning_rate": 0.03,
    "regularisation": 0.05,
    "negatives": 4,
    "dislike": 0.0,
    "fold_in": 0.1,
}
RANGES: Ranges = {
    "factors": (1, 10_000),
    "epochs": (0, 10_000),
    "learning_rate": (LEAST, MOST),
    "regularisation": (0, MOST),
    "negatives": (0, 1_000),
    "dislike": (-MOST, MOST),
    "fold_in": (0, MOST),
}
_CHUNK = 65_536
_TIMED_ROWS = 10_000


class _ArrayTrainset(surprise.Trainset):  # type: ignore[misc]
    """A Trainset over arrays: surprise's own keeps a Python tuple of every rating twice."""

    def __init__(self, ratings: Ratings, epochs: int, progress: Progress | None) -> None:
        n = len(ratings.values)
        super().__init__({}, {}, ratings.n_users, ratings.n_songs, n, (0, 1), {}, {})
        self._ratings, self._epochs, self._progress = ratings, epochs, progress
        self._epoch = 0
        self.epoch_seconds = 0.0
        self._global_mean = float(ratings.values.mean()) if n else 0.0

    def all_ratings(self) -> Iterator[tuple[int, int, float]]:
        """Every rating once, as (user, song, rating): surprise asks for them once an epoch."""
        ratings, n = self._ratings, len(self._ratings.values)
        started = time.perf_counter()
        for start in range(0, n, _CHUNK):
            span = slice(start, start + _CHUNK)
            yield from zip(
                ratings.users[span].tolist(),
                ratings.songs[span].tolist(),
                ratings.values[span].tolist(),
                strict=True,
            )
            if self._progress:
                share = (self._epoch + min(1.0, (start + _CHUNK) / n)) / self._epochs
                self._progress("svd", min(1.0, share))
        self._epoch += 1
        self.epoch_seconds = time.perf_counter() - started


def fit(
    interactions: Interactions, parameters: Parameters, seed: int, progress: Progress | None = None
) -> SVD:
    """Train by surprise and keep what is about songs. Raises TrainingFailed."""
    given = DEFAULTS | parameters
    ratings = _ratings(interactions, given, seed)
    if not len(ratings):
        raise TrainingFailed("there is no like and no dislike to train SVD on")
    trained = _trained(ratings, given, int(given["epochs"]), seed, progress)
    mean = trained.trainset.global_mean
    factors, biases = trained.qi.astype(np.float32), trained.bi.astype(np.float32)
    if not (np.isfinite(factors).all() and np.isfinite(biases).all()):
        raise TrainingFailed("SVD diverged: use a smaller learning_rate")
    # What surprise never saw keeps its random start; here it is foretold as not judged: 0.
    unseen = np.bincount(ratings.songs, minlength=ratings.n_songs) == 0
    factors[unseen], biases[unseen] = 0.0, -mean
    return svd_model(
        interactions,
        len(ratings) - len(interactions),
        mean=mean,
        factors=factors,
        biases=biases,
        dislike=float(given["dislike"]),
        ridge=np.full(factors.shape[1] + 1, _ridge(interactions, ratings, given)),
        algorithm="svd",
    )


def projected_seconds(interactions: Interactions, parameters: Parameters) -> float:
    """How long ``fit`` will take, from the time of one epoch over a sample of the rows."""
    given = DEFAULTS | parameters
    n = len(interactions)
    if not n:
        return 0.0
    drawn = np.zeros(n, np.bool_)
    drawn[np.random.default_rng(0).permutation(n)[:_TIMED_ROWS]] = True
    # The sample keeps the number of users and songs, so that memory is as far apart as in full.
    sample = _ratings(interactions.where(drawn), given, 0)
    epoch = _trained(sample, given, 1, 0, None).trainset.epoch_seconds
    return float(epoch * n / drawn.sum() * int(given["epochs"]))


def _trained(
    ratings: Ratings, given: Parameters, epochs: int, seed: int, progress: Progress | None
) -> surprise.SVD:
    """Surprise's algorithm after its ``fit``."""
    algorithm = surprise.SVD(
        n_factors=int(given["factors"]),
        n_epochs=epochs,
        lr_all=float(given["learning_rate"]),
        reg_all=float(given["regularisation"]),
        random_state=seed,
    )
    return algorithm.fit(_ArrayTrainset(ratings, max(1, epochs), progress))


def _ratings(interactions: Interactions, given: Parameters, seed: int) -> Ratings:
    """What is trained on, shuffled by the seed.

    By users in turn the songs' factors would chase one user after another.
    """
    ratings = ratings_of(
        interactions,
        negatives=int(given["negatives"]),
        dislike=float(given["dislike"]),
        seed=seed,
    )
    return ratings.where(np.random.default_rng(seed).permutation(len(ratings)))


def _ridge(interactions: Interactions, ratings: Ratings, given: Parameters) -> float:
    """ρ of the fold-in.

    The regularisation times a user's mean number of ratings is what the steps of an epoch add up
    to, and with it the fold-in finds the users of the training again as they were; but songs'
    factors being fixed now, less of it ranks better by far (docs/engine.md): ρ is the part
    ``fold_in`` of that.
    """
    active = max(1, len(np.unique(interactions.users)))
    return float(given["fold_in"] * given["regularisation"]) * len(ratings) / active
