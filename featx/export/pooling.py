"""One row a sample, as ``Backbone.embed`` makes it, of what a backbone's tap gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from featx.catalog import Card
from featx.errors import BadOption
from featx.export.graph_builder import FLOAT, GraphBuilder
from featx.export.preprocessing import Preprocessing

__all__ = ["add_pooling"]


def add_pooling(graph: GraphBuilder, card: Card, tap: str, rank: int, front: Preprocessing) -> str:
    """Rows, float32 of shape (n, d), of a tensor of a known rank.

    Raises
    ------
    BadOption
        The rank is not known, or the card's pooling is none for such a tensor.
    """
    if rank < 2:
        raise BadOption(f"tap of {card.name}: its graph does not say its rank; choose another tap")
    rows = graph.cast(tap, FLOAT)
    if rank == 2:
        return rows
    if card.pooling == "flatten" and not front.mask:
        return graph.add("Flatten", rows, axis=1)
    axis = card.channel_axis if card.channel_axis is not None else (1 if rank == 4 else -1)
    order = [each for each in range(rank) if each != axis % rank] + [axis % rank]
    moved = graph.add("Transpose", rows, perm=order)
    width = graph.add("Shape", moved, start=rank - 1)
    places = graph.add("Reshape", moved, graph.add("Concat", graph.whole(0, -1), width, axis=0))
    if card.pooling in ("none", "cls"):
        return graph.add("Gather", places, graph.constant(0, np.int64), axis=1)
    table = _MASKED if front.mask else _PLAIN
    if card.pooling not in table:
        raise BadOption(f"pooling {card.pooling!r} of {card.modality}s: cannot be exported")
    if not front.mask:
        return _PLAIN[card.pooling](graph, places)
    seen = graph.add("Unsqueeze", graph.cast(front.mask(), FLOAT), graph.whole(2))
    return _MASKED[card.pooling](graph, places, seen)


def _last(graph: GraphBuilder, places: str) -> str:
    return graph.add("Gather", places, graph.constant(-1, np.int64), axis=1)


def _mean(graph: GraphBuilder, places: str) -> str:
    return graph.total("ReduceMean", places, 1, keep=False)


def _max(graph: GraphBuilder, places: str) -> str:
    return graph.total("ReduceMax", places, 1, keep=False)


def _masked_mean(graph: GraphBuilder, places: str, seen: str) -> str:
    total = graph.total("ReduceSum", graph.add("Mul", places, seen), 1, keep=False)
    count = graph.total("ReduceSum", seen, 1, keep=False)
    return graph.add("Div", total, graph.add("Max", count, graph.constant(1.0, np.float32)))


def _masked_max(graph: GraphBuilder, places: str, seen: str) -> str:
    zero, low = (graph.constant(each, np.float32) for each in (0.0, -np.inf))
    most = _max(graph, graph.add("Where", graph.add("Greater", seen, zero), places, low))
    return graph.add("Where", graph.add("IsInf", most), zero, most)


def _masked_last(graph: GraphBuilder, places: str, seen: str) -> str:
    length = graph.add("Unsqueeze", graph.side(places, 1), graph.whole(0))
    zero, one = graph.constant(0, np.int64), graph.constant(1, np.int64)
    numbers = graph.add("Range", zero, graph.add("Squeeze", length), one)
    numbers = graph.cast(graph.add("Unsqueeze", numbers, graph.whole(1)), FLOAT)
    last = graph.total("ReduceMax", graph.add("Mul", seen, numbers), 1)
    chosen = graph.add("Equal", numbers, last)
    kept = graph.add("Where", chosen, places, graph.constant(0.0, np.float32))
    return graph.total("ReduceSum", kept, 1, keep=False)


_PLAIN: Mapping[str, Callable[[GraphBuilder, str], str]] = MappingProxyType(
    {"mean": _mean, "masked-mean": _mean, "max": _max, "last": _last}
)
_MASKED: Mapping[str, Callable[[GraphBuilder, str, str], str]] = MappingProxyType(
    {
        "mean": _masked_mean,
        "masked-mean": _masked_mean,
        "max": _masked_max,
        "last": _masked_last,
    }
)
