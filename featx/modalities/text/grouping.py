"""Divide windows of texts into batches, so that little is computed for padding."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

__all__ = ["BUDGET", "divide"]

# tokens of a batch, padding included: MiniLM takes the same time a token from 200 to 800 of them
BUDGET = 384
# tokens in whose time a graph could have run once more: 7 for MiniLM, more for smaller graphs
_RUN = 16


def divide(lengths: Sequence[int], most: int) -> list[int]:
    """Return where each batch begins, and the end of the last, of windows in the order of their lengths.

    Batches begin where the length changes, so that padding and the number of runs together cost the least
    that they can; what is above ``BUDGET`` tokens or ``most`` windows is divided into equal parts.

    Parameters
    ----------
    lengths : sequence of int
        Tokens of each window, in ascending order.
    most : int
        Windows of one batch.

    Examples
    --------
    >>> divide([5, 5, 5, 6, 40, 41], 128)
    [0, 4, 6]
    >>> divide([96] * 10, 128)
    [0, 3, 6, 10]
    """
    ends, widths = [0], [0]
    for width, group in groupby(lengths):
        ends.append(ends[-1] + len(list(group)))
        widths.append(width)
    # the least cost up to each change of length, and where the batch before it begins
    best, back = [0], [0]
    for stop in range(1, len(ends)):
        width, options = widths[stop], list[tuple[int, int]]()
        for start in range(stop - 1, -1, -1):
            n = ends[stop] - ends[start]
            options.append((best[start] + n * width + _RUN * _parts(n, width, most), start))
            # longer ones are divided all the same
            if n * width > BUDGET or n > most:
                break
        cost, start = min(options)
        best.append(cost)
        back.append(start)
    bounds, stop = [ends[-1]], len(ends) - 1
    while stop:
        first, n = ends[back[stop]], ends[stop] - ends[back[stop]]
        parts = _parts(n, widths[stop], most)
        bounds += [first + n * k // parts for k in range(parts - 1, -1, -1)]
        stop = back[stop]
    return bounds[::-1]


def _parts(n: int, width: int, most: int) -> int:
    """Return how many batches ``n`` windows make that are as long as ``width``."""
    return -(-n // max(1, min(most, BUDGET // max(width, 1))))
