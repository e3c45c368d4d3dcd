"""Confidence intervals of measured scores."""

from __future__ import annotations

from math import sqrt

__all__ = ["wilson"]

# quantile of the normal distribution: two sides, 95 %
_Z = 1.959963984540054


def wilson(right: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval for a share: ``right`` of ``n``.

    >>> [round(bound, 3) for bound in wilson(10, 10)]
    [0.722, 1.0]
    """
    share, spread = right / n, _Z * _Z / n
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)
