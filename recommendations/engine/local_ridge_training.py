"""How the weights of the local ridge are found.

For each song j with its nearest songs N: w_j = (G[N,N] + Λ)⁻¹ G[N,j], where G = Xᵀ D^(-2b) X,
D the users' numbers of likes, and Λ = ridge + kappa · diag G. The columns are independent, so
threads share them, and a song can be solved again alone. A column is then multiplied by
(n_j / n̄)^(−discount), n the likes of a song: the squared error that a regression minimises is
largest where songs are most liked, and a list has no reason to be.
Sources: SLIM (Ning & Karypis 2011), EASE^R (Steck 2019), EDLAE (Steck 2020, for kappa), SANSA
(Spišák et al. 2023, for sparsity); that linear models gain by normalising songs: Park et al. 2025.
"""

from collections.abc import Callable

import numpy as np
from scipy import sparse

from recommendations.engine.checkpoints import Checkpoints
from recommendations.engine.earlier import SONGS, Earlier
from recommendations.engine.heavy_users import counted, sampled
from recommendations.engine.interactions import BoolArray, FloatArray, Interactions
from recommendations.engine.item_model import ItemModel
from recommendations.engine.item_model_making import item_model
from recommendations.engine.local_refresh import Solved, solved_earlier
from recommendations.engine.local_solving import solve
from recommendations.engine.model import Parameters, Progress, TrainingFailed
from recommendations.engine.neighbours import Gram
from recommendations.engine.refusals import LEAST, MOST, Ranges

DEFAULTS: Parameters = {
    "neighbours": 100,
    "ridge": 30.0,
    "kappa": 1.0,
    "damping": 0.1,
    "discount": 0.1,
    "base": 0.0001,
}


RANGES: Ranges = {
    "neighbours": (1, MOST),
    "ridge": (LEAST, MOST),
    "kappa": (0, MOST),
    "damping": (0, 10),
    "discount": (0, 2),
    "base": (0, MOST),
}


def fit(
    interactions: Interactions,
    parameters: Parameters,
    seed: int,
    progress: Progress | None = None,
    checkpoints: Checkpoints | None = None,
    earlier: Earlier | None = None,
) -> ItemModel:
    """Solve every song's regression. The seed draws the sample of heavy users' likes, if any.

    earlier: to solve those alone that moved since (local_refresh.py).

    Memory: the likes twice, a few arrays of (n_songs, neighbours), and the Gram matrix of at most
    8,192 songs; never that of a large catalogue. Raises TrainingFailed.
    """
    given = DEFAULTS | parameters
    weights = _user_weights(interactions.likes, float(given["damping"]))
    likes = sampled(interactions.likes, seed=seed)
    columns = likes.T.tocsr()
    diagonal = (columns @ weights) * (1 + given["kappa"]) + given["ridge"]
    gram = Gram(likes, columns, weights, np.asarray(diagonal, np.float32))
    k = max(1, min(int(given["neighbours"]), interactions.n_songs - 1))
    # Of all likes: another sample is no change.
    trace = np.asarray(interactions.likes.T @ weights, np.float32)
    solved = solved_earlier(earlier, interactions, trace, k)
    # Pieces are of all songs: of a refresh there are none.
    pieces = checkpoints if earlier is None else None
    again = _solve_moved(gram, solved, interactions, progress, pieces)
    if not np.isfinite(solved.weights).all():
        raise TrainingFailed("the songs' equations cannot be solved in 32 bits: use a larger ridge")
    if earlier is not None:
        earlier.solved_again.append(int(np.count_nonzero(again)))
    if checkpoints is not None:
        checkpoints.save(SONGS, solved.arrays())
    found = gram.neighbours(solved.rows, solved.gram)
    discounted = solved.weights * _discounts(interactions, float(given["discount"]))[:, None]
    return item_model("local_ridge", interactions, found, discounted, base=float(given["base"]))


def projected_seconds(interactions: Interactions, parameters: Parameters) -> float:
    """Roughly how long ``fit`` will take on one core of a server of 2023.

    Neighbours cost Σ d² over users, of what is counted of them; the groups' Gram matrices what
    there is to like; a solve (K / 100)² to ³, a song itself a little.
    """
    k = min(int((DEFAULTS | parameters)["neighbours"]), interactions.n_songs) / 100
    degrees = np.bincount(interactions.users[interactions.values > 0])
    pairs = float((np.minimum(degrees, counted(degrees)) ** 2).sum())
    a_song = 3e-5 + 8e-5 * k**2
    return 6e-9 * pairs + 1e-6 * k * float(degrees.sum()) + a_song * interactions.n_songs


def _solve_moved(
    gram: Gram,
    solved: Solved,
    interactions: Interactions,
    progress: Progress | None,
    pieces: Checkpoints | None,
) -> BoolArray:
    """Find the neighbours and weights of every song that moved; which they are, (n_songs,)."""
    again = solved.moved(interactions.like_counts)
    songs = np.flatnonzero(again).astype(np.int32)
    gram.find_nearest(songs, solved.rows, solved.gram, _part(progress, 0.0, 0.5), pieces)
    beside = solved.come_near(gram, again, interactions.like_counts)
    songs = np.flatnonzero(beside).astype(np.int32)
    gram.find_nearest(songs, solved.rows, solved.gram)
    again |= beside
    solved.weights[again] = solved.gram[again]
    solve(gram, solved.rows, solved.weights, again, _part(progress, 0.5, 1.0), pieces)
    solved.settle(again)
    return again


def _user_weights(likes: sparse.csr_array, damping: float) -> FloatArray:
    """d^(-2b) of each user, so that who likes a thousand songs says less about each pair."""
    degrees = np.maximum(np.diff(likes.indptr), 1).astype(np.float64)
    return (degrees ** (-2.0 * damping)).astype(np.float32)


def _discounts(interactions: Interactions, exponent: float) -> FloatArray:
    """What each song's column is multiplied by, (n_songs,): 1 for a song of mean likes."""
    counts = np.maximum(interactions.like_counts, 1).astype(np.float64)
    mean = max(1.0, float(counts.sum() / max(1, len(counts))))
    found: FloatArray = ((counts / mean) ** -exponent).astype(np.float32)
    return found


def _part(progress: Progress | None, start: float, end: float) -> Callable[[float], None] | None:
    """A progress report over a part of the whole."""
    if progress is None:
        return None
    report = progress
    return lambda share: report("local_ridge", start + (end - start) * share)
