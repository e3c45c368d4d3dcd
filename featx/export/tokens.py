"""What a text backbone takes as nodes: tokens that are fed, or made of texts, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import ValueInfoProto, helper

from featx.catalog import Card
from featx.errors import NotExportable
from featx.export.names import Names
from featx.export.strings import IDS, LEAD, open_reader
from featx.graphs.builder import INT64, GraphBuilder
from featx.modalities.text.settings import TextSettings

__all__ = ["TokensInGraph"]

_MASK, _POSITIONS, _POOLED = "attention_mask", "position_ids", "pooling_mask"


class TokensInGraph:
    """The values of a text backbone's inputs, by their usual names; each is added once.

    Parameters
    ----------
    graph : GraphBuilder
    card : Card
    computed : mapping of str to str
        The tokens of texts, as ``add_tokens`` returns them; nothing where tokens are fed.
    names : Names
        How the inputs of the graph are called.

    Raises
    ------
    NotExportable
        The card asks for what tokens do not tell.
    """

    def __init__(
        self, graph: GraphBuilder, card: Card, computed: Mapping[str, str], names: Names
    ) -> None:
        settings: Any = card.input
        if settings.long != "truncate":
            raise NotExportable("long = 'chunk-mean': cannot be exported; expected 'truncate'")
        self._graph, self._names, self._computed = graph, names, computed
        self._settings: TextSettings = settings
        self._left = settings.padding_side == "left"
        self._masks = bool(settings.mask_prefix and settings.prefix)
        if self._masks and not computed and settings.truncation == "left":
            raise NotExportable(
                "mask_prefix = true with truncation = 'left': tokens that are fed do not say how many of the "
                "prefix were cut off; export with strings, whose tokens are made in the graph"
            )
        self._reader = open_reader(card)
        self._values: dict[str, str] = {}
        # inputs of the whole graph
        self.inputs: list[ValueInfoProto] = []

    @property
    def facts(self) -> dict[str, str]:
        """The settings that callers of the graph must know where they feed tokens."""
        return {
            **({"lowercase": "true"} if self._settings.lowercase else {}),
            **({"padding_side": "left"} if self._left else {}),
            "max_length": str(self._settings.max_length),
            "truncation": self._settings.truncation,
            "prefix": self._settings.prefix,
        }

    def feeds(self, wanted: Sequence[ValueInfoProto]) -> dict[str, str]:
        """Return the value that each input of the backbone takes."""
        usual, feeds = dict(self._settings.feeds), {}
        for value in wanted:
            own = self._names.own(value.name)
            feed = self._feed(usual.get(own, own))
            if self._settings.layout == "N1L":
                feed = self._graph.add("Unsqueeze", feed, self._graph.int_const(1))
            feeds[value.name] = feed
        return feeds

    def mask(self) -> str:
        """Return which tokens are pooled, int64 of shape (n, tokens)."""
        return self._feed(_POOLED if self._masks else _MASK)

    def _feed(self, name: str) -> str:
        if name not in self._values:
            made = {_POSITIONS: self._positions}
            if self._settings.mask_prefix:
                made[_POOLED] = self._pooled
            self._values[name] = made[name]() if name in made else self._given(name)
        return self._values[name]

    def _given(self, name: str) -> str:
        fed = self._names.part(name)
        shape = ["N", self._names.part("tokens")]
        self.inputs.append(helper.make_tensor_value_info(fed, INT64, shape))
        if self._computed and name not in self._computed:
            raise NotExportable(f"strings: the backbone takes {name!r}, which no text gives")
        value = self._computed.get(name, fed)
        if not self._settings.pad:
            return value
        graph = self._graph
        length = graph.add("Unsqueeze", graph.dim(value, 1), graph.int_const(0))
        lacking = graph.add("Sub", graph.int_const(self._settings.max_length), length)
        sides = [lacking, graph.int_const(0)]
        before, after = sides if self._left else reversed(sides)
        zero = graph.int_const(0)
        pads = graph.add("Concat", zero, before, zero, after, axis=0)
        fill = graph.constant(self._reader.pad_id if name == IDS else 0, np.int64)
        return graph.add("Pad", value, pads, fill)

    def _positions(self) -> str:
        """Return the position of each token as graphs count that take positions; padding has the first."""
        graph = self._graph
        positions = graph.add("Max", self._places(), graph.constant(0, np.int64))
        if first := self._settings.first_position:
            positions = graph.add("Add", positions, graph.constant(first, np.int64))
        return graph.add("Expand", positions, graph.add("Shape", self._feed(IDS)))

    def _pooled(self) -> str:
        """Return which tokens are of the text itself: none of the prefix, nor of what stands before it."""
        graph, real = self._graph, self._feed(_MASK)
        if not self._masks:
            return real
        later = graph.add("GreaterOrEqual", self._places(), self._lead())
        return graph.add("Mul", real, graph.cast(later, INT64))

    def _places(self) -> str:
        """Return the place of each token among those of its text, which begin with 0; negative before it."""
        graph = self._graph
        ends = [graph.constant(value, np.int64) for value in (0, 1)]
        width = graph.dim(self._feed(IDS), 1)
        places = graph.add("Range", ends[0], width, ends[1])
        if not self._left:
            return places
        return graph.add("Sub", places, graph.add("Sub", width, self._count()))

    def _count(self) -> str:
        """Return how many tokens each text has, with those around it; int64 of shape (n, 1)."""
        return self._graph.reduce("ReduceSum", self._feed(_MASK), 1)

    def _lead(self) -> str:
        """Return how many of the first tokens are not pooled; int64 of shape (n, 1)."""
        if LEAD in self._computed:
            return self._computed[LEAD]
        graph, frame = self._graph, self._reader.frame
        own = graph.add("Sub", self._count(), graph.constant(len(frame), np.int64))
        zero = graph.constant(0, np.int64)
        masked = graph.add("Max", own, zero)
        masked = graph.add("Min", masked, graph.constant(self._reader.encoder.lead, np.int64))
        some = graph.add("Greater", masked, zero)
        lead = graph.add("Add", masked, graph.constant(len(frame.before.ids), np.int64))
        return graph.add("Where", some, lead, zero)
