"""One half of an epoch of iALS: the factors of one side given the other's, row by row.

For one side given the other, A = α VᵀV + ρ_u I + Σ ω v vᵀ differs between users by ρ_u and by the
judged songs alone. In the axes Q of VᵀV = Q Λ Qᵀ the first two are diagonal, so that a user with
fewer judgements than factors is a system of its judgements, not of the factors.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recommendations.engine.interactions import BoolArray, FloatArray

# Numbers in the largest array of a batch: two of them for each thread stay in the cache's reach.
_BATCH_NUMBERS = 2_000_000


@dataclass(frozen=True)
class Side:
    """The judgements of one side, by row: who is solved for, and what of the other it judged.

    weights: of each judgement, 1 or γ. targets: 1 for a like, 0 for a dislike.
    """

    offsets: npt.NDArray[np.int64]
    others: npt.NDArray[np.int32]
    weights: FloatArray
    targets: FloatArray
    ridge: npt.NDArray[np.float64]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """How many judgements each row has."""
        return np.diff(self.offsets)

    def judged_by(self, rows: BoolArray, n_others: int) -> BoolArray:
        """Which of the other side have a judgement of one of these rows, (n_others,)."""
        found = np.zeros(n_others, np.bool_)
        found[self.others[np.repeat(rows, self.lengths)]] = True
        return found


def solve_side(
    side: Side,
    other: FloatArray,
    alpha: float,
    pool: ThreadPoolExecutor,
    *,
    rows: BoolArray | None = None,
    gram: FloatArray | None = None,
) -> FloatArray:
    """The factors of one side given the other's, (n, d); zeros for a row without judgements.

    rows: to solve these alone, (n,), the others being zeros too. gram: VᵀV of the other side, where
    some of it is not at hand.
    """
    squares = other.T @ other if gram is None else gram
    values, axes = np.linalg.eigh(alpha * squares.astype(np.float64))
    values, axes32 = np.maximum(values, 0.0), axes.astype(np.float32)
    turned = other @ axes32
    found = np.zeros((len(side.lengths), other.shape[1]), np.float32)

    def fill(some: npt.NDArray[np.int64]) -> None:
        found[some] = _solve_rows(side, some, turned, values)

    lengths = side.lengths if rows is None else np.where(rows, side.lengths, 0)
    # list: to raise what a thread raised.
    list(pool.map(fill, _batches(lengths, other.shape[1])))
    solved: FloatArray = found @ axes32.T
    return solved


def _batches(lengths: npt.NDArray[np.int64], d: int) -> Iterator[npt.NDArray[np.int64]]:
    """Rows with judgements, of like lengths together, the longest first."""
    order = np.argsort(-lengths, kind="stable")
    order = order[lengths[order] > 0]
    start = 0
    while start < len(order):
        longest = int(lengths[order[start]])
        size = max(1, _BATCH_NUMBERS // (longest * d))
        yield order[start : start + size]
        start += size


def _solve_rows(
    side: Side, rows: npt.NDArray[np.int64], turned: FloatArray, values: npt.NDArray[np.float64]
) -> FloatArray:
    """Factors of these rows in the axes of the other side's Gram matrix: (b, d)."""
    starts, lengths = side.offsets[rows], side.lengths[rows]
    longest = int(lengths.max())
    diagonal = (values + side.ridge[rows, None]).astype(np.float32)
    there = np.arange(longest) < lengths[:, None]
    places = np.where(there, starts[:, None] + np.arange(longest), 0)
    judged = turned[side.others[places]]
    judged *= there[:, :, None]
    if longest > turned.shape[1]:
        return _by_factors(side, places, judged, diagonal)
    scaled = judged / diagonal[:, None, :]
    # (Ω⁻¹ + S D⁻¹ Sᵀ) y = t; a place that is padding has a row of its own and y = 0.
    system = scaled @ judged.transpose(0, 2, 1)
    inside = np.arange(longest)
    system[:, inside, inside] += np.where(there, 1.0 / side.weights[places], 1.0)
    targets = np.where(there, side.targets[places], np.float32(0))[:, :, None]
    y = np.linalg.solve(system, targets.astype(np.float32))
    found = (scaled.transpose(0, 2, 1) @ y)[:, :, 0]
    return found.astype(np.float32, copy=False)


def _by_factors(
    side: Side, places: npt.NDArray[np.int64], judged: FloatArray, diagonal: FloatArray
) -> FloatArray:
    """Rows of which the longest has more judgements than there are factors: (b, d).

    (D + Sᵀ Ω S) x = Sᵀ Ω t: systems of the factors, the same for any number of judgements.
    judged: S, (b, longest, d), 0 where there is none.
    """
    weighed = (judged * side.weights[places][:, :, None]).transpose(0, 2, 1)
    system = weighed @ judged
    inside = np.arange(judged.shape[2])
    system[:, inside, inside] += diagonal
    right = weighed @ side.targets[places][:, :, None]
    found: FloatArray = np.linalg.solve(system, right)[:, :, 0]
    return found
