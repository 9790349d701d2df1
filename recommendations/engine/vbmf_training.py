"""VBMF: biased matrix factorisation of likes and dislikes, learnt by variational Bayes.

    r_ui = μ + b_u + b_i + q_i·p_u + noise        b_u ~ N(0, τ), p_u ~ N(0, I), noise ~ N(0, σ²)

with r 1 for a like and 0 for a dislike, and for ``negatives`` songs a like that were not judged. In
turn, every user's (b_u, p_u) and every song's w_i = (b_i, q_i) get the normal distribution that
fits best while the others are held, and σ², τ and the priors' variances of b and of each factor
what these say. A song of few judgements is known by a wide distribution, and a factor that
explains nothing shrinks to nothing, so that there is no regularisation to tune and no rate to learn
at: where listeners have judged some tens of songs each, single best values, as svd finds, are
fitted to chance in part.

The model that is left is svd's: factors' means, and a user folded in by them (svd.py), where ρ is
σ² / τ for b_u and ``fold_in`` · σ² for p_u: 1 would be Bayes' rule, if songs were known for certain
and dislikes solved for as likes are; as they are not, users are drawn to nothing by more.
Sources: Lim & Teh 2007 (variational Bayes for ratings), Ilin & Raiko 2010 (the same as PCA with
missing values; bounds of each factor), Bishop 1999 (a prior variance for each factor).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recommendations.engine.interactions import Interactions
from recommendations.engine.model import Parameters, Progress, TrainingFailed
from recommendations.engine.ratings import LIKE, Ratings, ratings_of
from recommendations.engine.refusals import LEAST, MOST, Ranges
from recommendations.engine.svd import SVD
from recommendations.engine.svd_making import svd_model

DEFAULTS: Parameters = {"factors": 10, "epochs": 30, "negatives": 4, "fold_in": 6.0}
RANGES: Ranges = {
    "factors": (1, 1_000),
    "epochs": (1, 10_000),
    "negatives": (0, 1_000),
    "fold_in": (LEAST, MOST),
}
_DISLIKE = 0.0
# Where the turns begin: variances of the order that judgements of 0 and 1 have.
_NOISE, _USERS, _BIASES, _FACTORS = 0.15, 0.05, 0.05, 0.02
_START = 0.1
# No variance falls under this part of the judgements' own: it would be divided by.
_LEAST_VARIANCE = 1e-6
# Users' numbers that are held at a time.
_CELLS = 4_000_000

_Double = npt.NDArray[np.floating[Any]]


@dataclass
class _Songs:
    """What is believed of every song: w's mean (n, d) and covariance (n, d, d), d = factors + 1."""

    mean: _Double
    covariance: _Double


@dataclass
class _Variances:
    """Of the noise, of users' b, and the priors' of songs' w, (d,)."""

    noise: float
    users: float
    songs: _Double


@dataclass
class _Sums:
    """What users say of each song, summed over who judged it, and of the variances.

    With z = (1, p): squares: E[z zᵀ], (n, d, d). products: E[z (r − μ − b_u)], (n, d).
    rest: Σ E[(r − μ − b_u)²] over all judgements. biases: Σ E[b_u²] over the users who judged
    anything, and how many these are.
    """

    squares: _Double
    products: _Double
    rest: float = 0.0
    biases: float = 0.0
    users: int = 0


def fit(
    interactions: Interactions, parameters: Parameters, seed: int, progress: Progress | None = None
) -> SVD:
    """Train in ``epochs`` turns of users and songs. Raises TrainingFailed.

    The seed draws where the factors begin.
    """
    given = DEFAULTS | parameters
    if not len(interactions):
        raise TrainingFailed("there is no like and no dislike to train VBMF on")
    ratings = ratings_of(
        interactions, negatives=int(given["negatives"]), dislike=_DISLIKE, seed=seed
    )
    # As if one more of each kind had been seen: of likes alone, more of them must still be better.
    mean = float((ratings.values.sum() + LIKE + _DISLIKE) / (len(ratings) + 2))
    judged, unjudged = _residuals(ratings, mean), len(ratings) - len(interactions)
    del ratings  # as large as all the rest
    songs, variances = _begun(judged, int(given["factors"]), seed)
    least = _LEAST_VARIANCE * float((judged.data**2).mean())
    epochs = int(given["epochs"])
    for epoch in range(epochs):
        _turn(judged, songs, variances, least)
        if progress:
            progress("vbmf", (epoch + 1) / epochs)
    # Of what nobody judged nothing was learnt; it is foretold as svd foretells it: 0.
    songs.mean[np.bincount(judged.indices, minlength=judged.shape[1]) == 0, 0] = -mean
    ridge = np.full(songs.mean.shape[1], float(given["fold_in"]) * variances.noise)
    ridge[0] = variances.noise / variances.users
    return svd_model(
        interactions,
        unjudged,
        mean=mean,
        factors=songs.mean[:, 1:].astype(np.float32),
        biases=songs.mean[:, 0].astype(np.float32),
        dislike=_DISLIKE,
        ridge=ridge,
        algorithm="vbmf",
    )


def projected_seconds(interactions: Interactions, parameters: Parameters) -> float:
    """Roughly how long ``fit`` will take: a row of d² numbers a judgement, an inverse a user."""
    given = DEFAULTS | parameters
    d = int(given["factors"]) + 1
    solved = interactions.n_users + interactions.n_songs
    rated = len(interactions) + int(given["negatives"]) * int((interactions.values > 0).sum())
    turn = 1e-9 * rated * d**2 + 1e-8 * solved * (d**2 + d**3 / 8)
    return float(int(given["epochs"]) * turn)


