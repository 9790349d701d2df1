"""What the parts of a blend say of what was held back, so that a set of weights is quick to try.

Every part scores the same candidates once, the ones that a blend would rank when served; a set of
weights is then worth its NDCG@10 + NDCG@100 over them, times the AUC where enough dislikes were
held back (as trials.py compares), which costs milliseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
# Liked and disliked songs of a user that are held against each other.
MOST_PAIRED: Final = 16

# Under any score that counts its σs; not infinite, as a weight may be 0.
_LAST: Final = -1e6

_Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Said:
    """What the parts say of each user's candidates; of a user asked on several cuts, each time.

    features: each part's scores by its σ, (users, candidates, parts). relevant: which candidates
    were held back, (users, candidates). ideals: the best DCG at 10 and at 100, (users, 2).
    """

    features: _Array
    relevant: npt.NDArray[np.bool_]
    ideals: npt.NDArray[np.float64]
    pairs: "Pairs"

    @property
    def n_parts(self) -> int:
        """How many weights there are."""
        return int(self.features.shape[2])

    def of(self, parts: Sequence[int]) -> "Said":
        """What these parts alone said, in this order."""
        places = np.asarray(parts)
        pairs = replace(self.pairs, differences=self.pairs.differences[:, places])
        return replace(self, features=self.features[:, :, places], pairs=pairs)

    def worth(self, weights: npt.NDArray[np.float64]) -> float:
        """NDCG@10 + NDCG@100, a mean over the users; times the AUC where it is known."""
        return float(self._ranked(weights).mean()) * float(self.pairs.auc(weights).mean())

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
class Pairs:
    """What the parts say of songs held back that a user liked, against those disliked.

    differences: a liked song's scores less a disliked one's, (pairs, parts). starts: where each
    user's pairs begin, (users who tell,); none where too few do.
    """

    differences: _Array
    starts: npt.NDArray[np.int64]

    def auc(self, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Each user's share of pairs in the right order, ties one half; 1 where nobody tells."""
        if not len(self.starts):
            return np.ones(1)
        gaps = self.differences @ weights.astype(np.float32)
        right = np.add.reduceat(0.5 + 0.5 * np.sign(gaps), self.starts)
        found: npt.NDArray[np.float64] = right / np.diff(self.starts, append=len(gaps))
        return found


def ask(models: Sequence[Model], cut: Cut, seed: int) -> Said:
    """Ask these models, which were trained on the cut's training side; the first an item model."""
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
    return Said(
        np.concatenate([f for f, _ in blocks]),
        np.concatenate([r for _, r in blocks]),
        ideals,
        _paired(gaps, len(models)),
    )


def together(askings: Sequence[Said]) -> Said:
    """What models of the same recipes said on several cuts, one after the other."""
    pairs = np.cumsum([0, *(len(each.pairs.differences) for each in askings)])
    return Said(
        np.concatenate([each.features for each in askings]),
        np.concatenate([each.relevant for each in askings]),
        np.concatenate([each.ideals for each in askings]),
        Pairs(
            np.concatenate([each.pairs.differences for each in askings]),
            np.concatenate(
                [each.pairs.starts + at for each, at in zip(askings, pairs[:-1], strict=True)]
            ),
        ),
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


def _paired(gaps: Sequence[_Array], n_parts: int) -> Pairs:
    """The pairs of all users; none where too few users have any."""
    counts = np.array([len(each) for each in gaps])
    users = np.flatnonzero(counts)
    if len(users) < ENOUGH_JUDGES:
        return Pairs(np.empty((0, n_parts), np.float32), users[:0])
    starts = np.cumsum(counts[users]) - counts[users]
    return Pairs(np.concatenate([gaps[user] for user in users.tolist()]), starts)


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
