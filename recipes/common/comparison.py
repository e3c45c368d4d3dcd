"""Comparisons that end a recipe when a graph is not what it should be."""

import numpy as np

__all__ = ["require_close"]


def require_close(
    name: str, found: np.ndarray, expected: np.ndarray, limit: float, scale: float = 1.0
) -> float:
    """Print and return the largest absolute difference, divided by ``scale``.

    Raises
    ------
    SystemExit
        The shapes differ, a value is not finite, or the difference is above ``limit``.
    """
    if found.shape != expected.shape:
        raise SystemExit(f"{name}: expected the shape {expected.shape}, found {found.shape}")
    difference = float(np.abs(found - expected).max()) / scale
    print(f"{name}: differs by {difference:.1e}")
    if not difference <= limit:
        raise SystemExit(f"{name}: differs by {difference:.1e}, expected at most {limit:.0e}")
    return difference
