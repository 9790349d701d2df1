"""What a training leaves for the next by the same recipe: each song's solution, and how old it is.

A song is solved again where more likes came or went since it was solved than 1 % of those of now,
and where it is new. The others stay as they are until enough has changed around them too.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from recommendations.engine.checkpoints import Checkpoints, Within
from recommendations.engine.interactions import BoolArray, FloatArray, IntArray

# The name under which a training saves its songs' solutions.
SONGS: Final = "songs"
# The part of the likes behind a solution that may come or go before it is found anew.
MOVED: Final = 0.01


@dataclass(frozen=True)
class Earlier:
    """What is left of a training by the same recipe, on judgements of an earlier time.

    kept: its arrays, by name; those of songs have a row for each song that there was then.
    rows: the row then of each song of now, int32 (n_songs,), -1 for a new one.
    changed: how many likes of each song of now came or went since, float32 (n_songs,).
    solved_again: filled by ``fit``: how many songs each algorithm that solves them alone did.
    """

    kept: Checkpoints
    rows: IntArray
    changed: FloatArray
    solved_again: list[int] = field(default_factory=list)

    def part(self, name: str) -> "Earlier":
        """The same of a part of a blend."""
        return replace(self, kept=Within(self.kept, name))

    def renamed(self, songs: IntArray, n_then: int) -> IntArray:
        """Song rows of then as rows of now, -1 for what is no longer there and for -1."""
        now = np.full(n_then + 1, -1, np.int32)
        known = np.flatnonzero(self.rows >= 0).astype(np.int32)
        now[self.rows[known]] = known
        return now[songs]


def taken(then: npt.NDArray[Any], rows: IntArray) -> npt.NDArray[Any]:
    """The rows of an array of then in the order of now; zeros for a new song, -1."""
    found: npt.NDArray[Any] = np.zeros((len(rows), *then.shape[1:]), then.dtype)
    known = rows >= 0
    found[known] = then[rows[known]]
    return found


def moved(changes: FloatArray, likes: npt.NDArray[np.int64]) -> BoolArray:
    """Where over 1 % of the likes changed; where none is left, any change is more than that."""
    found: BoolArray = changes > MOVED * likes
    return found
