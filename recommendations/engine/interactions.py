"""What the engine learns from: who judged which song how, by row numbers."""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

IntArray: TypeAlias = npt.NDArray[np.int32]
FloatArray: TypeAlias = npt.NDArray[np.float32]
BoolArray: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Traits:
    """What is known of songs whoever likes them.

    artists: the number of each song's artist, int32 (n_songs,), -1 where it is not known.
    genres: float32 ones (n_songs, n_genres); a song may have several, or none.
    """

    artists: IntArray
    genres: sparse.csr_array


@dataclass(frozen=True)
class Interactions:
    """Every judgement of a snapshot, one row each, one judgement a (user, song) pair.

    users, songs: row numbers, int32 (n,). values: +1 like or -1 dislike, int8 (n,).
    times: microseconds since 1970 UTC, int64 (n,); 0 where it is not known.
    n_users, n_songs: how many there are, also without any judgement.
    traits: the songs' artists and genres; None where no song has either.
    """

    users: IntArray
    songs: IntArray
    values: npt.NDArray[np.int8]
    times: npt.NDArray[np.int64]
    n_users: int
    n_songs: int
    traits: Traits | None = None

    def __len__(self) -> int:
        return len(self.users)

    def in_order(self) -> "Interactions":
        """The same judgements by user, and each user's by song, whatever order they came in."""
        return self.where(np.lexsort((self.songs, self.users)))

    def where(self, mask: BoolArray | npt.NDArray[np.int64]) -> "Interactions":
        """The judgements that a mask (n,) or their places name, over the same users and songs."""
        return Interactions(
            self.users[mask],
            self.songs[mask],
            self.values[mask],
            self.times[mask],
            self.n_users,
            self.n_songs,
            self.traits,
        )

    @cached_property
    def likes(self) -> sparse.csr_array:
        """The like matrix X (n_users, n_songs): float32 ones, indices sorted."""
        return self._matrix(self.values > 0)

    @cached_property
    def dislikes(self) -> sparse.csr_array:
        """The dislike matrix D (n_users, n_songs): float32 ones, indices sorted."""
        return self._matrix(self.values < 0)

    @cached_property
    def like_counts(self) -> npt.NDArray[np.int64]:
        """Likes of each song, (n_songs,)."""
        return np.bincount(self.songs[self.values > 0], minlength=self.n_songs)

    @property
    def share_of_dislikes(self) -> float:
        """What part of the judgements are dislikes; 0 where there are none at all."""
        return float((self.values < 0).mean()) if len(self) else 0.0

    def profile(self, user: int) -> "Profile":
        """One user's judgements, by row; a user past the last has none."""
        if user >= self.n_users:
            return Profile(np.empty(0, np.int32), np.empty(0, np.int32))
        liked, disliked = (
            matrix.indices[matrix.indptr[user] : matrix.indptr[user + 1]].astype(np.int32)
            for matrix in (self.likes, self.dislikes)
        )
        return Profile(liked, disliked)

    def _matrix(self, mask: BoolArray) -> sparse.csr_array:
        users, songs = self.users[mask], self.songs[mask]
        shape = (self.n_users, self.n_songs)
        matrix = sparse.csr_array((np.ones(len(users), np.float32), (users, songs)), shape=shape)
        matrix.sort_indices()
        return matrix


@dataclass(frozen=True, slots=True)
class Profile:
    """One user's judgements as song rows, int32 (m,) each; songs the model lacks are left out."""

    liked: IntArray
    disliked: IntArray

    @property
    def judged(self) -> IntArray:
        """Every song of the profile: none of them may be recommended."""
        return np.concatenate([self.liked, self.disliked])
