"""From the weights of each song's neighbours to the item model that is stored and served."""

import numpy as np
from scipy import sparse

from recommendations.engine.interactions import FloatArray, Interactions
from recommendations.engine.item_model import ItemModel
from recommendations.engine.neighbours import Neighbours
from recommendations.engine.sparse_rows import SparseRows

SIMILAR_KEPT = 50


def item_model(
    algorithm: str,
    interactions: Interactions,
    neighbours: Neighbours,
    weights: FloatArray,
    *,
    base: float,
    dislike: float = 0.0,
    base_dislikes: float = 0.0,
) -> ItemModel:
    """The weights by liked song instead of by recommended song, and the songs most alike.

    weights: of each song's neighbours, float32 (n_songs, K). base: what the most liked song gets
    for being that; others in proportion to their likes, less ``base_dislikes`` for each dislike.
    dislike: V = −dislike · max(W, 0), what disliking a song takes from those that liking it lifts.
    """
    n_songs, rows = interactions.n_songs, neighbours.rows
    used = (rows >= 0) & (weights != 0)
    columns = np.nonzero(used)[0].astype(np.int32)
    W = sparse.csr_array((weights[used], (rows[used], columns)), shape=(n_songs, n_songs))
    counts = interactions.like_counts
    standing = counts - base_dislikes * interactions.dislikes.sum(axis=0)
    order = np.argsort(-neighbours.likeness, axis=1, kind="stable")[:, :SIMILAR_KEPT]
    return ItemModel(
        algorithm=algorithm,
        liking=SparseRows.of(W),
        disliking=SparseRows.of(W.maximum(0) * -dislike) if dislike else SparseRows.empty(n_songs),
        base=(base * standing / max(1, counts.max(initial=0))).astype(np.float32),
        similar_rows=np.take_along_axis(np.where(neighbours.likeness > 0, rows, -1), order, axis=1),
        likeness=np.take_along_axis(neighbours.likeness, order, axis=1),
    )
