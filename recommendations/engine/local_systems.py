"""The loops of the local ridge: filling small Gram matrices, and solving with them."""

import numpy as np
import numpy.typing as npt

from recommendations.engine.compiling import compiled
from recommendations.engine.interactions import FloatArray, IntArray

_Offsets = npt.NDArray[np.int32]


@compiled
def solve_alone(
    offsets: _Offsets,
    users: IntArray,
    weights: FloatArray,
    diagonal: FloatArray,
    songs: IntArray,
    rows: IntArray,
    heads: IntArray,
    links: IntArray,
    places: IntArray,
    A: FloatArray,
    solved: FloatArray,
) -> None:
    """Solve A w = right side for each song, A the Gram matrix of its neighbours, regularised.

    offsets, users: who likes each song (CSC of X). weights: of each user. diagonal: of A, by song.
    rows: (n_songs, K), padded with -1 at the end. solved: (n_songs, K), the right sides,
    overwritten by w. Scratch: heads (n_users,) of -1, left so; links and places as long as the
    likes of one song's neighbours; A (K, K).
    """
    for song in songs:
        k = np.count_nonzero(rows[song] >= 0)
        near = rows[song, :k]
        for a in range(k):
            A[a, :a] = np.float32(0)
            A[a, a] = diagonal[near[a]]
        _fill(offsets, users, weights, near, heads, links, places, A)
        _solve(A, solved[song, :k])


@compiled
def solve_together(
    songs: IntArray, rows: IntArray, place: IntArray, gram: FloatArray, solved: FloatArray
) -> None:
    """The same with A picked out of a Gram matrix of the neighbours of all these songs.

    place: of each song in gram, (n_songs,), ascending as the songs are.
    """
    k_most = rows.shape[1]
    A, places = np.empty((k_most, k_most), np.float32), np.empty(k_most, np.int32)
    for song in songs:
        k = np.count_nonzero(rows[song] >= 0)
        for a in range(k):
            places[a] = place[rows[song, a]]
        for a in range(k):
            row = gram[places[a]]
            for b in range(a + 1):
                A[a, b] = row[places[b]]
        _solve(A, solved[song, :k])


@compiled
def by_user(
    offsets: _Offsets,
    users: IntArray,
    songs: IntArray,
    starts: npt.NDArray[np.int64],
    liked: IntArray,
) -> None:
    """Each user's likes among the songs, as ascending places in ``songs``: liked[starts[u]:].

    starts: (n_users + 1,) of 0. liked: as long as the likes of the songs.
    """
    for song in songs:
        for at in range(offsets[song], offsets[song + 1]):
            starts[users[at] + 1] += 1
    for user in range(1, len(starts)):
        starts[user] += starts[user - 1]
    # Each start moves to the end of its likes, which is where the next one's were to begin.
    for a in range(len(songs)):
        for at in range(offsets[songs[a]], offsets[songs[a] + 1]):
            user = users[at]
            liked[starts[user]] = a
            starts[user] += 1
    for user in range(len(starts) - 1, 0, -1):
        starts[user] = starts[user - 1]
    starts[0] = 0


@compiled
def fill_rows(
    offsets: _Offsets,
    users: IntArray,
    weights: FloatArray,
    diagonal: FloatArray,
    songs: IntArray,
    part: IntArray,
    starts: npt.NDArray[np.int64],
    liked: IntArray,
    gram: FloatArray,
) -> None:
    """Write these rows of the Gram matrix of the songs, up to the diagonal, and with it.

    starts, liked: by ``by_user``.
    """
    for a in part:
        row = gram[a]
        row[:a] = np.float32(0)
        for at in range(offsets[songs[a]], offsets[songs[a] + 1]):
            user = users[at]
            weight, place = weights[user], starts[user]
            # The user likes song a, so that the walk ends there.
            while liked[place] < a:
                row[liked[place]] += weight
                place += 1
        row[a] = diagonal[songs[a]]


@compiled
def _fill(
    offsets: _Offsets,
    users: IntArray,
    weights: FloatArray,
    songs: IntArray,
    heads: IntArray,
    links: IntArray,
    places: IntArray,
    A: FloatArray,
) -> None:
    """Add the Gram matrix of these songs to the part of A below its diagonal.

    Each user's likes among the songs form a linked list (heads, links), and each like adds the
    user's weight to its pair with every earlier one: no other like is ever looked at.
    """
    used = 0
    for a in range(len(songs)):
        for at in range(offsets[songs[a]], offsets[songs[a] + 1]):
            user = users[at]
            link = heads[user]
            while link >= 0:
                A[a, places[link]] += weights[user]
                link = links[link]
            links[used] = heads[user]
            places[used] = a
            heads[user] = used
            used += 1
    for song in songs:
        for at in range(offsets[song], offsets[song + 1]):
            heads[users[at]] = -1


@compiled
def _solve(A: FloatArray, x: FloatArray) -> None:
    """Turn the right side x (k,) into the solution of A x = right side.

    A is symmetric and positive definite, its lower triangle is read and becomes L of A = L Lᵀ
    (Cholesky), with the inverses of L's diagonal.
    """
    for i in range(len(x)):
        row = A[i]
        for j in range(i):
            other = A[j]
            total = np.float32(0)
            for c in range(j):
                total += row[c] * other[c]
            row[j] = (row[j] - total) * other[j]
        squares, known = np.float32(0), np.float32(0)
        for c in range(i):
            squares += row[c] * row[c]
            known += row[c] * x[c]
        row[i] = np.float32(1) / np.sqrt(row[i] - squares)
        x[i] = (x[i] - known) * row[i]
    for i in range(len(x) - 1, -1, -1):
        x[i] *= A[i, i]
        for c in range(i):
            x[c] -= x[i] * A[i, c]
