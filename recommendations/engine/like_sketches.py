"""How many likes of a song came or went between two moments, without keeping the likes.

A song's sketch is 64 sums over the users who like it, each user counting as +1 or −1 by a bit of a
hash of their key. A like that is there at both moments leaves no trace in the difference of two
sketches; the mean of its squares is an unbiased estimate of how many are there at one of them only,
exact for none and for one, with a standard error of √(2/64) = 18 % of the number.
Source: Alon, Matias & Szegedy 1996, "The space complexity of approximating the frequency moments".
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recommendations.engine.compiling import compiled
from recommendations.engine.hashing import mixed
from recommendations.engine.interactions import FloatArray, IntArray

SUMS: Final = 64


def sketches(likes: sparse.csr_array, keys: npt.NDArray[np.int64]) -> IntArray:
    """The sketch of each song: int32 (n_songs, 64).

    likes: X (n_users, n_songs). keys: of each user, (n_users,), theirs at every moment.
    """
    found = np.zeros((likes.shape[1], SUMS), np.int32)
    _add_up(likes.indptr, likes.indices, mixed(keys), found)
    return found


def changed_likes(now: IntArray, then: IntArray) -> FloatArray:
    """How many likes of each song are in one of two states alone, estimated: float32 (n_songs,)."""
    found: FloatArray = np.square((now - then).astype(np.float32)).mean(axis=1)
    return found


@compiled
def _add_up(
    offsets: IntArray, songs: IntArray, hashes: npt.NDArray[np.uint64], sums: IntArray
) -> None:
    """Add each user's signs to the sums of the songs that they like."""
    signs = np.empty(sums.shape[1], np.int32)
    for user in range(len(offsets) - 1):
        for bit in range(len(signs)):
            is_set = (hashes[user] >> np.uint64(bit)) & np.uint64(1)
            signs[bit] = 2 * np.int32(is_set) - 1
        for song in songs[offsets[user] : offsets[user + 1]]:
            for bit in range(len(signs)):
                sums[song, bit] += signs[bit]
