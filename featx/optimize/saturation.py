"""Find out whether this processor computes a graph of integers as it is written.

Processors without VNNI add two products of eight-bit numbers in sixteen bits. Where the sum does not fit it
saturates, and rows are others than elsewhere. The reference is the same graph in float32: integers
are rounded as written, and layers multiply what the integers stand for, so that nothing can saturate. A few
values are rounded the other way there, which turns a row by a cosine of about 1 - 1e-5.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from featx.errors import BadGraph, first_line
from featx.optimize.fidelity import cosines
from featx.optimize.observing import Feeds
from featx.sessions import FAILURES, open_session

__all__ = ["LEAST_EXACT", "cosine_to_exact"]

# Below this cosine sums have saturated: rounding leaves 0.99998 at least, saturation 0.97 or less.
LEAST_EXACT = 0.999


def cosine_to_exact(graph: Path, feeds: Iterable[Feeds]) -> float:
    """Return the worst cosine between what a quantised graph gives here and what it gives computed exactly.

    Parameters
    ----------
    graph : Path
        A graph with QuantizeLinear and DequantizeLinear around its layers, and one output.
    feeds : iterable of mapping of str to ndarray
        The graph's inputs, of one sample each.

    Raises
    ------
    BadGraph
        The graph fails.
    """
    here, exact = open_session(graph, graph), open_session(graph, graph, integers=False)
    worst = 1.0
    for feed in feeds:
        try:
            given, expected = (session.run(None, dict(feed))[0] for session in (here, exact))
        except FAILURES as error:
            raise BadGraph(f"{graph.name}: the graph failed: {first_line(error)}") from error
        pair = (np.asarray(rows, np.float32).reshape(1, -1) for rows in (expected, given))
        worst = min(worst, float(cosines(*pair)[0]))
    return worst
