"""What songs that few have judged are lent by the other songs of their artist, or of their genres.

With n_j the judgements of song j and τ = ``rare``, its column of weights becomes

    w_j = n_j / (n_j + τ) · w_j + τ / (n_j + τ) · m_j

where m_j is the mean column of its group, in which a song a weighs n_a / (n_a + τ), plus κ on the
songs of the group: who likes those is shown j. The group is the artist where another song of
theirs is liked (κ = ``same_artist``), else the genres (``same_genre``). κ is in units of a typical
column's largest weight, so that it means the same in every model. The row of a song that no like
speaks for is filled in the same way: whoever likes it is shown what it is near to. β, factors and
SVD's biases are mixed by the same shares. All of this happens to the weights, once: scores stay
sums of what each judgement lends, and reasons exact.
Sources: side information in item models, SSLIM (Ning & Karypis 2012), CEASE (Jeunen, Van Balen &
Goethals 2020); shares of n / (n + τ) are those of empirical Bayes.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recommendations.engine.ials import IALS
from recommendations.engine.interactions import BoolArray, FloatArray, Interactions, Traits
from recommendations.engine.item_model import ItemModel
from recommendations.engine.model import Model, Parameters
from recommendations.engine.refusals import MOST, Ranges
from recommendations.engine.sparse_rows import SparseRows
from recommendations.engine.svd import SVD

# Nothing is lent unless a search finds that it helps (trying_new_songs.py): what was recorded
# before there was anything to lend means what it meant.
_OF_ITEMS: Final[Parameters] = {"rare": 0.0, "same_artist": 0.0, "same_genre": 0.0}
_OF_FACTORS: Final[Parameters] = {"rare": 0.0}
LENDING: Final[dict[str, Parameters]] = {
    "local_ridge": _OF_ITEMS,
    "item_knn": _OF_ITEMS,
    "turbo_cf": _OF_ITEMS,
    "judged_knn": _OF_ITEMS,
    "ials": _OF_FACTORS,
    "svd": _OF_FACTORS,
    "vbmf": _OF_FACTORS,
}
RANGES: Final[Ranges] = dict.fromkeys(_OF_ITEMS, (0, MOST))
# The songs of a group that stand for it: the most judged ones. A "Various Artists" of thousands, or
# a genre, would lend little more for far more work.
MOST_MEMBERS: Final = 50
# A song that is lent less than this part of its weights keeps its own alone.
LEAST_LENT: Final = 0.05
_GROUPS_AT_ONCE: Final = 1_000

_Double = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Groups:
    """Artists and genres, and who takes from which of them.

    members: (groups, n_songs), the shares of the songs that stand for each, summing to 1.
    taking: (n_songs, groups), whence a song is lent, summing to 1, or 0 where from nowhere.
    kappa: of each group, (groups,).
    """

    members: sparse.csr_array
    taking: sparse.csr_array
    kappa: FloatArray

    @property
    def placed(self) -> BoolArray:
        """Which songs have anything to be lent by, (n_songs,)."""
        found: BoolArray = np.diff(self.taking.indptr) > 0
        return found


def lend(model: Model, interactions: Interactions, parameters: Parameters) -> Model:
    """The model with what rare songs are lent; as it is where nothing is to be, or can be.

    interactions: what it was trained on.
    """
    given = _OF_ITEMS | parameters
    if interactions.traits is None or not given["rare"]:
        return model
    judged = np.bincount(interactions.songs, minlength=interactions.n_songs)
    own = judged / (judged + given["rare"])
    groups = _grouped(interactions, interactions.traits, own, given)
    own = np.where(groups.placed & (own <= 1 - LEAST_LENT), own, 1.0).astype(np.float32)
    if (own == 1).all():
        return model
    if isinstance(model, ItemModel):
        return _items_lent(model, groups, own)
    if isinstance(model, IALS):
        return IALS(_mixed(model.factors, groups, own))
    if isinstance(model, SVD):
        # What it holds about all songs together stays: that speaks of users, and of those it knew.
        biases = _mixed(model.biases[:, None], groups, own)[:, 0]
        return replace(model, factors=_mixed(model.factors, groups, own), biases=biases)
    return model


def _items_lent(model: ItemModel, groups: _Groups, own: FloatArray) -> ItemModel:
    return replace(
        model,
        liking=_rows_lent(model.liking, groups, own, sign=1),
        disliking=_rows_lent(model.disliking, groups, own, sign=-1),
        base=_mixed(model.base[:, None], groups, own)[:, 0],
    )


def _rows_lent(rows: SparseRows, groups: _Groups, own: FloatArray, *, sign: int) -> SparseRows:
    """The matrix with columns lent to rare songs, then rows to songs that nothing speaks for.

    sign: whether κ lifts (1) or sinks (-1), as the weights do on the whole.
    """
    if not len(rows.weights):
        return rows
    columns = rows.matrix.T.tocsr()
    most = int(np.diff(columns.indptr).max())
    largest = abs(columns).max(axis=1).toarray()
    unit = sign * float(largest.sum() / max(1, np.count_nonzero(largest)))
    lent = _lent(columns, groups, own, unit, most).T.tocsr()
    silent = (np.diff(lent.indptr) == 0) & groups.placed
    # A mean of rows runs over more songs than one of columns: rows are as long as songs are liked.
    own_rows = np.where(silent, 0, 1).astype(np.float32)
    return SparseRows.of(_lent(lent, groups, own_rows, unit, 2 * most))


def _lent(
    matrix: sparse.csr_array, groups: _Groups, own: FloatArray, unit: float, most: int
) -> sparse.csr_array:
    """own · row + (1 − own) · (the mean row of its group + κ on the group), at most ``most`` each.

    No row moves its own song. Rows of an ``own`` of 1 stay as they are.
    """
    if (own == 1).all():
        return matrix
    takes = sparse.csr_array(sparse.diags_array(1 - own) @ groups.taking)
    takes.eliminate_zeros()
    asked = np.unique(takes.indices)
    members = groups.members[asked]
    shared = sparse.vstack(
        [
            _pruned(members[start : start + _GROUPS_AT_ONCE] @ matrix, most)
            for start in range(0, len(asked), _GROUPS_AT_ONCE)
        ],
        format="csr",
    )
    members.data = np.repeat(groups.kappa[asked] * np.float32(unit), np.diff(members.indptr))
    gets = takes[:, asked] @ (shared + members)
    gets = gets - sparse.diags_array(gets.diagonal())
    mixed = sparse.csr_array(sparse.diags_array(own) @ matrix + gets)
    mixed.eliminate_zeros()
    return _pruned(mixed, most, own < 1)


def _mixed(values: FloatArray, groups: _Groups, own: FloatArray) -> FloatArray:
    """The same for a few numbers of each song, (n_songs, m)."""
    lent = groups.taking @ (groups.members @ values)
    mixed: FloatArray = own[:, None] * values + (1 - own[:, None]) * lent
    return mixed.astype(np.float32)


def _pruned(matrix: sparse.csr_array, most: int, rows: BoolArray | None = None) -> sparse.csr_array:
    """The ``most`` entries of greatest size in each row (of those named), by column."""
    matrix.sort_indices()
    long = np.diff(matrix.indptr) > most
    if rows is not None:
        long &= rows
    kept = np.ones(matrix.nnz, np.bool_)
    for row in np.flatnonzero(long):
        span = slice(matrix.indptr[row], matrix.indptr[row + 1])
        sizes = np.abs(matrix.data[span])
        kept[span] = False
        kept[matrix.indptr[row] + np.argsort(-sizes, kind="stable")[:most]] = True
    counts = np.add.reduceat(np.append(kept, False), matrix.indptr[:-1], dtype=np.int64)
    counts[np.diff(matrix.indptr) == 0] = 0
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return sparse.csr_array((matrix.data[kept], matrix.indices[kept], offsets), shape=matrix.shape)


def _grouped(
    interactions: Interactions, traits: Traits, own: _Double, given: Parameters
) -> _Groups:
    """The artists, then the genres."""
    liked = interactions.like_counts > 0
    of_artist = _of_artists(traits)
    n_artists, n_genres = of_artist.shape[1], traits.genres.shape[1]
    belongs = sparse.hstack([of_artist, traits.genres], format="csr").astype(np.float32)
    # An artist lends where another of their songs is liked; a song is no news of itself.
    others = of_artist @ (of_artist.T @ liked.astype(np.int64)) - liked
    by_artist = (others > 0) & (traits.artists >= 0)
    from_artist = sparse.diags_array(by_artist.astype(np.float32)) @ of_artist
    from_genres = sparse.diags_array((~by_artist).astype(np.float32)) @ traits.genres
    members = _members(belongs, np.where(liked, own, 0.0))
    taking = sparse.csr_array(sparse.hstack([from_artist, from_genres], format="csr"))
    # A group of which nothing is liked lends nothing.
    taking = taking @ sparse.diags_array((np.diff(members.indptr) > 0).astype(np.float32))
    taking = sparse.csr_array(taking)
    taking.eliminate_zeros()
    kappas = [given["same_artist"]] * n_artists + [given["same_genre"]] * n_genres
    return _Groups(members, _summing_to_one(taking), np.array(kappas, np.float32))


def _of_artists(traits: Traits) -> sparse.csr_array:
    """Ones by song and artist."""
    rows = np.flatnonzero(traits.artists >= 0)
    shape = (len(traits.artists), int(traits.artists.max(initial=-1)) + 1)
    ones = np.ones(len(rows), np.float32)
    return sparse.csr_array((ones, (rows, traits.artists[rows])), shape=shape)


def _members(belongs: sparse.csr_array, worth: _Double) -> sparse.csr_array:
    """Who stands for each group and by which share: those of greatest worth over 0."""
    weighed = sparse.csr_array(belongs.T @ sparse.diags_array(worth.astype(np.float32)))
    weighed.eliminate_zeros()
    return _summing_to_one(_pruned(weighed, MOST_MEMBERS))


def _summing_to_one(matrix: sparse.csr_array) -> sparse.csr_array:
    """Each row by its sum; empty rows stay."""
    sums = np.repeat(np.asarray(matrix.sum(axis=1)).ravel(), np.diff(matrix.indptr))
    matrix.data = (matrix.data / sums).astype(np.float32)
    return matrix
