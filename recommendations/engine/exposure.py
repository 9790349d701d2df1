"""What lists hold, whoever likes it: how many of the songs, how popular, how rare, how evenly.

A list is a row of song rows, int32 (users, length), with -1 past the end of a shorter one.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from recommendations.engine.interactions import IntArray, Interactions
from recommendations.engine.metrics import percentiles

Numbers = npt.NDArray[np.number[Any]]
LORENZ_POINTS = 101


def padded(lists: Sequence[IntArray], length: int) -> IntArray:
    """Lists of up to ``length`` songs as one array, -1 past the end of a shorter one."""
    found = np.full((len(lists), length), -1, np.int32)
    for at, songs in enumerate(lists):
        found[at, : len(songs)] = songs
    return found


def exposures(lists: IntArray, n_songs: int) -> npt.NDArray[np.int64]:
    """In how many lists each song stands, (n_songs,)."""
    return np.bincount(lists[lists >= 0], minlength=n_songs)


def coverage(lists: IntArray, n_songs: int) -> float:
    """The share of the catalogue that stands in anybody's list."""
    return int((exposures(lists, n_songs) > 0).sum()) / max(1, n_songs)


def gini(amounts: Numbers) -> float:
    """How unevenly an amount is spread over n songs: 0 all the same, 1 - 1/n all on one song.

    With the amounts x sorted upwards: Σ_i (2 i - n - 1) x_i / (n Σ x). NaN where there is none.
    Source: Gini 1912; over recommended items, Adomavicius & Kwon 2012.
    """
    ordered = np.sort(amounts).astype(np.float64)
    n, whole = len(ordered), ordered.sum()
    if not whole:
        return float("nan")
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * whole))


def lorenz(amounts: Numbers) -> list[float]:
    """The part of all that the least part of the songs has, for 0 %, 1 % … 100 % of the songs.

    The curve whose distance from the diagonal Gini's coefficient sums up. Empty where there is
    none. Source: Lorenz 1905.
    """
    ordered = np.sort(amounts).astype(np.float64)
    if not ordered.sum():
        return []
    shares = np.concatenate([[0.0], ordered.cumsum() / ordered.sum()])
    at = np.linspace(0, len(ordered), LORENZ_POINTS)
    return [float(share) for share in np.interp(at, np.arange(len(shares)), shares)]


def novelty_bits(train: Interactions) -> npt.NDArray[np.float64]:
    """How unlikely it is that a listener knows each song already, in bits: (n_songs,).

    -log2(n_j / n), n being the listeners who like anything and n_j those who like song j. A song
    that nobody likes counts as one that one listener likes.
    Source: Vargas & Castells 2011 (novelty as self-information, popularity-based).
    """
    listeners = max(1, int((np.diff(train.likes.indptr) > 0).sum()))
    bits: npt.NDArray[np.float64] = np.log2(listeners / np.maximum(1, train.like_counts))
    return bits


def mean_in_lists(lists: IntArray, values: Numbers) -> npt.NDArray[np.float64]:
    """The mean of a value of the songs in each list, (users,); NaN for an empty list."""
    shown = lists >= 0
    # The place past the last value stands for no song.
    padded_values = np.append(values.astype(np.float64), 0.0)
    sums, sizes = padded_values[lists].sum(axis=1), shown.sum(axis=1)
    means: npt.NDArray[np.float64] = np.full(len(lists), np.nan)
    np.divide(sums, sizes, out=means, where=sizes > 0)
    return means


def mean_in_likes(train: Interactions, users: IntArray, values: Numbers) -> float:
    """The mean of a value over each user's likes, then over users; NaN where nobody has any."""
    own = users[users < train.n_users]
    sizes = np.diff(train.likes.indptr)[own]
    sums = (train.likes @ values.astype(np.float64))[own]
    return mean(sums[sizes > 0] / sizes[sizes > 0])


def mean(values: npt.NDArray[np.float64]) -> float:
    """The mean of those that are numbers; NaN where none is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def list_figures(lists: IntArray, users: IntArray, train: Interactions) -> dict[str, float]:
    """How many songs lists of 20 hold, how evenly, and how popular and rare they are.

    Beside what is listed stands what the same users like, since lists that are as popular as the
    likes add no bias of their own (Abdollahpouri et al. 2019): *_of_likes. What cannot be told,
    as of lists that hold nothing, is left out.
    users: rows of whom the lists are for; one past the training's users has no likes.
    """
    popular, rare = percentiles(train.like_counts), novelty_bits(train)
    figures = {
        "coverage@20": coverage(lists, train.n_songs),
        "gini@20": gini(exposures(lists, train.n_songs)),
        "gini_of_likes": gini(train.like_counts),
        "popularity_percentile@20": mean(mean_in_lists(lists, popular)),
        "popularity_percentile_of_likes": mean_in_likes(train, users, popular),
        "novelty_bits@20": mean(mean_in_lists(lists, rare)),
        "novelty_bits_of_likes": mean_in_likes(train, users, rare),
    }
    return {name: value for name, value in figures.items() if not np.isnan(value)}
