"""How the factors of iALS are found: users and songs in turn, each exactly, by small systems.

The loss, over users u, songs j and likes S (dislikes D, with the weight γ):

    Σ_S (1 − u·v)² + γ Σ_D (u·v)² + α Σ_{u,j} (u·v)²
        + λ Σ_u (|S_u| + α n_songs)^ν |u|² + λ Σ_j (|S_j| + α n_users)^ν |v|²

How one side is solved for: ials_solving.py.
Source: Rendle, Krichene, Zhang, Koren 2021, "Revisiting the performance of iALS on item
recommendation benchmarks".
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg
from threadpoolctl import threadpool_limits

from recommendations.engine.checkpoints import Checkpoints, Forgetful
from recommendations.engine.earlier import SONGS, Earlier, moved, taken
from recommendations.engine.ials import IALS
from recommendations.engine.ials_solving import Side, solve_side
from recommendations.engine.interactions import FloatArray, Interactions
from recommendations.engine.model import Arrays, Parameters, Progress, TrainingFailed
from recommendations.engine.refusals import LEAST, MOST, Ranges

DEFAULTS: Parameters = {
    "factors": 128,
    "regularisation": 0.0005,
    "unobserved": 0.02,
    "exponent": 1.0,
    "epochs": 8,
    "dislike": 0.0,
}
_START = 0.1
_EPOCH = "epoch"


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
    earlier: Earlier | None = None,
) -> IALS:
    """Alternate for so many epochs from seeded factors. Raises TrainingFailed.

    earlier: to solve those songs alone whose likes moved since, the others being as they were.
    Memory: the factors of both sides twice, beside the judgements.
    """
    given = DEFAULTS | parameters
    if not len(interactions.likes.data):
        raise TrainingFailed("there is no like to learn from")
    users, songs = _sides(interactions, given)
    # More axes than songs or users would say nothing more.
    d = min(int(given["factors"]), interactions.n_songs, interactions.n_users)
    # Our own threads share the rows; the library's would fight with them.
    with threadpool_limits(1), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        solver = _Solver(users, songs, float(given["unobserved"]), pool)
        left = earlier.kept.load(SONGS) if earlier is not None else None
        if earlier is None or left is None or left["factors"].shape[1] != d:
            kept, shape = checkpoints or Forgetful(), (interactions.n_songs, d)
            solved = solver.alternate(_begun(kept, shape, seed), given["epochs"], kept, progress)
            if earlier is not None:
                earlier.solved_again.append(interactions.n_songs)
        else:
            solved = solver.refresh(earlier, left, interactions)
    if not np.isfinite(solved["factors"]).all():
        raise TrainingFailed("the factors grew beyond 32 bits: use a larger regularisation")
    if checkpoints is not None:
        checkpoints.save(SONGS, solved)
    return IALS(_worked_in(solved["factors"], users, given))


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
        work / 3e10 + 2e-6 * (interactions.n_users + interactions.n_songs)
    )


@dataclass(frozen=True)
class _Solver:
    """Solves songs and users in turn, or some songs alone. pool: all threads there are.

    What it finds are arrays: factors, V of the songs (n_songs, d); users, UᵀU (d, d) of the users
    that V was found from; own, how many likes of each song came or went since then, (n_songs,).
    """

    users: Side
    songs: Side
    alpha: float
    pool: ThreadPoolExecutor

    def alternate(
        self, begun: Arrays, epochs: int, kept: Checkpoints, progress: Progress | None
    ) -> Arrays:
        """Both sides in turn, from what was begun up to so many epochs."""
        found = begun
        for epoch in range(int(begun["done"][0]), int(epochs)):
            U = solve_side(self.users, found["factors"], self.alpha, self.pool)
            V = solve_side(self.songs, U, self.alpha, self.pool)
            found = {"done": np.array([epoch + 1]), "factors": V, "users": U.T @ U}
            kept.save(_EPOCH, found)
            if progress:
                progress("ials", (epoch + 1) / epochs)
        return {
            "factors": found["factors"],
            "users": found["users"],
            "own": np.zeros(len(found["factors"]), np.float32),
        }

    def refresh(self, earlier: Earlier, left: Arrays, interactions: Interactions) -> Arrays:
        """Songs whose likes moved, from users folded in to the factors that there are."""
        V = taken(left["factors"], earlier.rows)
        own = taken(left["own"], earlier.rows) + earlier.changed
        again = moved(own, interactions.like_counts) | (earlier.rows < 0)
        heard = self.songs.judged_by(again, interactions.n_users)
        U = solve_side(self.users, V, self.alpha, self.pool, rows=heard)
        # Of all users, as they were: few have changed, and the others are not at hand.
        solved = solve_side(self.songs, U, self.alpha, self.pool, rows=again, gram=left["users"])
        V[again], own[again] = solved[again], 0
        earlier.solved_again.append(int(np.count_nonzero(again)))
        return {"factors": V, "users": left["users"], "own": own}


def _begun(kept: Checkpoints, shape: tuple[int, int], seed: int) -> Arrays:
    """What the last finished epoch found; the songs' factors from the seed where none is."""
    if found := kept.load(_EPOCH):
        return found
    V = np.random.default_rng(seed).standard_normal(shape) * _START / np.sqrt(shape[1])
    return {"done": np.array([0]), "factors": V.astype(np.float32)}


def _sides(interactions: Interactions, given: Parameters) -> tuple[Side, Side]:
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

    def side(of: npt.NDArray[Any], others: npt.NDArray[Any], n: int, n_others: int) -> Side:
        order = np.argsort(of, kind="stable")
        offsets = np.concatenate([[0], np.cumsum(np.bincount(of, minlength=n))])
        liked = np.bincount(of[: counts[0]], minlength=n)
        scale = (liked + alpha * n_others).astype(np.float64) ** float(given["exponent"])
        return Side(
            offsets.astype(np.int64),
            others[order].astype(np.int32),
            weights[order],
            (order < counts[0]).astype(np.float32),
            ridge * scale,
        )

    return side(rows, columns, n_users, n_songs), side(columns, rows, n_songs, n_users)


def _worked_in(V: FloatArray, users: Side, given: Parameters) -> FloatArray:
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
