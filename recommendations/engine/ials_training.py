"""How the factors of iALS are found: users and songs in turn, each exactly, by small systems.

The loss, over users u, songs j and likes S (dislikes D, with the weight γ):

    Σ_S (1 − u·v)² + γ Σ_D (u·v)² + α Σ_{u,j} (u·v)²
        + λ Σ_u (|S_u| + α n_songs)^ν |u|² + λ Σ_j (|S_j| + α n_users)^ν |v|²

For one side given the other, A = α VᵀV + ρ_u I + Σ ω v vᵀ differs between users by ρ_u and by the
judged songs alone. In the axes Q of VᵀV = Q Λ Qᵀ the first two are diagonal, so that a user with
fewer judgements than factors is a system of its judgements, not of the factors.
Source: Rendle, Krichene, Zhang, Koren 2021, "Revisiting the performance of iALS on item
recommendation benchmarks".
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg
from threadpoolctl import threadpool_limits

from recommendations.engine.checkpoints import Checkpoints, Forgetful
from recommendations.engine.ials import IALS
from recommendations.engine.interactions import FloatArray, Interactions
from recommendations.engine.model import Parameters, Progress, TrainingFailed
from recommendations.engine.refusals import LEAST, MOST, Ranges

DEFAULTS: Parameters = {
    "factors": 128,
    "regularisation": 0.0005,
    "unobserved": 0.02,
    "exponent": 1.0,
    "epochs": 8,
    "dislike": 0.0,
}
# Numbers in the largest array of a batch: two of them for each thread stay in the cache's reach.
_BATCH_NUMBERS = 2_000_000
_START = 0.1
_EPOCH = "epoch"


@dataclass(frozen=True)
class _Side:
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
        return np.diff(self.offsets)


RANGES: Ranges = {
    "factors": (1, MOST),
    "regularisation": (LEAST, MOST),
    "unobserved": (0, MOST),
    "exponent": (0, 4),
    "epochs": (1, 10_000),
    "dislike": (0, MOST),
}


def fit(
    interactions: Interactions,
    parameters: Parameters,
    seed: int,
    progress: Progress | None = None,
    checkpoints: Checkpoints | None = None,
) -> IALS:
    """Alternate for so many epochs from seeded factors. Raises TrainingFailed.

    Memory: the factors of both sides twice, beside the judgements.
    """
    given = DEFAULTS | parameters
    if not len(interactions.likes.data):
        raise TrainingFailed("there is no like to learn from")
    users, songs = _sides(interactions, given)
    # More axes than songs or users would say nothing more.
    d = min(int(given["factors"]), interactions.n_songs, interactions.n_users)
    alpha = float(given["unobserved"])
    kept = checkpoints or Forgetful()
    done, V = _begun(kept, (interactions.n_songs, d), seed)
    # Our own threads share the rows; the library's would fight with them.
    with threadpool_limits(1), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for epoch in range(done, int(given["epochs"])):
            U = _solve_side(users, V, alpha, pool)
            V = _solve_side(songs, U, alpha, pool)
            kept.save(_EPOCH, {"done": np.array([epoch + 1]), "songs": V})
            if progress:
                progress("ials", (epoch + 1) / given["epochs"])
    if not np.isfinite(V).all():
        raise TrainingFailed("the factors grew beyond 32 bits: use a larger regularisation")
    return IALS(_worked_in(V, users, given))


def projected_seconds(interactions: Interactions, parameters: Parameters) -> float:
    """Roughly how long ``fit`` will take on two cores: Σ m² d + m³ over rows, and d³ a side."""
    given = DEFAULTS | parameters
    d, work = float(given["factors"]), 0.0
    for of, n in (
        (interactions.users, interactions.n_users),
        (interactions.songs, interactions.n_songs),
    ):
        m = np.bincount(of[interactions.values > 0], minlength=n).astype(np.float64)
        small = np.minimum(m, d)
        work += float((m * small * d + small**3 + m * d * 8).sum()) + n * d * d + 20 * d**3
    return float(given["epochs"]) * (
        work / 1.5e10 + 2e-6 * (interactions.n_users + interactions.n_songs)
    )


def _begun(kept: Checkpoints, shape: tuple[int, int], seed: int) -> tuple[int, FloatArray]:
    """How many epochs are done, and the songs' factors after them; seeded ones at the start."""
    if found := kept.load(_EPOCH):
        return int(found["done"][0]), found["songs"]
    V = np.random.default_rng(seed).standard_normal(shape) * _START / np.sqrt(shape[1])
    return 0, V.astype(np.float32)


