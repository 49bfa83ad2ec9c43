"""How the loops over reads are compiled: once for a machine where the result can be kept, else once for a process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function compiled on first use.

    The result is kept beside the source or in the user's cache folder; where neither can be written (an install
    that is read only, a user without a home) each process compiles anew, which takes some seconds.
    """
    try:
        made: Callable[..., Any] = njit(cache=True)(function)
    except RuntimeError:
        made = njit(function)
    return made
