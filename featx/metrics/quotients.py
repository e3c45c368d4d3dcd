"""Quotients of amounts that may be nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles

__all__ = ["ratio"]


def ratio(part: npt.NDArray[Any], whole: npt.NDArray[Any], empty: float = 0.0) -> Doubles:
    """Return quotients, float64, and ``empty`` where there is nothing to divide by.

    >>> ratio(np.array([1, 0]), np.array([2, 0]))
    array([0.5, 0. ])
    """
    quotients = np.full(np.shape(part), empty)
    np.divide(part, whole, out=quotients, where=np.asarray(whole) > 0)
    return quotients
