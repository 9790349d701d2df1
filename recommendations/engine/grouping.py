"""Which songs are solved together: those whose neighbours are mostly the same songs."""

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from recommendations.engine.compiling import compiled
from recommendations.engine.interactions import BoolArray, IntArray


def groups(rows: IntArray, among: BoolArray, most: int) -> Iterator[tuple[IntArray, IntArray]]:
    """Songs in groups: (their rows, ascending; the rows of all their neighbours, ascending).

    rows: the neighbours of each song, int32 (n_songs, K), padded with -1. among: which songs, each
    with a neighbour, are to be in a group, (n_songs,). most: how many neighbours a group may have
    together, at least K. A group grows from a song by those that bring the fewest new neighbours,
    so it is as large as the data allow.
    """
    if not among.any():
        return
    n_songs = len(rows)
    there = rows >= 0
    sizes = there.sum(axis=1).astype(np.int32)
    # Row i: the songs that have i for a neighbour.
    owners = np.nonzero(there)[0].astype(np.int32)
    ones, shape = np.ones(len(owners), np.int8), (n_songs, n_songs)
    fans = sparse.csr_array((ones, (rows[there], owners)), shape=shape)
    left, support = among.copy(), np.empty(most, np.int32)
    slack = max(1, rows.shape[1] // 10)
    while left.any():
        missing, inside = sizes.copy(), np.zeros(n_songs, np.bool_)
        before = left.copy()
        size = _grow(rows, sizes, fans.indptr, fans.indices, left, missing, inside, support, slack)
        yield np.flatnonzero(before & ~left).astype(np.int32), np.sort(support[:size])


@compiled
def _grow(
    rows: IntArray,
    sizes: IntArray,
    offsets: IntArray,
    fans: IntArray,
    left: BoolArray,
    missing: IntArray,
    inside: BoolArray,
    support: IntArray,
    slack: int,
) -> int:
    """Take the songs of one group out of ``left``; how many neighbours they have together.

    sizes: how many neighbours each song has. missing: how many of them the group lacks; inside:
    which songs are neighbours of the group; both of an empty group. support: receives them.
    """
    first = np.argmax(left)
    left[first] = False
    size: int = _take_in(rows[first], offsets, fans, missing, inside, support, 0)
    while True:
        least = len(support) + 1
        for song in range(len(rows)):
            if left[song] and missing[song] < sizes[song]:
                least = min(least, missing[song])
        if size + least > len(support):
            return size
        for song in range(len(rows)):
            near = left[song] and missing[song] < sizes[song]
            if near and missing[song] <= min(least + slack, len(support) - size):
                left[song] = False
                size = _take_in(rows[song], offsets, fans, missing, inside, support, size)


@compiled
def _take_in(
    neighbours: IntArray,
    offsets: IntArray,
    fans: IntArray,
    missing: IntArray,
    inside: BoolArray,
    support: IntArray,
    size: int,
) -> int:
    """Make these neighbours of the group; how many it has now."""
    for neighbour in neighbours:
        if neighbour >= 0 and not inside[neighbour]:
            inside[neighbour] = True
            support[size] = neighbour
            size += 1
            for fan in fans[offsets[neighbour] : offsets[neighbour + 1]]:
                missing[fan] -= 1
    return size
