"""How much each part of a blend is to weigh: found on a cut, by what was held back.

Every part scores the same candidates once, the ones that a blend would rank when served; a set of
weights is then worth its NDCG@10 + NDCG@100 over them, times the AUC where enough dislikes were
held back (as trials.py compares), which costs milliseconds, and the weights are stepped
one at a time for as long as that gains.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recommendations.engine.blend import CANDIDATES
from recommendations.engine.blend_training import scale_of
from recommendations.engine.cutting import Cut, HeldOut
from recommendations.engine.evaluation import ENOUGH_JUDGES
from recommendations.engine.interactions import BoolArray, IntArray, Interactions
from recommendations.engine.item_model import ItemModel
from recommendations.engine.metrics import ideal_gain
from recommendations.engine.model import Model
from recommendations.engine.ranking import best_rows

MOST_USERS: Final = 5_000
STEPS: Final = (0.5, 0.7, 0.85, 1.2, 1.4, 2.0)
ROUNDS: Final = 6
# Liked and disliked songs of a user that are held against each other.
MOST_PAIRED: Final = 16
# What a step must gain, and a part: less is within the noise, and another part costs every request.
LEAST_GAIN: Final = 0.0005
LEAST_PART_GAIN: Final = 0.005
# And of the standard error of that gain: not a whole one, since unlike models mostly do gain.
LEAST_ERRORS: Final = 0.5

# Under any score that counts its σs; not infinite, as a weight may be 0.
_LAST: Final = -1e6

_Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Asked:
    """What the parts say of each user's candidates.

    features: each part's scores by its σ, (users, candidates, parts). relevant: which candidates
    were held back, (users, candidates). ideals: the best DCG at 10 and at 100, (users, 2).
    """

    features: _Array
    relevant: npt.NDArray[np.bool_]
    ideals: npt.NDArray[np.float64]
    pairs: "_Pairs"

    def worth(self, weights: npt.NDArray[np.float64]) -> float:
        """NDCG@10 + NDCG@100, a mean over the users; times the AUC where it is known."""
        return float(self._ranked(weights).mean()) * float(self.pairs.auc(weights).mean())

    def pulls(self, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """By how much each user moves the worth, (users,)."""
        ranked, auc = self._ranked(weights), self.pairs.auc(weights)
        found: npt.NDArray[np.float64] = ranked * auc.mean()
        found[self.pairs.users] += (
            ranked.mean() * (auc - auc.mean()) * (len(ranked) / max(1, len(auc)))
        )
        return found

    def _ranked(self, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """NDCG@10 + NDCG@100 of each user, (users,)."""
        scores = self.features @ weights.astype(np.float32)
        users, places = np.nonzero(self.relevant)
        hits = scores[users, places]
        ranks = 1 + (scores[users] > hits[:, None]).sum(axis=1)
        gains = 1.0 / np.log2(ranks + 1.0)
        total = np.zeros(len(self.relevant))
        for at, k in enumerate((10, 100)):
            dcg = np.bincount(users, gains * (ranks <= k), minlength=len(self.relevant))
            total += dcg / self.ideals[:, at]
        return total


@dataclass(frozen=True)
class _Pairs:
    """What the parts say of songs held back that a user liked, against those disliked.

    differences: a liked song's scores less a disliked one's, (pairs, parts). starts: where each
    user's pairs begin. users: which of those asked they are. Both (users who tell,); nobody
    where too few do.
    """

    differences: _Array
    starts: npt.NDArray[np.int64]
    users: npt.NDArray[np.int64]

    def auc(self, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Each user's share of pairs in the right order, ties one half; 1 where nobody tells."""
        if not len(self.users):
            return np.ones(1)
        gaps = self.differences @ weights.astype(np.float32)
        right = np.add.reduceat(0.5 + 0.5 * np.sign(gaps), self.starts)
        found: npt.NDArray[np.float64] = right / np.diff(self.starts, append=len(gaps))
        return found


def weigh(models: Sequence[Model], cut: Cut, seed: int) -> list[float]:
    """The weights of these models, 0 where a part gains too little.

    The models were trained on the cut's training side; the first is an item model.
    """
    asked = _ask(models, cut, seed)
    weights = np.zeros(len(models))
    weights[0] = 1.0
    best, worth = weights, asked.worth(weights)
    left = list(range(1, len(models)))
    # The part that gains most first; then all weights again, one after the other.
    while left:
        tried = [(part, *_added(asked, best, part)) for part in left]
        part, found, gained = max(tried, key=lambda each: each[2])
        if gained < worth * (1 + LEAST_PART_GAIN) or not _surely(asked, found, best):
            break
        left.remove(part)
        best, worth = _stepped(asked, found, gained)
    return [float(weight) for weight in best]


def _surely(
    asked: _Asked, weights: npt.NDArray[np.float64], others: npt.NDArray[np.float64]
) -> bool:
    """Whether what these weights gain over the others is more than the users' noise."""
    differences = asked.pulls(weights) - asked.pulls(others)
    error = differences.std() / np.sqrt(len(differences))
    return bool(differences.mean() > LEAST_ERRORS * error)


