"""How far a figure may be off because these users were asked and not others."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import sparse

Interval = tuple[float, float]
DRAWS = 1000
_AT_ONCE = 50


def mean_intervals(
    per_user: dict[str, npt.NDArray[np.float64]], *, seed: int, draws: int = DRAWS
) -> dict[str, Interval]:
    """The 95 % percentile bootstrap interval of the mean of each metric over users.

    per_user: (n_users,) each, NaN for a user whom the metric says nothing about.
    All metrics share the draws, so that their intervals are comparable.
    """
    names = list(per_user)
    values = np.column_stack([per_user[name] for name in names])
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    means = np.vstack(
        [
            _divided(weights @ filled, weights @ known.astype(np.float64))
            for weights in _resamples(len(values), seed, draws)
        ]
    )
    low, high = np.nanpercentile(means, [2.5, 97.5], axis=0)
    return {name: (float(low[at]), float(high[at])) for at, name in enumerate(names)}


def coverage_interval(shown: sparse.csr_array, *, seed: int, draws: int = DRAWS) -> Interval:
    """The 95 % interval of the share of songs that at least one user is shown.

    shown: (n_users, n_songs), one where the user is shown the song. A draw holds fewer distinct
    users than there are, so it covers less than the whole: the draws say how wide the interval
    is, and it is put around the figure itself.
    """
    n_songs = shown.shape[1]
    columns = shown.T.tocsr()
    covered = np.concatenate(
        [
            ((columns @ (weights > 0).T.astype(np.float32)) > 0).sum(axis=0) / n_songs
            for weights in _resamples(shown.shape[0], seed, draws)
        ]
    )
    whole = float((np.diff(columns.indptr) > 0).mean())
    low, high = np.percentile(covered, [2.5, 97.5]) - covered.mean()
    return max(0.0, whole + float(low)), min(1.0, whole + float(high))


def _resamples(n_users: int, seed: int, draws: int) -> Iterator[npt.NDArray[np.float64]]:
    """How often each user is drawn, as blocks of rows that sum to n_users."""
    return (_block(n_users, seed, first, draws) for first in range(0, draws, _AT_ONCE))


def _block(n_users: int, seed: int, first: int, draws: int) -> npt.NDArray[np.float64]:
    """The draws ``first`` up to ``first + 50``, each with a stream of its own."""
    rows = []
    for draw in range(first, min(first + _AT_ONCE, draws)):
        users = np.random.default_rng((seed, draw)).integers(0, n_users, n_users)
        rows.append(np.bincount(users, minlength=n_users).astype(np.float64))
    return np.vstack(rows)


def _divided(
    sums: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The quotient, NaN where a draw holds no user whom the metric says anything about."""
    return np.divide(sums, weights, out=np.full_like(sums, np.nan), where=weights > 0)
