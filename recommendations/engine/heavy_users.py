"""A sample of the likes of who likes a great deal, where counting all their pairs would cost much.

Counting pairs of songs costs Σ d² over users. In large data a few users of thousands of likes make
most of that, and say little about any one pair.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

MOST_LIKES: Final = 500
# Σ d² that is counted whole: some ten seconds of one core.
PAIRS: Final = 2e9


def counted(degrees: npt.NDArray[np.int64], *, most: int = MOST_LIKES, pairs: float = PAIRS) -> int:
    """How many likes of a user are counted at most: all of them where Σ d² ≤ pairs."""
    largest = int(degrees.max(initial=0))
    return largest if float((degrees**2).sum()) <= pairs else min(largest, most)


def sampled(
    likes: sparse.csr_array, *, seed: int, most: int = MOST_LIKES, pairs: float = PAIRS
) -> sparse.csr_array:
    """At most so many likes of each user, drawn by the seed; all of them where Σ d² ≤ pairs.

    likes: X (n_users, n_songs), not changed. A user weighs what they weigh with all their likes:
    to raise the weight of those that are left (d / most, or its square) ranks worse.
    """
    degrees = np.diff(likes.indptr).astype(np.int64)
    most = counted(degrees, most=most, pairs=pairs)
    if degrees.max(initial=0) <= most:
        return likes
    rng = np.random.default_rng(seed)
    kept = np.ones(likes.nnz, np.bool_)
    for user in np.flatnonzero(degrees > most):
        start, stop = likes.indptr[user], likes.indptr[user + 1]
        kept[start:stop] = False
        kept[start + rng.choice(stop - start, most, replace=False)] = True
    offsets = np.concatenate([[0], np.cumsum(np.minimum(degrees, most))])
    arrays = likes.data[: offsets[-1]], likes.indices[kept], offsets.astype(np.int32)
    return sparse.csr_array(arrays, shape=likes.shape)