def _added(
    asked: _Asked, weights: npt.NDArray[np.float64], part: int
) -> tuple[npt.NDArray[np.float64], float]:
    """The best of a few weights for one more part."""
    tried = []
    for value in (0.3, 1.0, 3.0):
        more = weights.copy()
        more[part] = value
        tried.append((more, asked.worth(more)))
    return max(tried, key=lambda each: each[1])


def _stepped(
    asked: _Asked, weights: npt.NDArray[np.float64], worth: float
) -> tuple[npt.NDArray[np.float64], float]:
    """The weights after steps that gain; the first stays 1, since only ratios matter."""
    for _ in range(ROUNDS):
        before = worth
        for part in range(1, len(weights)):
            for step in STEPS if weights[part] else ():
                more = weights.copy()
                more[part] *= step
                value = asked.worth(more)
                if value > worth:
                    weights, worth = more, value
        if worth < before * (1 + LEAST_GAIN):
            break
    return weights, worth


def _ask(models: Sequence[Model], cut: Cut, seed: int) -> _Asked:
    train, held = cut.train, cut.held_out
    targets, against = (_of_users(train, held, held.values * sign > 0) for sign in (1, -1))
    users = np.flatnonzero(np.diff(targets.indptr)).astype(np.int32)
    if len(users) > MOST_USERS:
        users = np.sort(np.random.default_rng(seed).choice(users, MOST_USERS, replace=False))
    scales = [scale_of(model, train, seed) for model in models]
    size = max(1, 4_000_000 // max(1, train.n_songs))
    blocks, gaps = [], []
    for start in range(0, len(users), size):
        some = users[start : start + size]
        likes, dislikes = train.likes[some], train.dislikes[some]
        found = [
            _scores(model, likes, dislikes) / scale
            for model, scale in zip(models, scales, strict=True)
        ]
        gaps += [
            _gaps(found, at, _row(targets, user), _row(against, user))
            for at, user in enumerate(some)
        ]
        items = [f for f, m in zip(found, models, strict=True) if isinstance(m, ItemModel)]
        rows, filling = _candidates(np.sum(items, axis=0), likes, dislikes)
        features = np.stack([np.take_along_axis(each, rows, axis=1) for each in found], axis=2)
        features[filling] = _LAST
        relevant = (np.take_along_axis(targets[some].toarray(), rows, axis=1) > 0) & ~filling
        blocks.append((features, relevant))
    counts = np.diff(targets.indptr)[users]
    ideals = np.array([[ideal_gain(min(k, int(n))) for k in (10, 100)] for n in counts])
    return _Asked(
        np.concatenate([f for f, _ in blocks]),
        np.concatenate([r for _, r in blocks]),
        ideals,
        _paired(gaps, len(models)),
    )


def _of_users(train: Interactions, held: HeldOut, mask: BoolArray) -> sparse.csr_array:
    """The songs held back that the mask (n,) names, ones by user and song."""
    mask = mask & (held.songs >= 0)
    n_users = max(train.n_users, int(held.users.max(initial=-1)) + 1)
    ones = np.ones(int(mask.sum()), np.float32)
    place = (held.users[mask], held.songs[mask])
    return sparse.csr_array((ones, place), shape=(n_users, train.n_songs))


def _row(matrix: sparse.csr_array, at: int) -> IntArray:
    row: IntArray = matrix.indices[matrix.indptr[at] : matrix.indptr[at + 1]]
    return row


def _gaps(found: Sequence[_Array], at: int, liked: IntArray, disliked: IntArray) -> _Array:
    """A user's differences between songs liked and disliked, (pairs, parts), of a few of each."""
    liked, disliked = liked[:MOST_PAIRED], disliked[:MOST_PAIRED]
    gaps = [scores[at, liked][:, None] - scores[at, disliked][None, :] for scores in found]
    return np.stack([each.ravel() for each in gaps], axis=1)


def _paired(gaps: Sequence[_Array], n_parts: int) -> _Pairs:
    """The pairs of all users; none where too few users have any."""
    counts = np.array([len(each) for each in gaps])
    users = np.flatnonzero(counts)
    if len(users) < ENOUGH_JUDGES:
        return _Pairs(np.empty((0, n_parts), np.float32), users[:0], users[:0])
    starts = np.cumsum(counts[users]) - counts[users]
    return _Pairs(np.concatenate([gaps[user] for user in users.tolist()]), starts, users)


def _scores(model: Model, likes: sparse.csr_array, dislikes: sparse.csr_array) -> _Array:
    scores, known = model.score_block(likes, dislikes)
    scores[~known] = model.empty_scores()
    return scores


def _candidates(
    scores: _Array, likes: sparse.csr_array, dislikes: sparse.csr_array
) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """The candidates of each user, (b, m), and which of them only fill up a short row."""
    for judged in (likes, dislikes):
        owners = np.repeat(np.arange(len(scores)), np.diff(judged.indptr))
        scores[owners, judged.indices] = -np.inf
    most = min(CANDIDATES, scores.shape[1])
    rows = np.zeros((len(scores), most), np.int32)
    filling = np.ones(rows.shape, np.bool_)
    for at, row in enumerate(scores):
        best = best_rows(row, most)
        rows[at, : len(best)] = best
        filling[at, : len(best)] = False
    return rows, filling
