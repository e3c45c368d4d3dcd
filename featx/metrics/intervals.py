"""Confidence intervals of measured scores."""

from __future__ import annotations

__all__ = ["wilson"]


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a proportion: ``successes`` of ``n``.

    Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

    >>> [round(bound, 3) for bound in wilson(10, 10)]
    [0.722, 1.0]
    """
    # scipy.stats takes 0.5 s to import, which only measuring needs to wait for
    from scipy.stats import binomtest

    interval = binomtest(successes, n).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)