def _residuals(ratings: Ratings, mean: float) -> sparse.csr_array:
    """r − μ by user and song; what was drawn twice stands there twice."""
    ordered = ratings.where(np.lexsort((ratings.songs, ratings.users)))
    offsets = np.searchsorted(ordered.users, np.arange(ordered.n_users + 1))
    shape = (ordered.n_users, ordered.n_songs)
    return sparse.csr_array((ordered.values - mean, ordered.songs, offsets), shape=shape)


def _begun(judged: sparse.csr_array, factors: int, seed: int) -> tuple[_Songs, _Variances]:
    """Biases as the means, factors drawn by the seed."""
    n, d = judged.shape[1], factors + 1
    counts = np.bincount(judged.indices, minlength=n)
    sums = np.bincount(judged.indices, judged.data, minlength=n)
    mean = np.random.default_rng(seed).normal(0, _START, (n, d))
    mean[:, 0] = sums / (counts + _NOISE / _BIASES)
    variances = np.concatenate([[_BIASES], np.full(factors, _FACTORS)])
    return _Songs(mean, np.zeros((n, d, d))), _Variances(_NOISE, _USERS, variances)


def _turn(judged: sparse.csr_array, songs: _Songs, variances: _Variances, least: float) -> None:
    """Users by the songs, songs by the users, variances by both; in place.

    Who judged nothing, and what nobody judged, says nothing of a variance.
    """
    sums = _summed(judged, songs, variances)
    diagonal = np.arange(sums.squares.shape[1])
    prior = variances.noise / variances.songs
    sums.squares[:, diagonal, diagonal] += prior
    songs.covariance = np.linalg.inv(sums.squares)
    sums.squares[:, diagonal, diagonal] -= prior
    songs.mean = np.einsum("nab,nb->na", songs.covariance, sums.products)
    songs.covariance *= variances.noise
    # E[(r − μ − b_u − z·w)²], the square of the last term over both distributions.
    foretold = np.einsum("nab,nb->na", sums.squares, songs.mean)
    missed = sums.rest + ((foretold - 2 * sums.products) * songs.mean).sum()
    missed += np.einsum("nab,nab->", sums.squares, songs.covariance)
    variances.noise = max(least, float(missed) / judged.nnz)
    variances.users = max(least, sums.biases / sums.users)
    known = np.bincount(judged.indices, minlength=judged.shape[1]) > 0
    second = songs.mean[known] ** 2 + songs.covariance[known][:, diagonal, diagonal]
    variances.songs = np.maximum(least, second.mean(axis=0))


def _summed(judged: sparse.csr_array, songs: _Songs, variances: _Variances) -> _Sums:
    """Every user found by the songs as they are, and what they then say of them."""
    n, d = songs.mean.shape
    biases, extended = songs.mean[:, 0], songs.mean.copy()
    extended[:, 0] = 1.0
    squares = extended[:, :, None] * extended[:, None, :]
    squares[:, 1:, 1:] += songs.covariance[:, 1:, 1:]
    with_bias = biases[:, None] * extended
    with_bias[:, 1:] += songs.covariance[:, 0, 1:]
    prior = np.concatenate([[1 / variances.users], np.ones(d - 1)])
    sums = _Sums(np.zeros((n, d * d)), np.zeros((n, d)))
    for block in _blocks(judged, d):
        ones = sparse.csr_array((np.ones(block.nnz), block.indices, block.indptr), block.shape)
        summed = np.asarray(ones @ squares.reshape(n, d * d))
        precision = summed.reshape(-1, d, d) / variances.noise
        precision[:, np.arange(d), np.arange(d)] += prior
        covariance = np.linalg.inv(precision)
        told = (block @ extended - ones @ with_bias) / variances.noise
        mean = np.einsum("uab,ub->ua", covariance, told)
        _add(sums, block, ones, mean, covariance)
    sums.squares = sums.squares.reshape(n, d, d)
    return sums


def _add(
    sums: _Sums, block: sparse.csr_array, ones: sparse.csr_array, mean: _Double, covariance: _Double
) -> None:
    """Add what some users, as they were found, say of the songs that they judged."""
    counts = np.diff(block.indptr)
    own = mean[:, 0].copy()
    own_square = own**2 + covariance[:, 0, 0]
    # E[z zᵀ] and E[z b_u], z = (1, p).
    z = mean.copy()
    z[:, 0] = 1.0
    squares = z[:, :, None] * z[:, None, :]
    squares[:, 1:, 1:] += covariance[:, 1:, 1:]
    with_own = z * own[:, None]
    with_own[:, 1:] += covariance[:, 0, 1:]
    sums.squares += ones.T @ squares.reshape(len(z), -1)
    sums.products += block.T @ z - ones.T @ with_own
    said = np.asarray(block.sum(axis=1)).ravel()
    sums.rest += float((block.data**2).sum() - 2 * (own * said).sum() + (counts * own_square).sum())
    sums.biases += float(own_square[counts > 0].sum())
    sums.users += int((counts > 0).sum())


def _blocks(judged: sparse.csr_array, d: int) -> Iterator[sparse.csr_array]:
    """Rows of users, as many at a time as their numbers have room, and not far fewer than songs.

    The sums over songs are gone through once a block.
    """
    size = max(1, _CELLS // d**2, judged.shape[1] // 2)
    for start in range(0, judged.shape[0], size):
        yield judged[start : start + size]
