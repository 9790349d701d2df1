"""How much each part of a blend is to weigh: found by what was held back.

All that are good alone begin with the same weight, as in an average, which is hard to beat; the
weights are stepped one at a time for as long as that gains, and the part that is missed least is
left out, as long as it is hardly missed. Parts that are added one by one instead, the best first,
are too few: two that are nearly the same and gain a little each never come in together.
Source of the beginning: Timmermann 2006, "Forecast combinations" (equal weights).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from recommendations.engine.blend_questions import Said

STEPS: Final = (0.5, 0.7, 0.85, 1.2, 1.4, 2.0)
ROUNDS: Final = 6
# What a round of steps must gain to be followed by another.
LEAST_GAIN: Final = 0.0005
# What a part must be worth alone, as a part of the best.
GOOD: Final = 0.8
# What a part must be missed by: less is within the noise, and a part costs every request.
LEAST_MISSED: Final = 0.002

_Weights = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Weighed:
    """The weights of a blend's parts, 0 for what is left out, and what they are worth together."""

    weights: list[float]
    worth: float


def good(asked: Said) -> list[int]:
    """The parts, by their places, that are good alone; and the first, by which songs are found."""
    alone = np.array([asked.worth(one) for one in np.eye(asked.n_parts)])
    found = alone >= GOOD * alone.max()
    found[0] = True
    return [int(part) for part in np.flatnonzero(found)]


def weigh(asked: Said) -> Weighed:
    """The weights of parts that are good; the first, an item model's, is 1."""
    weights, worth = _stepped(asked, np.ones(asked.n_parts))
    best = worth
    while np.count_nonzero(weights) > 1:
        fewer, left = max((_without(asked, weights, part) for part in _others(weights)), key=_worth)
        # Under the best, or many small losses would add up.
        if left < best * (1 - LEAST_MISSED):
            break
        weights, worth, best = fewer, left, max(best, left)
    return Weighed([float(weight) for weight in weights], worth)


def _others(weights: _Weights) -> list[int]:
    """The parts that may be left out: all that weigh anything but the first."""
    return [part for part in np.flatnonzero(weights).tolist() if part]


def _without(asked: Said, weights: _Weights, part: int) -> tuple[_Weights, float]:
    """The best weights that are found without a part, and their worth."""
    fewer = weights.copy()
    fewer[part] = 0.0
    return _stepped(asked, fewer)


def _worth(found: tuple[_Weights, float]) -> float:
    return found[1]


def _stepped(asked: Said, weights: _Weights) -> tuple[_Weights, float]:
    """The weights after steps that gain, and their worth; the first stays: only ratios matter."""
    worth = asked.worth(weights)
    for _ in range(ROUNDS):
        before = worth
        for part in _others(weights):
            for step in STEPS:
                more = weights.copy()
                more[part] *= step
                value = asked.worth(more)
                if value > worth:
                    weights, worth = more, value
        if worth < before * (1 + LEAST_GAIN):
            break
    return weights, worth
