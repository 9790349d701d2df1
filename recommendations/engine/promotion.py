"""Whether what was chosen goes live: held against others by users who had no part in the choice.

Recipes are compared, fitted on the same training sides of the same cuts. What counts is NDCG@10 of
the deciding users, paired: the same users answer for both sides, so that what is hard for everybody
cancels out, and the 95 % interval of the mean difference is that of the difference. Against
popularity, who tells liked songs from disliked ones (AUC) has proved itself too.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from recommendations.engine.bootstrap import Interval, mean_intervals
from recommendations.engine.evaluation import ENOUGH_JUDGES
from recommendations.engine.model import Recipe

# What may be lost, as a part of the other's value: to the live recipe, and to the best of the last
# ones. The second is held against the best, so that allowed losses do not add up.
MOST_LOST_TO_LIVE: Final = 0.01
MOST_LOST_TO_BEST: Final = 0.02
# Under this many users an interval is too wide to refuse by: the difference itself decides.
ENOUGH_USERS: Final = 200

# Whom a challenger is held against, as the words and the record call them.
POPULARITY: Final = "popularity"
LIVE: Final = "live"
BEST: Final = "best of the last"


@dataclass(frozen=True, eq=False)
class Asked:
    """A recipe, and what it is worth to each deciding user, in one order for all recipes.

    values: NDCG@10, (users,). aucs: (users,), NaN for a user without both likes and dislikes to
    tell apart; None where nobody has both.
    """

    recipe: Recipe
    values: npt.NDArray[np.float64]
    aucs: npt.NDArray[np.float64] | None = None

    @property
    def mean(self) -> float:
        """What it is worth."""
        return float(self.values.mean())


@dataclass(frozen=True)
class Guard:
    """One recipe that another has to stand up to.

    delta: the mean difference, with its 95 % interval. at_least: what has to be reached by
    the interval's lower end, or by the difference itself where it is underpowered; by popularity's
    guard it has to be surpassed. auc: the mean difference of AUC and its interval, where enough
    users told likes from dislikes and it counts.
    """

    against: str
    recipe: Recipe
    value: float
    delta: float
    interval: Interval
    at_least: float
    underpowered: bool
    passed: bool
    auc: tuple[float, Interval] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "against": self.against,
            "algorithm": self.recipe.algorithm,
            "parameters": dict(self.recipe.parameters),
            "ndcg@10": self.value,
            "delta": self.delta,
            "interval": list(self.interval),
            "at_least": self.at_least,
            "underpowered": self.underpowered,
            "passed": self.passed,
            "auc": {"delta": self.auc[0], "interval": list(self.auc[1])} if self.auc else None,
        }

    def __str__(self) -> str:
        name = self.against
        if name != POPULARITY:
            name += f" {self.recipe.algorithm}"
        low, high = self.interval
        words = f"{name} ({self.value:.4f}) {self.delta:+.4f} [{low:+.4f}, {high:+.4f}]"
        if self.auc:
            delta, (low, high) = self.auc
            words += f", AUC {delta:+.4f} [{low:+.4f}, {high:+.4f}]"
        return words if self.passed else f"{words}, where {self.at_least:+.4f} is asked for"


@dataclass(frozen=True)
class Verdict:
    """What to train on all data, whether it goes live, and why; record: the same for JSON."""

    recipe: Recipe
    promote: bool
    reason: str
    record: dict[str, Any]


@dataclass(frozen=True)
class Standing:
    """What a challenger is held against.

    live: the live version's recipe, if there is one and it fitted. best: of the recipes that went
    live most lately, as far as they fitted. notes: what did not fit, in words. cuts: on how many
    the deciding users were asked; their values are means over them.
    """

    popularity: Asked
    live: Asked | None
    best: Asked | None
    notes: Sequence[str] = ()
    cuts: int = 1

    def guards(self, challenger: Asked, *, seed: int) -> list[Guard]:
        """The challenger against each; popularity need not surpass itself."""
        others = []
        if challenger.recipe.algorithm != "popularity":
            others.append((POPULARITY, self.popularity, 0.0))
        if self.live is not None:
            others.append((LIVE, self.live, MOST_LOST_TO_LIVE))
        if self.best is not None and (self.live is None or self.best.recipe != self.live.recipe):
            others.append((BEST, self.best, MOST_LOST_TO_BEST))
        return [_guard(challenger, *each, seed=seed) for each in others]


def judge(challenger: Asked, standing: Standing, *, seed: int, pinned: bool = False) -> Verdict:
    """What goes live: the challenger, popularity in its place, or neither.

    pinned: it was named by the settings and goes live whatever is said against it.
    """
    guards = standing.guards(challenger, seed=seed)
    words = _words(challenger, standing, guards)

    def verdict(taken: Asked, promote: bool, why: str) -> Verdict:
        record = _record(challenger, standing, guards)
        return Verdict(taken.recipe, promote, words + why, record)

    failed = {guard.against for guard in guards if not guard.passed}
    if not failed:
        return verdict(challenger, True, _same_as_live(challenger, standing))
    if pinned:
        name = challenger.recipe.algorithm
        return verdict(challenger, True, f"; {name} is pinned by the settings")
    if POPULARITY in failed and all(
        each.passed for each in standing.guards(standing.popularity, seed=seed)
    ):
        return verdict(standing.popularity, True, ": it is not surely better, so popularity it is")
    if same := _same_as_live(challenger, standing):
        # Refused, an older model by the same recipe would go on: nothing would be won by that.
        return verdict(challenger, True, same)
    return verdict(challenger, False, _why_refused(failed))


def fall_back(standing: Standing, why: str, *, seed: int) -> Verdict:
    """What goes live where nothing that was asked for could be made: popularity, or what is."""
    guards = standing.guards(standing.popularity, seed=seed)
    promote = all(guard.passed for guard in guards)
    words = f"{why}: popularity; {_words(standing.popularity, standing, guards)}"
    words += "" if promote else _why_refused({g.against for g in guards if not g.passed})
    record = _record(standing.popularity, standing, guards)
    return Verdict(standing.popularity.recipe, promote, words, record)


def _guard(challenger: Asked, against: str, other: Asked, lost: float, *, seed: int) -> Guard:
    differences = challenger.values - other.values
    delta = float(differences.mean())
    interval = mean_intervals({"delta": differences}, seed=seed)["delta"]
    underpowered = len(differences) < ENOUGH_USERS
    reached, reachable = (delta, delta) if underpowered else interval
    at_least = 0.0 - lost * other.mean
    auc = _auc(challenger, other, seed=seed) if against == POPULARITY else None
    if against == POPULARITY:
        # Lists alike, and likes surely told from dislikes: that is no popularity any more.
        tells_apart = auc is not None and auc[1][0] > 0 and reachable > 0
        passed = reached > 0 or tells_apart
    else:
        passed = reached >= at_least
    return Guard(
        against=against,
        recipe=other.recipe,
        value=other.mean,
        delta=delta,
        interval=interval,
        at_least=at_least,
        underpowered=underpowered,
        passed=passed,
        auc=auc,
    )


def _auc(challenger: Asked, other: Asked, *, seed: int) -> tuple[float, Interval] | None:
    """The mean difference of AUC with its interval; None where too few users tell."""
    if challenger.aucs is None or other.aucs is None:
        return None
    differences = challenger.aucs - other.aucs
    if np.isfinite(differences).sum() < ENOUGH_JUDGES:
        return None
    interval = mean_intervals({"auc": differences}, seed=seed)["auc"]
    return float(np.nanmean(differences)), interval


def _same_as_live(challenger: Asked, standing: Standing) -> str:
    if standing.live is None or challenger.recipe != standing.live.recipe:
        return ""
    return ": the live procedure, trained on the data as they are now"


def _why_refused(failed: set[str]) -> str:
    if LIVE in failed:
        return f": over {MOST_LOST_TO_LIVE:.0%} of what the live procedure is worth could be lost"
    if BEST in failed:
        return f": over {MOST_LOST_TO_BEST:.0%} of what that one is worth could be lost"
    return ": it is not surely better than popularity, which is not good enough to take its place"


def _words(challenger: Asked, standing: Standing, guards: Sequence[Guard]) -> str:
    """The figures, in one line."""
    users = len(challenger.values)
    asked = f"{users} deciding user{'' if users == 1 else 's'}"
    if users < ENOUGH_USERS:
        asked += " (underpowered: the difference decides, not its interval)"
    words = f"{challenger.recipe.algorithm} NDCG@10 {challenger.mean:.4f} of {asked}"
    words += f" on {standing.cuts} cuts" if standing.cuts > 1 else ""
    if guards:
        words += "; against " + "; against ".join(str(guard) for guard in guards)
    notes = Counter(standing.notes).items()
    return "; ".join([words, *(note if n == 1 else f"{n} × {note}" for note, n in notes)])


def _record(challenger: Asked, standing: Standing, guards: Sequence[Guard]) -> dict[str, Any]:
    """Everything that decided, as plain values."""
    return {
        "users": len(challenger.values),
        "cuts": standing.cuts,
        "underpowered": len(challenger.values) < ENOUGH_USERS,
        "algorithm": challenger.recipe.algorithm,
        "ndcg@10": challenger.mean,
        "popularity_ndcg@10": standing.popularity.mean,
        "guards": [guard.as_dict() for guard in guards],
        "left_out": list(standing.notes),
    }
