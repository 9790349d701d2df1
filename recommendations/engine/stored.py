"""Checks of stored arrays before a model is made of them: a damaged artifact is refused."""

from typing import Any

import numpy as np
import numpy.typing as npt

from recommendations.engine.model import Arrays, BrokenModel


def checked(
    arrays: Arrays,
    name: str,
    dtype: npt.DTypeLike,
    n_dimensions: int,
    *,
    shape: tuple[int | None, ...] | None = None,
) -> npt.NDArray[Any]:
    """The array of this name, if it has this dtype and shape and holds finite numbers only.

    shape: the length of each dimension, None where any will do. Raises BrokenModel.
    """
    if name not in arrays:
        raise BrokenModel(f"the model has no array {name!r}, only {sorted(arrays)}")
    array = arrays[name]
    if array.dtype != np.dtype(dtype):
        raise BrokenModel(f"array {name!r} holds {array.dtype}, {np.dtype(dtype)} is expected")
    if array.ndim != n_dimensions:
        raise BrokenModel(f"array {name!r} has {array.ndim} dimensions, not {n_dimensions}")
    if shape is not None and any(
        want is not None and want != have for want, have in zip(shape, array.shape, strict=True)
    ):
        raise BrokenModel(f"array {name!r} has the shape {array.shape}, {shape} is expected")
    if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
        raise BrokenModel(f"array {name!r} holds numbers that are not finite")
    return array


def checked_rows(
    arrays: Arrays,
    name: str,
    n_songs: int,
    *,
    n_dimensions: int = 1,
    shape: tuple[int | None, ...] | None = None,
    missing_allowed: bool = False,
) -> npt.NDArray[np.int32]:
    """The array of this name, if it holds song rows only (and -1 where that is allowed)."""
    rows: npt.NDArray[np.int32] = checked(arrays, name, np.int32, n_dimensions, shape=shape)
    least = -1 if missing_allowed else 0
    if rows.size and (rows.min() < least or rows.max() >= n_songs):
        raise BrokenModel(f"array {name!r} names songs outside 0 to {n_songs - 1}")
    return rows


def checked_offsets(
    arrays: Arrays, name: str, length: int, n_entries: int
) -> npt.NDArray[np.int64]:
    """The array of this name, if it splits ``n_entries`` entries into ``length - 1`` rows."""
    offsets: npt.NDArray[np.int64] = checked(arrays, name, np.int64, 1, shape=(length,))
    if offsets[0] != 0 or offsets[-1] != n_entries or (np.diff(offsets) < 0).any():
        raise BrokenModel(f"array {name!r} does not split {n_entries} entries into rows")
    return offsets
