"""How well a model foretells what was held back: full ranking of every song for every user."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recommendations.engine.bootstrap import Interval, coverage_interval, mean_intervals
from recommendations.engine.cutting import HeldOut
from recommendations.engine.exposure import coverage, mean_in_lists, padded
from recommendations.engine.interactions import BoolArray, FloatArray, IntArray, Interactions
from recommendations.engine.metrics import area_under_curve, percentiles, ranking_metrics
from recommendations.engine.model import Progress
from recommendations.engine.ranking import best_rows, ranks_of

LIST_LENGTH = 20
# From so many users on with both likes and dislikes held back, their AUC tells candidates apart.
ENOUGH_JUDGES = 100
# The place of what is in no ranking: past the end of any list, also in a catalogue of few songs.
NOWHERE = 2**31
_BLOCK_CELLS = 4_000_000


class Judged(Protocol):
    """What evaluation asks of a model (see ``model.Model``), so that any recommender can be."""

    def score_block(
        self, likes: sparse.csr_array, dislikes: sparse.csr_array
    ) -> tuple[FloatArray, BoolArray]:
        """Score every song for many profiles at once."""

    def candidate_block(
        self, likes: sparse.csr_array, dislikes: sparse.csr_array
    ) -> BoolArray | None:
        """Which songs are ranked by their scores when served; None for all."""


@dataclass(frozen=True, eq=False)
class HeldLikes:
    """Where every relevant song of every user asked stood, one row a like: (n,) each.

    askers: which of the users asked, from 0, ascending. songs: rows, -1 outside the catalogue.
    places: in the user's ranking, from 1; NOWHERE for a song outside the catalogue.
    """

    askers: npt.NDArray[np.int64]
    songs: IntArray
    places: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Answers:
    """What each user asked was given, in the order of ``users``.

    users: rows, int32 (n,). lists: their first 20 songs, int32 (n, 20), -1 past a shorter end.
    known: (n,), False where popularity stood in. likes: where their relevant songs stood.
    """

    users: IntArray
    lists: IntArray
    known: BoolArray
    likes: HeldLikes


@dataclass(frozen=True)
class Evaluation:
    """What a model reached on held-back judgements.

    users: how many were asked, each with at least one relevant song. metrics: means over them.
    intervals: 95 % bootstrap over users. counts: what was left out or fell back, by name.
    per_user: (users,) each, for paired comparisons of two models asked the same.
    answers: what all of this was made of.
    """

    users: int
    metrics: dict[str, float]
    intervals: dict[str, Interval]
    counts: dict[str, int]
    per_user: dict[str, npt.NDArray[np.float64]]
    answers: Answers

    @property
    def judges(self) -> int:
        """How many of the users tell about the AUC: those with likes and dislikes held back."""
        return int(np.isfinite(self.per_user.get("auc", np.empty(0))).sum())


@dataclass(frozen=True)
class _Block:
    """What some of the users got: metrics by name, lists, places of likes, whom it knew."""

    metrics: list[dict[str, float]]
    lists: list[IntArray]
    places: list[npt.NDArray[np.int64]]
    known: BoolArray


class _Questions:
    """Who is asked, about what: test rows grouped by user, those known from training dropped."""

    def __init__(
        self, train: Interactions, held_out: HeldOut, most_users: int | None, seed: int
    ) -> None:
        repeated = _in_training(train, held_out)
        liked, disliked = held_out.values > 0, held_out.values < 0
        asked = np.unique(held_out.users[liked & ~repeated])
        if most_users is not None and len(asked) > most_users:
            drawn = np.random.default_rng(seed).choice(asked, most_users, replace=False)
            asked = np.sort(drawn)
        self.users = asked
        self.likes = _grouped(held_out, liked & ~repeated, asked)
        self.dislikes = _grouped(held_out, disliked & ~repeated, asked)
        self.counts = {
            "test_likes_in_train": int((liked & repeated).sum()),
            "test_likes_outside_catalogue": int((liked & (held_out.songs < 0)).sum()),
        }


def evaluate(
    model: Judged,
    train: Interactions,
    held_out: HeldOut,
    *,
    ks: Sequence[int] = (10, 20),
    seed: int = 0,
    intervals: bool = True,
    most_users: int | None = None,
    ranked: BoolArray | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Rank all songs but the profile's for each user, and see where the test likes stand.

    A test like whose pair is in training is dropped and counted; one outside the catalogue stays
    a miss. A user whose profile gives the model nothing gets popularity, as when served.
    most_users: ask a seeded sample of the users; the rest of the protocol stays the same.
    ranked: the songs that are ranked, (n_songs,), where not all are.
    Source of the protocol: Krichene & Rendle 2020 (no sampled negatives).
    """
    questions = _Questions(train, held_out, most_users, seed)
    size = max(1, _BLOCK_CELLS // max(1, train.n_songs))
    starts = range(0, len(questions.users), size)
    examiner = _Examiner(model, train, questions, ks, ranked)
    blocks: list[_Block] = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for at, block in enumerate(pool.map(examiner.ask, starts, [size] * len(starts))):
            blocks.append(block)
            if progress:
                progress("ranking", (at + 1) / len(starts))
    return _summary(train, questions, blocks, seed=seed, intervals=intervals)


class _Examiner:
    """Asks a model about blocks of users; safe to call from several threads."""

    def __init__(
        self,
        model: Judged,
        train: Interactions,
        questions: _Questions,
        ks: Sequence[int],
        ranked: BoolArray | None,
    ) -> None:
        n_users = max(train.n_users, int(questions.users[-1]) + 1 if len(questions.users) else 0)
        self.model, self.questions, self.ks = model, questions, ks
        self.likes = _with_rows(train.likes, n_users)
        self.dislikes = _with_rows(train.dislikes, n_users)
        self.popularity = train.like_counts.astype(np.float32)
        self.left_out = None if ranked is None else ~ranked

    def ask(self, start: int, size: int) -> _Block:
        """The answers for the users from ``start`` on."""
        users = self.questions.users[start : start + size]
        likes, dislikes = self.likes[users], self.dislikes[users]
        scores, known = self.model.score_block(likes, dislikes)
        scores[~known] = self.popularity
        metrics = [{"auc": self._auc(scores[at], start + at)} for at in range(len(users))]
        candidates = self.model.candidate_block(likes, dislikes)
        if candidates is not None:
            candidates[~known] = True
            scores[~candidates] = -np.inf
        if self.left_out is not None:
            scores[:, self.left_out] = -np.inf
        for judged in (likes, dislikes):
            scores[
                np.repeat(np.arange(len(users)), np.diff(judged.indptr)), judged.indices
            ] = -np.inf
        places = []
        for at in range(len(users)):
            relevant = self.questions.likes[start + at]
            inside = relevant >= 0
            stood = np.full(len(relevant), NOWHERE, np.int64)
            stood[inside] = ranks_of(scores[at], relevant[inside])
            places.append(stood)
            metrics[at].update(ranking_metrics(stood[inside], len(relevant), self.ks))
        lists = [best_rows(row, LIST_LENGTH) for row in scores]
        return _Block(metrics, lists, places, known)

    def _auc(self, scores: FloatArray, question: int) -> float:
        """How well songs of the catalogue that the user likes are told from those disliked."""
        liked, disliked = self.questions.likes[question], self.questions.dislikes[question]
        return area_under_curve(scores[liked[liked >= 0]], scores[disliked[disliked >= 0]])


def _summary(
    train: Interactions,
    questions: _Questions,
    blocks: list[_Block],
    *,
    seed: int,
    intervals: bool,
) -> Evaluation:
    """Means, intervals and counts of all blocks."""
    rows = [row for block in blocks for row in block.metrics]
    answers = _answers(questions, blocks)
    with_profile = np.unique(train.users)
    counts = questions.counts | {
        "users_without_profile": int((~np.isin(questions.users, with_profile)).sum()),
        "users_given_popularity": int((~answers.known).sum()),
    }
    if not rows:
        return Evaluation(0, {}, {}, counts, {}, answers)
    per_user = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    name = f"mean_popularity_percentile@{LIST_LENGTH}"
    per_user[name] = mean_in_lists(answers.lists, percentiles(train.like_counts))
    metrics = {name: float(np.nanmean(v)) for name, v in per_user.items() if not _void(v)}
    covered = f"coverage@{LIST_LENGTH}"
    metrics[covered] = coverage(answers.lists, train.n_songs)
    spans: dict[str, Interval] = {}
    if intervals:
        spans = mean_intervals(
            {name: per_user[name] for name in per_user if name in metrics}, seed=seed
        )
        spans[covered] = coverage_interval(_shown(answers.lists, train.n_songs), seed=seed)
    return Evaluation(len(rows), metrics, spans, counts, per_user, answers)


def _answers(questions: _Questions, blocks: list[_Block]) -> Answers:
    """The blocks' answers in one piece."""
    relevant = questions.likes
    likes = HeldLikes(
        askers=np.repeat(np.arange(len(relevant)), [len(each) for each in relevant]),
        songs=np.concatenate([np.empty(0, np.int32), *relevant]).astype(np.int32),
        places=np.concatenate(
            [np.empty(0, np.int64), *(each for block in blocks for each in block.places)]
        ),
    )
    lists = [each for block in blocks for each in block.lists]
    known = np.concatenate([np.empty(0, np.bool_), *(block.known for block in blocks)])
    return Answers(questions.users, padded(lists, LIST_LENGTH), known, likes)


def _void(values: npt.NDArray[np.float64]) -> bool:
    """Whether a metric says nothing about anybody."""
    return bool(np.isnan(values).all())


def _shown(lists: IntArray, n_songs: int) -> sparse.csr_array:
    """Who is shown what, (users, n_songs)."""
    users, at = np.nonzero(lists >= 0)
    songs = lists[users, at]
    return sparse.csr_array(
        (np.ones(len(songs), np.float32), (users, songs)), shape=(len(lists), n_songs)
    )


def _in_training(train: Interactions, held_out: HeldOut) -> BoolArray:
    """A mask (n,) of test rows whose user and song were judged in training."""
    inside = np.zeros(len(held_out.users), np.bool_)
    known = np.flatnonzero((held_out.songs >= 0) & (held_out.users < train.n_users))
    users, songs = held_out.users[known], held_out.songs[known]
    # Of no pairs at all scipy makes a matrix instead of an array.
    for matrix in (train.likes, train.dislikes) if len(known) else ():
        inside[known] |= matrix[users, songs] != 0
    return inside


def _grouped(held_out: HeldOut, mask: BoolArray, users: npt.NDArray[np.int32]) -> list[IntArray]:
    """The songs of the masked rows, one array a user."""
    rows = np.flatnonzero(mask)
    rows = rows[np.lexsort((held_out.songs[rows], held_out.users[rows]))]
    owners = held_out.users[rows]
    starts, ends = np.searchsorted(owners, users, "left"), np.searchsorted(owners, users, "right")
    songs = held_out.songs[rows]
    return [songs[start:end] for start, end in zip(starts, ends, strict=True)]


def _with_rows(matrix: sparse.csr_array, n_rows: int) -> sparse.csr_array:
    """The matrix with empty rows below, for users that training never saw."""
    extra = n_rows - matrix.shape[0]
    indptr = np.concatenate([matrix.indptr, np.full(extra, matrix.indptr[-1])])
    return sparse.csr_array((matrix.data, matrix.indices, indptr), shape=(n_rows, matrix.shape[1]))
