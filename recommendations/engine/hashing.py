"""Numbers stirred until they look drawn: the same everywhere and for ever."""

from typing import Any

import numpy as np
import numpy.typing as npt


def mixed(numbers: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """A hash of each whole number: the finaliser of SplitMix64 (Steele, Lea & Flood 2014)."""
    found = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return found ^ (found >> np.uint64(31))
