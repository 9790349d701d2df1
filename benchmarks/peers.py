"""Recommenders of other libraries, made to answer as ours do, so that one evaluation measures all.

They are no algorithms of the product. PEERS has their parameters: for each a few choices, among
them the library's own, of which the best on a cut of the training data is taken, the same cut that
ours are tuned on. Surprise's SVD has its defaults; tuned, it is our svd. implicit gets likes, each
of them 1; α = 40 for its ALS is that of Hu, Koren & Volinsky 2008, which it implements.

A library that finds vectors for the users of its training only is asked about those: a user is
recognised by the profile, and users of one and the same profile get the first one's vector.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from threadpoolctl import threadpool_limits

from recommendations.engine.interactions import (
    BoolArray,
    FloatArray,
    IntArray,
    Interactions,
    Profile,
)
from recommendations.engine.model import NoKnownSongs, Parameters
from recommendations.engine.negatives import sampled_negatives
from recommendations.engine.ranking import Ranking, Scored

Known = tuple[FloatArray, BoolArray]
HOW_TO_INSTALL = "pip install -r requirements-benchmarks.txt"


class MissingLibrary(Exception):
    """The library that this peer belongs to is not installed, and how to install it."""


class PeerModel(Protocol):
    """What evaluation asks of a peer: all songs are ranked by their scores."""

    algorithm: str

    @property
    def n_songs(self) -> int:
        """How many songs it ranks."""

    def score_block(self, likes: sparse.csr_array, dislikes: sparse.csr_array) -> Known:
        """Scores (b, n_songs), and whether each profile says anything to the model."""

    def candidate_block(
        self, likes: sparse.csr_array, dislikes: sparse.csr_array
    ) -> BoolArray | None:
        """All songs are ranked by their scores."""
        return None

    def ranking(self, profile: Profile) -> Ranking:
        """One user's list, as the library itself makes it. Raises NoKnownSongs."""


class KnownUsers:
    """The rows of the users of the training, by their profiles."""

    def __init__(self, train: Interactions) -> None:
        keys = _keys(train.likes, train.dislikes)
        self._rows = {keys[row]: row for row in reversed(range(len(keys)))}

    def rows(self, likes: sparse.csr_array, dislikes: sparse.csr_array) -> npt.NDArray[np.int64]:
        """The row of each profile, (b,); -1 where no user with a like has it."""
        found = [self._rows.get(key, -1) for key in _keys(likes, dislikes)]
        return np.where(np.diff(likes.indptr) > 0, np.array(found, np.int64), -1)


@dataclass(frozen=True)
class TrainedVectors(PeerModel):
    """Vectors of songs and of the users of the training: s = q · p. (n_songs, f), (n_users, f)."""

    algorithm: str
    songs: FloatArray
    users: FloatArray
    known: KnownUsers

    @property
    def n_songs(self) -> int:
        """How many songs it ranks."""
        return len(self.songs)

    def score_block(self, likes: sparse.csr_array, dislikes: sparse.csr_array) -> Known:
        """Products of vectors, nothing for strangers."""
        rows = self.known.rows(likes, dislikes)
        return self.users[rows] @ self.songs.T, rows >= 0

    def ranking(self, profile: Profile) -> Ranking:
        """By the product; libraries without a list of their own would take far longer."""
        scores, known = self.score_block(*_matrices(profile, self.n_songs))
        if not known[0]:
            raise NoKnownSongs
        return Scored(scores[0])


@dataclass(frozen=True)
class ImplicitBPR(TrainedVectors):
    """implicit's Bayesian personalised ranking, with its own lists."""

    library: Any

    def ranking(self, profile: Profile) -> Ranking:
        """The library's list for the row of the user."""
        likes, dislikes = _matrices(profile, self.n_songs)
        row = int(self.known.rows(likes, dislikes)[0])
        if row < 0:
            raise NoKnownSongs
        return _LibraryList(self.library, row, _as_matrix(likes))


