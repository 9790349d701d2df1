"""For whom and for what a ranking is good: accuracy by genre, by profile and by popularity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recommendations.engine.bootstrap import Interval, mean_intervals
from recommendations.engine.evaluation import HeldLikes
from recommendations.engine.interactions import Traits
from recommendations.engine.metrics import ideal_gain

MOST_GENRES: Final = 12
OTHERS: Final = "others"
# The least likes of a profile of each size, and how the sizes are called.
SIZES: Final = (1, 3, 10, 30)
SIZE_NAMES: Final = ("no likes", "1 or 2 likes", "3 to 9", "10 to 29", "30 or more")
TIERS: Final = ("head", "middle", "tail")
_NDCG_AT, _RECALL_AT = 10, 20


@dataclass(frozen=True, eq=False)
class Grouping:
    """Held-back likes put into named groups, as pairs; a like may be in several, or in none.

    names: (g,), in the order of the table. likes: rows of the held-back likes, (p,). groups: (p,).
    """

    names: Sequence[str]
    likes: npt.NDArray[np.int64]
    groups: npt.NDArray[np.int64]


def by_genre(likes: HeldLikes, names: Sequence[str], traits: Traits | None) -> Grouping:
    """By the genres of the liked song: the twelve with most held-back likes, largest first.

    A song of two genres counts for both. Others: songs of the catalogue that are of none of them.
    names: of the genres of the traits. No group where no song has a genre.
    """
    if traits is None or not names:
        return Grouping([], np.empty(0, np.int64), np.empty(0, np.int64))
    inside = np.flatnonzero(likes.songs >= 0)
    of_like = traits.genres[likes.songs[inside]]
    # A genre of that very name is not told apart from the songs of no named genre.
    sizes = np.where(np.array(names) == OTHERS, 0, of_like.sum(axis=0))
    order = np.argsort(-sizes, kind="stable")[:MOST_GENRES]
    named = order[sizes[order] > 0]
    pairs = sparse.coo_array(of_like[:, named])
    unnamed = np.flatnonzero(np.diff(sparse.csr_array(pairs).indptr) == 0)
    return Grouping(
        [*(names[genre] for genre in named), OTHERS],
        np.concatenate([inside[pairs.row], inside[unnamed]]),
        np.concatenate([pairs.col, np.full(len(unnamed), len(named))]).astype(np.int64),
    )


def by_profile_size(likes: HeldLikes, sizes: npt.NDArray[Any]) -> Grouping:
    """By how many likes the profile of the user has that was asked with: (users,)."""
    group_of = np.searchsorted(SIZES, sizes, side="right")
    return Grouping(SIZE_NAMES, np.arange(len(likes.askers)), group_of[likes.askers])


def by_popularity(likes: HeldLikes, like_counts: npt.NDArray[Any]) -> Grouping:
    """By the likes of the liked song in training: three tiers with a third of all likes each.

    Head: the most liked songs that have the first third of all likes together; a song belongs
    where its first like falls. Songs that nobody likes are of the tail.
    like_counts: (n_songs,).
    """
    order = np.argsort(-like_counts, kind="stable")
    ordered = like_counts[order]
    before = (ordered.cumsum() - ordered) / max(1, int(ordered.sum()))
    tier_of = np.empty(len(order), np.int64)
    tier_of[order] = np.minimum(len(TIERS) - 1, (before * len(TIERS)).astype(np.int64))
    # They already are, unless nobody likes anything at all.
    tier_of[like_counts == 0] = len(TIERS) - 1
    inside = np.flatnonzero(likes.songs >= 0)
    return Grouping(TIERS, inside, tier_of[likes.songs[inside]])


def accuracy_of(
    likes: HeldLikes, n_users: int, groupings: Mapping[str, Grouping], *, seed: int
) -> dict[str, list[dict[str, Any]]]:
    """NDCG@10 and recall@20 of each group's likes alone: a row for each group that has any.

    For each user with likes of the group those alone are relevant, in the same list, and the mean
    is over these users, with its 95 % bootstrap interval. So the groups of different users (the
    sizes of profiles) have the users' own figures, and in a genre a hit of another genre is a
    place that is lost.
    """
    columns: dict[str, npt.NDArray[np.float64]] = {}
    for kind, grouping in groupings.items():
        for metric, values in _worth(likes, n_users, grouping).items():
            columns |= {f"{kind} {at} {metric}": values[:, at] for at in range(values.shape[1])}
    columns = {name: values for name, values in columns.items() if not np.isnan(values).all()}
    spans = mean_intervals(columns, seed=seed) if columns else {}
    return {
        kind: [
            _row(f"{kind} {at}", name, int(count), columns, spans)
            for at, (name, count) in enumerate(zip(each.names, _counts(each), strict=True))
            if count
        ]
        for kind, each in groupings.items()
    }


def _counts(grouping: Grouping) -> npt.NDArray[np.int64]:
    return np.bincount(grouping.groups, minlength=len(grouping.names))


def _row(
    key: str,
    name: str,
    likes: int,
    columns: Mapping[str, npt.NDArray[np.float64]],
    spans: Mapping[str, Interval],
) -> dict[str, Any]:
    ndcg, recall = f"ndcg@{_NDCG_AT}", f"recall@{_RECALL_AT}"
    values = {metric: columns[f"{key} {metric}"] for metric in (ndcg, recall)}
    return {
        "group": name,
        "users": int((~np.isnan(values[ndcg])).sum()),
        "likes": likes,
        **{metric: float(np.nanmean(each)) for metric, each in values.items()},
        "intervals": {metric: list(spans[f"{key} {metric}"]) for metric in values},
    }


def _worth(
    likes: HeldLikes, n_users: int, grouping: Grouping
) -> dict[str, npt.NDArray[np.float64]]:
    """Each metric of each user and group, (n_users, groups); NaN without a like of the group."""
    groups = len(grouping.names)
    cells = likes.askers[grouping.likes] * groups + grouping.groups
    places = likes.places[grouping.likes]
    gains = np.where(places <= _NDCG_AT, 1.0 / np.log2(places + 1.0), 0.0)
    ideals = np.array([np.nan, *(ideal_gain(hits) for hits in range(1, _NDCG_AT + 1))])

    def summed(weights: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        sums = np.bincount(cells, weights, minlength=n_users * groups)
        return sums.astype(np.float64)

    relevant = np.bincount(cells, minlength=n_users * groups)
    found = summed(places <= _RECALL_AT)
    recall = np.divide(found, relevant, out=np.full(len(found), np.nan), where=relevant > 0)
    ndcg = summed(gains) / ideals[np.minimum(relevant, _NDCG_AT)]
    shape = (n_users, groups)
    return {
        f"ndcg@{_NDCG_AT}": ndcg.reshape(shape),
        f"recall@{_RECALL_AT}": recall.reshape(shape),
    }
