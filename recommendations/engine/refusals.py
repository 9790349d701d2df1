"""What nothing is trained on: parameters beyond their ranges, judgements that are none."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from recommendations.engine.interactions import Interactions
from recommendations.engine.model import Parameters, TrainingFailed

# Both ends are in it.
Range = tuple[float, float]
Ranges = Mapping[str, Range]
# Beyond these no sum of a catalogue fits into 32 bits.
LEAST: Final = 1e-9
MOST: Final = 1e9


def refuse_parameters(
    algorithm: str, given: Parameters, defaults: Parameters, ranges: Ranges
) -> None:
    """Raise TrainingFailed, which names the first parameter that cannot be trained by.

    A parameter whose default is a number has to be one, from -1e9 to 1e9 where ``ranges`` does
    not say otherwise.
    """
    unknown = sorted(given.keys() - defaults.keys())
    if unknown:
        raise TrainingFailed(f"{algorithm} has no parameter {', '.join(unknown)}")
    for name, value in given.items():
        if is_number(defaults[name]):
            refuse_number(f"{algorithm}: {name}", value, ranges.get(name, (-MOST, MOST)))


def refuse_number(name: str, value: Any, allowed: Range) -> None:
    """Raise TrainingFailed where this is no number, or none of the range."""
    low, high = allowed
    # Neither end is passed by what is not a number (nan).
    if not is_number(value) or not low <= value <= high:
        raise TrainingFailed(f"{name} must be a number from {low:g} to {high:g}, not {value!r}")


def is_number(value: Any) -> bool:
    """Whether it is a whole or a floating number, of Python or of numpy; truth is none."""
    kinds = (int, float, np.integer, np.floating)
    return isinstance(value, kinds) and not isinstance(value, bool)


def refuse_judgements(interactions: Interactions) -> None:
    """Raise TrainingFailed where rows lie outside the users and songs, or values are no ±1.

    Or where artists and genres are those of other songs.
    """
    n = len(interactions)
    for name in ("users", "songs", "values", "times"):
        array = getattr(interactions, name)
        if array.shape != (n,) or not np.issubdtype(array.dtype, np.integer):
            raise TrainingFailed(f"the interactions' {name} are no ({n},) whole numbers")
    for name, n_rows in (("users", interactions.n_users), ("songs", interactions.n_songs)):
        rows = getattr(interactions, name)
        if n and not (rows.min() >= 0 and rows.max() < n_rows):
            raise TrainingFailed(f"the interactions name {name} outside 0 to {n_rows - 1}")
    traits = interactions.traits
    if traits is not None and {len(traits.artists), traits.genres.shape[0]} != {
        interactions.n_songs
    }:
        raise TrainingFailed("the interactions' artists and genres are those of other songs")
    if not (np.abs(interactions.values) == 1).all():
        raise TrainingFailed("the interactions' values are not all 1 or -1")