@dataclass(frozen=True)
class ImplicitALS(PeerModel):
    """implicit's alternating least squares: each user is folded in by its ``recalculate_user``."""

    library: Any
    algorithm: str = "implicit_als"

    @property
    def n_songs(self) -> int:
        """How many songs it ranks."""
        return len(self.library.item_factors)

    def score_block(self, likes: sparse.csr_array, dislikes: sparse.csr_array) -> Known:
        """Fold in, then products of vectors."""
        users = self.library.recalculate_user(np.arange(likes.shape[0]), _as_matrix(likes))
        return users @ self.library.item_factors.T, np.diff(likes.indptr) > 0

    def ranking(self, profile: Profile) -> Ranking:
        """The library's list of a user whom it folds in."""
        likes, _ = _matrices(profile, self.n_songs)
        return _LibraryList(self.library, 0, _as_matrix(likes), {"recalculate_user": True})


@dataclass(frozen=True)
class ImplicitKNN(PeerModel):
    """implicit's item neighbours by BM25: s_j = Σ similarity_ij over the liked songs i."""

    library: Any
    algorithm: str = "implicit_bm25"

    @property
    def n_songs(self) -> int:
        """How many songs it ranks."""
        return int(self.library.similarity.shape[0])

    def score_block(self, likes: sparse.csr_array, dislikes: sparse.csr_array) -> Known:
        """The sums of the library's similarities."""
        scores = (_as_matrix(likes) @ self.library.similarity).toarray()
        return scores.astype(np.float32), np.diff(likes.indptr) > 0

    def ranking(self, profile: Profile) -> Ranking:
        """The library's list."""
        likes, _ = _matrices(profile, self.n_songs)
        return _LibraryList(self.library, 0, _as_matrix(likes))


@dataclass(frozen=True)
class _LibraryList:
    """What implicit's ``recommend`` says; it leaves the liked songs out by itself."""

    library: Any
    row: int
    likes: sparse.csr_matrix
    options: dict[str, Any] | None = None

    def best(
        self, k: int, *, excluded: IntArray, allowed: BoolArray | None = None
    ) -> tuple[IntArray, FloatArray]:
        """The k best songs that are not liked."""
        k = min(k, self.likes.shape[1] - self.likes.nnz)
        rows, scores = self.library.recommend(self.row, self.likes, N=k, **(self.options or {}))
        return rows, scores


@dataclass(frozen=True, slots=True)
class Peer:
    """A recommender of another library.

    module: where the library has it. train: of the module, interactions, parameters and a seed.
    choices: parameters to choose from, each of them all that differs from the library's defaults.
    """

    module: str
    train: Callable[[Any, Interactions, Parameters, int], PeerModel]
    choices: tuple[Parameters, ...]


def must_be_installed(name: str) -> None:
    """Raise MissingLibrary if the peer's library is not there."""
    library, *_ = PEERS[name].module.split(".")
    if find_spec(library) is None:
        raise MissingLibrary(f"needs the library {library}: {HOW_TO_INSTALL}")


def fit(name: str, interactions: Interactions, parameters: Parameters, seed: int) -> PeerModel:
    """Train a peer. Raises MissingLibrary."""
    must_be_installed(name)
    peer = PEERS[name]
    module = import_module(peer.module)
    # implicit asks for this: its threads and those of the linear algebra would fight each other.
    # After the import, which may bring a linear algebra library of its own.
    with threadpool_limits(1, "blas"):
        return peer.train(module, interactions, parameters, seed)


def _surprise_svd(
    surprise: Any, interactions: Interactions, parameters: Parameters, seed: int
) -> PeerModel:
    """Likes rated 1, dislikes 0, and as many sampled negatives as our svd has by default, rated 0.

    Without those every rating of data that have no dislikes would be 1, with nothing to learn.
    """
    drawn_users, drawn_songs = sampled_negatives(interactions, parameters["negatives"], seed=seed)
    rows = {
        "user": np.concatenate([interactions.users, drawn_users]),
        "song": np.concatenate([interactions.songs, drawn_songs]),
        "rating": np.concatenate([interactions.values > 0, np.zeros(len(drawn_users))]),
    }
    scale = surprise.Reader(rating_scale=(0, 1))
    trainset = surprise.Dataset.load_from_df(pd.DataFrame(rows), scale).build_full_trainset()
    trained = surprise.SVD(random_state=seed).fit(trainset)
    # μ and b_u are the same for all songs of a user: s = b_j + q_j · p_u ranks them as r does.
    songs = _by_row(np.column_stack([trained.bi, trained.qi]), trainset.to_raw_iid, interactions)
    owners = [trainset.to_raw_uid(inner) for inner in range(trainset.n_users)]
    users = np.zeros((interactions.n_users, songs.shape[1]), np.float32)
    users[owners] = np.column_stack([np.ones(len(owners)), trained.pu])
    return TrainedVectors("surprise_svd", songs, users, KnownUsers(interactions))


