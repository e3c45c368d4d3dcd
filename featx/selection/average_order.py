"""Which backbone does best on average on other sets: the order to beat by looking at one's own samples."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from featx.catalog import Card

__all__ = ["mean_rank"]

# The mean rank of graphs, by the beginning of their digests; benchmarks/ranking.py --order prints it.
_RANKS: Mapping[str, float] = MappingProxyType({})
_DIGITS = 12


def mean_rank(card: Card) -> float | None:
    """Return the mean rank of a backbone on the sets that featx was measured on; None of one it was not.

    It is that of the graph with the tap, pooling and preprocessing of its card; less is better.
    """
    return _RANKS.get(card.graph.sha256[:_DIGITS])
