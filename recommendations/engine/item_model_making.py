"""From the weights of each song's neighbours to the item model that is stored and served."""

import numpy as np
from scipy import sparse

from recommendations.engine.interactions import FloatArray, Interactions
from recommendations.engine.item_model import ItemModel
from recommendations.engine.neighbours import Neighbours

SIMILAR_KEPT = 50


def item_model(
    algorithm: str,
    interactions: Interactions,
    neighbours: Neighbours,
    weights: FloatArray,
    *,
    base: float,
) -> ItemModel:
    """The weights by liked song instead of by recommended song, and the songs most alike.

    weights: of each song's neighbours, float32 (n_songs, K). base: what the most liked song gets
    for being that; others in proportion to their likes.
    """
    n_songs, rows = interactions.n_songs, neighbours.rows
    used = (rows >= 0) & (weights != 0)
    columns = np.nonzero(used)[0].astype(np.int32)
    W = sparse.csr_array((weights[used], (rows[used], columns)), shape=(n_songs, n_songs))
    W.sort_indices()
    counts = interactions.like_counts
    order = np.argsort(-neighbours.likeness, axis=1, kind="stable")[:, :SIMILAR_KEPT]
    return ItemModel(
        algorithm=algorithm,
        offsets=W.indptr.astype(np.int64),
        rows=W.indices.astype(np.int32),
        weights=W.data,
        base=(base * counts / max(1, counts.max(initial=0))).astype(np.float32),
        similar_rows=np.take_along_axis(rows, order, axis=1),
        likeness=np.take_along_axis(neighbours.likeness, order, axis=1),
    )