def _by_row(
    vectors: npt.NDArray[np.float64], raw_id: Callable[[int], int], interactions: Interactions
) -> FloatArray:
    """The library's vectors by our rows of songs; 0 for songs that it never saw."""
    songs = np.zeros((interactions.n_songs, vectors.shape[1]), np.float32)
    songs[[raw_id(inner) for inner in range(len(vectors))]] = vectors
    return songs


def _implicit_als(
    als: Any, interactions: Interactions, parameters: Parameters, seed: int
) -> PeerModel:
    library = als.AlternatingLeastSquares(**parameters, random_state=seed)
    return ImplicitALS(_fitted(library, interactions))


def _implicit_bpr(
    bpr: Any, interactions: Interactions, parameters: Parameters, seed: int
) -> PeerModel:
    library = bpr.BayesianPersonalizedRanking(**parameters, random_state=seed)
    _fitted(library, interactions)
    known = KnownUsers(interactions)
    return ImplicitBPR("implicit_bpr", library.item_factors, library.user_factors, known, library)


def _implicit_bm25(
    neighbours: Any,
    interactions: Interactions,
    parameters: Parameters,
    seed: int,  # noqa: ARG001 - every training takes it
) -> PeerModel:
    return ImplicitKNN(_fitted(neighbours.BM25Recommender(**parameters), interactions))


def _fitted(library: Any, interactions: Interactions) -> Any:
    """The library's model after its ``fit`` on all cores; lists are made on one."""
    library.fit(_as_matrix(interactions.likes), show_progress=False)
    library.num_threads = 1
    return library


PEERS: dict[str, Peer] = {
    "surprise_svd": Peer("surprise", _surprise_svd, ({"negatives": 4},)),
    "implicit_als": Peer(
        "implicit.als",
        _implicit_als,
        ({"factors": 128, "alpha": 40.0}, {"factors": 128}, {"factors": 32}),
    ),
    # The library adds one more factor for the songs' biases.
    "implicit_bpr": Peer(
        "implicit.bpr",
        _implicit_bpr,
        ({"factors": 127, "learning_rate": 0.1}, {"factors": 63}, {"factors": 31}),
    ),
    "implicit_bm25": Peer(
        "implicit.nearest_neighbours",
        _implicit_bm25,
        ({"K": 200, "B": 0.4}, {"K": 20, "K1": 100, "B": 0.5}, {"K": 20}),
    ),
}


def _keys(likes: sparse.csr_array, dislikes: sparse.csr_array) -> list[tuple[bytes, bytes]]:
    """What a profile is recognised by, one a row."""
    return list(zip(_rows_of(likes), _rows_of(dislikes), strict=True))


def _rows_of(matrix: sparse.csr_array) -> list[bytes]:
    """The songs of each row."""
    songs, bounds = matrix.indices.astype(np.int32), matrix.indptr
    return [songs[bounds[at] : bounds[at + 1]].tobytes() for at in range(matrix.shape[0])]


def _matrices(profile: Profile, n_songs: int) -> tuple[sparse.csr_array, sparse.csr_array]:
    """A profile as two matrices of one row, (1, n_songs)."""
    return _row(np.sort(profile.liked), n_songs), _row(np.sort(profile.disliked), n_songs)


def _row(songs: IntArray, n_songs: int) -> sparse.csr_array:
    ones = np.ones(len(songs), np.float32)
    return sparse.csr_array((ones, songs, np.array([0, len(songs)])), shape=(1, n_songs))


def _as_matrix(matrix: sparse.csr_array) -> sparse.csr_matrix:
    """The same as the older class, which implicit asks for, with the indices that it reads."""
    parts = (matrix.data, matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32))
    return sparse.csr_matrix(parts, shape=matrix.shape)
