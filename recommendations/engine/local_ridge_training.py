"""How the weights of the local ridge are found.

For each song j with its nearest songs N: w_j = (G[N,N] + Λ)⁻¹ G[N,j], where G = Xᵀ D^(-2b) X,
D the users' numbers of likes, and Λ = ridge + kappa · diag G. The columns are independent, so
threads share them, and a song can be solved again alone.
Sources: SLIM (Ning & Karypis 2011), EASE^R (Steck 2019), EDLAE (Steck 2020, for kappa), SANSA
(Spišák et al. 2023, for sparsity).
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from recommendations.engine.interactions import FloatArray, Interactions
from recommendations.engine.local_ridge import LocalRidge
from recommendations.engine.model import Parameters, Progress
from recommendations.engine.neighbours import Neighbours, nearest

DEFAULTS: Parameters = {
    "neighbours": 100,
    "ridge": 30.0,
    "kappa": 0.4,
    "damping": 0.1,
    "base": 0.0001,
}
SIMILAR_KEPT = 50
# Up to here the whole Gram matrix is small (50 MB) and numpy alone is fast: a small catalogue
# is trained without waiting for a compiler.
SMALL_CATALOGUE = 2500
_BLOCK = 256


@dataclass(frozen=True, slots=True)
class _Problem:
    """What all songs' regressions share. diagonal: of G + Λ, (n_songs,)."""

    likes: sparse.csr_array
    weights: FloatArray
    diagonal: FloatArray
    neighbours: Neighbours


def fit(
    interactions: Interactions,
    parameters: Parameters,
    seed: int,  # noqa: ARG001 - every fit takes it
    progress: Progress | None = None,
) -> LocalRidge:
    """Solve every song's regression. Nothing in it is drawn: the seed makes no difference.

    Memory: a few arrays of (n_songs, neighbours) beside the likes; never the Gram matrix of a
    large catalogue.
    """
    given = DEFAULTS | parameters
    likes = interactions.likes
    weights = _user_weights(likes, float(given["damping"]))
    gram_diagonal = np.asarray(likes.T @ weights)
    diagonal = gram_diagonal * (1 + given["kappa"]) + given["ridge"]
    diagonal = diagonal.astype(np.float32)
    k = max(1, min(int(given["neighbours"]), interactions.n_songs - 1))
    found = nearest(likes, weights, diagonal, k, _part(progress, 0.0, 0.5))
    problem = _Problem(likes, weights, diagonal, found)
    solve = _solve_small if interactions.n_songs <= SMALL_CATALOGUE else _solve_large
    return _model(interactions, problem, solve(problem, _part(progress, 0.5, 1.0)), given)


def projected_seconds(interactions: Interactions, parameters: Parameters) -> float:
    """Roughly how long ``fit`` will take on one core of a server of 2023.

    The Gram matrix costs Σ d² over users, a solve (K / 100)² to ³, a song itself a little.
    """
    k = min(int((DEFAULTS | parameters)["neighbours"]), interactions.n_songs)
    degrees = np.bincount(interactions.users[interactions.values > 0]).astype(np.float64)
    return float(3e-8 * (degrees**2).sum() + interactions.n_songs * (4e-5 + 8e-5 * (k / 100) ** 2))


def _user_weights(likes: sparse.csr_array, damping: float) -> FloatArray:
    """d^(-2b) of each user, so that who likes a thousand songs says less about each pair."""
    degrees = np.maximum(np.diff(likes.indptr), 1).astype(np.float64)
    return (degrees ** (-2.0 * damping)).astype(np.float32)


def _solve_small(problem: _Problem, progress: Callable[[float], None] | None) -> FloatArray:
    """All regressions from one dense Gram matrix, in batches: float32 (n_songs, K)."""
    likes, rows = problem.likes, problem.neighbours.rows
    weighted = likes.copy()
    weighted.data = np.repeat(problem.weights, np.diff(likes.indptr))
    G = (weighted.T @ likes).toarray().astype(np.float64)
    np.fill_diagonal(G, problem.diagonal)
    solved = np.zeros(rows.shape, np.float32)
    size = max(1, 2_000_000 // rows.shape[1] ** 2)
    for start, end in _blocks(len(rows), size):
        known = rows[start:end] >= 0
        picked = np.where(known, rows[start:end], 0)
        A = G[picked[:, :, None], picked[:, None, :]]
        A *= known[:, :, None] & known[:, None, :]
        # A padded place is an equation of its own, 1 · w = 0.
        A[:, range(A.shape[1]), range(A.shape[1])] += ~known
        right = problem.neighbours.gram[start:end, :, None].astype(np.float64)
        solved[start:end] = np.linalg.solve(A, right)[..., 0]
        if progress:
            progress(end / len(rows))
    return solved


def _solve_large(problem: _Problem, progress: Callable[[float], None] | None) -> FloatArray:
    """All regressions by the compiled loop, a thread a core: float32 (n_songs, K)."""
    # Compiled code is loaded here, so that processes that only serve never do.
    from recommendations.engine.local_solving import solve_songs

    rows, solved = problem.neighbours.rows, problem.neighbours.gram.copy()
    columns = problem.likes.T.tocsr()
    counts = np.append(np.diff(columns.indptr), 0)  # the last for the padding, -1

    def fill(block: tuple[int, int]) -> None:
        span = slice(*block)
        longest = int(counts[rows[span]].sum(axis=1).max()) + 1
        heads = np.full(problem.likes.shape[0], -1, np.int32)
        links, places = np.empty(longest, np.int32), np.empty(longest, np.int32)
        A = np.zeros((rows.shape[1], rows.shape[1]), np.float32)
        solve_songs(
            columns.indptr,
            columns.indices,
            problem.weights,
            problem.diagonal,
            rows[span],
            heads,
            links,
            places,
            A,
            solved[span],
        )

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        blocks = list(_blocks(len(rows), _BLOCK))
        for at, _ in enumerate(pool.map(fill, blocks)):
            if progress:
                progress((at + 1) / len(blocks))
    return solved


def _model(
    interactions: Interactions, problem: _Problem, solved: FloatArray, given: Parameters
) -> LocalRidge:
    """The weights by liked song instead of by recommended song, and the songs most alike."""
    n_songs, rows = interactions.n_songs, problem.neighbours.rows
    used = (rows >= 0) & (solved != 0)
    columns = np.nonzero(used)[0].astype(np.int32)
    W = sparse.csr_array((solved[used], (rows[used], columns)), shape=(n_songs, n_songs))
    W.sort_indices()
    counts = interactions.like_counts
    order = np.argsort(-problem.neighbours.likeness, axis=1, kind="stable")[:, :SIMILAR_KEPT]
    return LocalRidge(
        offsets=W.indptr.astype(np.int64),
        rows=W.indices.astype(np.int32),
        weights=W.data,
        base=(given["base"] * counts / max(1, counts.max(initial=0))).astype(np.float32),
        similar_rows=np.take_along_axis(rows, order, axis=1),
        likeness=np.take_along_axis(problem.neighbours.likeness, order, axis=1),
    )


def _blocks(n: int, size: int) -> Iterator[tuple[int, int]]:
    """(start, end) of consecutive blocks of n rows."""
    return ((start, min(start + size, n)) for start in range(0, n, size))


def _part(progress: Progress | None, start: float, end: float) -> Callable[[float], None] | None:
    """A progress report over a part of the whole."""
    if progress is None:
        return None
    report = progress
    return lambda share: report("local_ridge", start + (end - start) * share)
