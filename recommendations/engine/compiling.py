"""Loops compiled to machine code. Imported by training alone: serving needs no compiler."""

from collections.abc import Callable
from typing import Any

import numba

Loop = Callable[..., Any]


def compiled(function: Loop) -> Loop:
    """Compile without the interpreter's lock, and keep the result on disk where there is one."""
    try:
        loop: Loop = numba.njit(nogil=True, cache=True, fastmath=True)(function)
    except RuntimeError:  # neither the code's folder nor a home to write to
        loop = numba.njit(nogil=True, fastmath=True)(function)
    return loop