def _sides(interactions: Interactions, given: Parameters) -> tuple[_Side, _Side]:
    likes, dislikes = interactions.likes, interactions.dislikes
    n_users, n_songs = likes.shape
    alpha, ridge = float(given["unobserved"]), float(given["regularisation"])
    both = likes.tocoo(), dislikes.tocoo() if given["dislike"] > 0 else None
    users = [each.coords[0] for each in both if each is not None]
    songs = [each.coords[1] for each in both if each is not None]
    gamma = np.float32(given["dislike"])
    counts = [each.nnz for each in both if each is not None]
    weights = np.repeat(np.array([1.0, gamma][: len(counts)], np.float32), counts)
    rows, columns = np.concatenate(users), np.concatenate(songs)

    def side(of: npt.NDArray[Any], others: npt.NDArray[Any], n: int, n_others: int) -> _Side:
        order = np.argsort(of, kind="stable")
        offsets = np.concatenate([[0], np.cumsum(np.bincount(of, minlength=n))])
        liked = np.bincount(of[: counts[0]], minlength=n)
        scale = (liked + alpha * n_others).astype(np.float64) ** float(given["exponent"])
        return _Side(
            offsets.astype(np.int64),
            others[order].astype(np.int32),
            weights[order],
            (order < counts[0]).astype(np.float32),
            ridge * scale,
        )

    return side(rows, columns, n_users, n_songs), side(columns, rows, n_songs, n_users)


def _solve_side(
    side: _Side, other: FloatArray, alpha: float, pool: ThreadPoolExecutor
) -> FloatArray:
    """The factors of one side given the other's, (n, d); zeros for a row without judgements."""
    values, axes = np.linalg.eigh(alpha * (other.T @ other).astype(np.float64))
    values, axes32 = np.maximum(values, 0.0), axes.astype(np.float32)
    turned = other @ axes32
    found = np.zeros((len(side.lengths), other.shape[1]), np.float32)

    def fill(rows: npt.NDArray[np.int64]) -> None:
        found[rows] = _solve_rows(side, rows, turned, values)

    # list: to raise what a thread raised.
    list(pool.map(fill, _batches(side.lengths, other.shape[1])))
    solved: FloatArray = found @ axes32.T
    return solved


def _batches(lengths: npt.NDArray[np.int64], d: int) -> Iterator[npt.NDArray[np.int64]]:
    """Rows with judgements, of like lengths together, the longest first and alone where long."""
    order = np.argsort(-lengths, kind="stable")
    order = order[lengths[order] > 0]
    start = 0
    while start < len(order):
        longest = int(lengths[order[start]])
        size = 1 if longest > d else max(1, _BATCH_NUMBERS // (longest * max(d, longest)))
        yield order[start : start + size]
        start += size


def _solve_rows(
    side: _Side, rows: npt.NDArray[np.int64], turned: FloatArray, values: npt.NDArray[np.float64]
) -> FloatArray:
    """Factors of these rows in the axes of the other side's Gram matrix: (b, d)."""
    starts, lengths = side.offsets[rows], side.lengths[rows]
    longest = int(lengths.max())
    diagonal = (values + side.ridge[rows, None]).astype(np.float32)
    if longest > turned.shape[1]:
        return _by_factors(side, int(starts[0]), longest, turned, diagonal[0])[None]
    there = np.arange(longest) < lengths[:, None]
    places = np.where(there, starts[:, None] + np.arange(longest), 0)
    judged = turned[side.others[places]] * there[:, :, None]
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
    side: _Side, start: int, length: int, turned: FloatArray, diagonal: FloatArray
) -> FloatArray:
    """One row that has more judgements than there are factors: a system of the factors, (d,)."""
    span = slice(start, start + length)
    judged = turned[side.others[span]]
    system = (judged * side.weights[span, None]).T @ judged
    system[np.diag_indices_from(system)] += diagonal
    right = judged.T @ (side.weights[span] * side.targets[span])
    found = linalg.solve(system, right, assume_a="pos", overwrite_a=True)
    return found.astype(np.float32, copy=False)


def _worked_in(V: FloatArray, users: _Side, given: Parameters) -> FloatArray:
    """z = L⁻¹ v for A₀ = α VᵀV + ρI = L Lᵀ, with the ρ of a user of the mean number of likes."""
    heard = users.lengths > 0
    liked = np.add.reduceat(users.targets, users.offsets[:-1][heard]).mean()
    scale = float(liked) + given["unobserved"] * len(V)
    rho = float(given["regularisation"]) * scale ** float(given["exponent"])
    gram = given["unobserved"] * (V.T @ V).astype(np.float64)
    gram[np.diag_indices_from(gram)] += rho
    lower = np.linalg.cholesky(gram)
    factors = linalg.solve_triangular(lower, V.T.astype(np.float64), lower=True).T
    return np.ascontiguousarray(factors, np.float32)
