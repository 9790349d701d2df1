"""Which judgements are held back: the cut for choosing, its halves, and a seeded split."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from recommendations.engine.hashing import mixed
from recommendations.engine.interactions import BoolArray, Interactions

TIMED_SHARE = 0.95
LATE_SHARE = 0.1
ENOUGH_USERS = 500


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Judgements to be foretold. users: rows; one past the training's users has no profile.

    songs: rows, -1 for a song outside the catalogue. values: +1 like, -1 dislike. All (n,).
    """

    users: npt.NDArray[np.int32]
    songs: npt.NDArray[np.int32]
    values: npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Cut:
    """What to fit on, what to foretell, and how the two were parted: "time" or "random"."""

    train: Interactions
    held_out: HeldOut
    kind: str


def cut(interactions: Interactions, *, seed: int = 0) -> Cut:
    """Part the interactions for choosing between procedures.

    Where at least 95 % of the rows have a time, at the instant after which 10 % of the likes
    fall: foretold is what came later, for users with two likes before and one after. Where that
    leaves fewer than 500 users, or without times, each user with d >= 3 likes hides
    max(1, round(d / 8)) of them, drawn by the seed, and as large a part of 3 or more dislikes,
    so that it shows who tells the two apart. The order of the rows never counts as time.
    """
    by_time = _cut_by_time(interactions)
    if by_time is not None:
        return by_time
    likes = interactions.values > 0
    like_quota = _quota(interactions, likes)
    # Of a user who is not asked about likes, nothing would be learnt by hiding dislikes.
    dislike_quota = np.where(like_quota > 0, _quota(interactions, ~likes), 0)
    hidden = _drawn(interactions, likes, like_quota, seed)
    hidden |= _drawn(interactions, ~likes, dislike_quota, seed)
    return _parted(interactions, hidden, "random")


def cut_again(earlier: Cut, *, seed: int) -> Cut:
    """Part the judgements of a random cut anew, for the same users, as many of each of them.

    What the cut knows nothing of, as the judgements that only deciding users may see, stays away.
    """
    train, held = earlier.train, earlier.held_out
    whole = replace(
        train,
        users=np.concatenate([train.users, held.users]),
        songs=np.concatenate([train.songs, held.songs]),
        values=np.concatenate([train.values, held.values]),
        # A random cut is made where times do not tell enough, and no model learns from them.
        times=np.concatenate([train.times, np.zeros(len(held.users), np.int64)]),
    )
    hidden = np.zeros(len(whole), np.bool_)
    for sign in (1, -1):
        quota = np.bincount(held.users[held.values == sign], minlength=train.n_users)
        hidden |= _drawn(whole, whole.values == sign, quota, seed)
    return _parted(whole, hidden, earlier.kind)


def halves(held_out: HeldOut) -> tuple[HeldOut, HeldOut]:
    """What is held back of the users who choose and tune, and of those who alone decide.

    Each user's half comes from the user's row number alone, whatever the seed, the data and the
    order of the judgements. Retraining numbers listeners by their age, so that a user stays on
    one side from one training to the next; whoever is forgotten moves those who came later.
    Where one half would have no like, as with a single user, both are the whole.
    """
    decides = mixed(held_out.users) >> np.uint64(63) == 1
    likes = held_out.values > 0
    if not (likes & decides).any() or not (likes & ~decides).any():
        return held_out, held_out
    return _only(held_out, ~decides), _only(held_out, decides)


def split(interactions: Interactions, share: float, *, seed: int) -> Cut:
    """Hide round(share · m) of each user's m judgements, likes and dislikes alike, by the seed."""
    everything = np.ones(len(interactions), np.bool_)
    counts = np.bincount(interactions.users, minlength=interactions.n_users)
    quota = _rounded(counts * share)
    return _parted(interactions, _drawn(interactions, everything, quota, seed), "random")


def _cut_by_time(interactions: Interactions) -> Cut | None:
    """The cut at an instant, or None where times are missing or too few users remain."""
    timed, likes = interactions.times > 0, interactions.values > 0
    if not likes.any() or timed.mean() < TIMED_SHARE:
        return None
    like_times = np.sort(interactions.times[likes & timed])
    if not len(like_times):
        return None
    instant = like_times[int(len(like_times) * (1 - LATE_SHARE)) - 1]
    late = interactions.times > instant
    before = np.bincount(interactions.users[likes & ~late], minlength=interactions.n_users)
    after = np.bincount(interactions.users[likes & late], minlength=interactions.n_users)
    asked = (before >= 2) & (after >= 1)
    if asked.sum() < ENOUGH_USERS:
        return None
    # All that is late leaves the training side, also of users who are not asked about: nothing
    # that was learnt from the future may help to foretell it.
    return Cut(
        interactions.where(~late), _held(interactions, late & asked[interactions.users]), "time"
    )


def _parted(interactions: Interactions, hidden: BoolArray, kind: str) -> Cut:
    """The cut that hides exactly these rows."""
    return Cut(interactions.where(~hidden), _held(interactions, hidden), kind)


def _held(interactions: Interactions, mask: BoolArray) -> HeldOut:
    """The rows of the mask as something to foretell."""
    return HeldOut(interactions.users[mask], interactions.songs[mask], interactions.values[mask])


def _only(held_out: HeldOut, mask: BoolArray) -> HeldOut:
    """The rows of the mask."""
    return HeldOut(held_out.users[mask], held_out.songs[mask], held_out.values[mask])


def _quota(interactions: Interactions, eligible: BoolArray) -> npt.NDArray[np.int64]:
    """How many of its eligible rows each user hides: an eighth, from 3 on and then at least 1."""
    counts = np.bincount(interactions.users[eligible], minlength=interactions.n_users)
    return np.where(counts >= 3, np.maximum(1, _rounded(counts / 8)), 0)


def _drawn(
    interactions: Interactions, eligible: BoolArray, quota: npt.NDArray[np.int64], seed: int
) -> BoolArray:
    """A mask (n,) of ``quota`` (n_users,) eligible rows of each user, drawn by the seed.

    Rows are put in the order of user and song first, so that the draw is the same however the
    interactions were ordered.
    """
    rows = np.flatnonzero(eligible)
    users, songs = interactions.users[rows], interactions.songs[rows]
    rows = rows[np.lexsort((songs, users))]
    lots = np.random.default_rng(seed).random(len(rows))
    rows = rows[np.lexsort((lots, interactions.users[rows]))]
    owners = interactions.users[rows]
    starts = np.searchsorted(owners, owners, side="left")
    drawn = np.zeros(len(interactions), np.bool_)
    drawn[rows[np.arange(len(rows)) - starts < quota[owners]]] = True
    return drawn


def _rounded(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Rounded half up; numpy's own rounding takes 0.5 to 0 and 1.5 to 2."""
    return np.floor(values + 0.5).astype(np.int64)
