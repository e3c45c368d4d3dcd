"""The nodes before a backbone: inputs that people feed, turned into what the backbone takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from onnx import TypeProto, ValueInfoProto, helper

from featx.catalog import Card
from featx.errors import BadOption, NotExportable
from featx.export.audio import add_attention_mask, add_windows, check_exportable, pooled
from featx.export.image import add_pixels
from featx.export.strings import IDS, TEXT, add_tokens, open_reader
from featx.graphs.builder import BYTE, FLOAT, INT64, STRING, GraphBuilder
from featx.modalities.audio.settings import AudioSettings
from featx.modalities.image.settings import ImageSettings
from featx.modalities.text.settings import TextSettings

__all__ = ["USUAL", "Names", "Preprocessing", "add_preprocessing"]

_MASK, _POSITIONS = "attention_mask", "position_ids"


@dataclass(frozen=True, slots=True)
class Names:
    """The names that one input has in a graph.

    Attributes
    ----------
    value : str, default=""
        What the input is called; "": by what it is, such as "image".
    inner : str, default="backbone/"
        The prefix of the backbone's own names, so that none is also ours.
    """

    value: str = ""
    inner: str = "backbone/"

    def own(self, name: str) -> str:
        """Return the backbone's own name of a value."""
        return name.removeprefix(self.inner)

    def whole(self, usual: str) -> str:
        """Return the name of an input that holds whole samples."""
        return self.value or usual

    def part(self, usual: str) -> str:
        """Return the name of one of several inputs that hold parts of a sample, such as its tokens."""
        return f"{self.value}.{usual}" if self.value else usual


USUAL = Names()
"""The names where there is a single input."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Inputs of the whole graph, and the values that the backbone takes.

    Attributes
    ----------
    inputs : list of ValueInfoProto
        Inputs of the whole graph.
    feeds : mapping of str to str
        The name of the value that each input of the backbone takes.
    mask : callable, default=None
        Gives, for texts, the name of the attention mask; nodes for it are added when it is called.
    merge : callable
        Turns the name of the backbone's rows into that of one row a sample.
    facts : mapping of str to str
        Metadata that callers of the graph need.
    """

    inputs: list[ValueInfoProto]
    feeds: Mapping[str, str]
    mask: Callable[[], str] | None = None
    merge: Callable[[str], str] = field(default=lambda rows: rows)
    facts: Mapping[str, str] = field(default_factory=dict)


def add_preprocessing(
    graph: GraphBuilder,
    card: Card,
    wanted: Sequence[ValueInfoProto],
    *,
    strings: bool = False,
    names: Names = USUAL,
) -> Preprocessing:
    """Add the nodes before the backbone, whose inputs are ``wanted``; texts go in as tokens or as strings.

    Raises
    ------
    NotExportable
        The card asks for what cannot be written as a graph.
    BadOption
        Strings are asked for where samples are no texts.
    """
    if type(card.input) not in _FRONTS:
        raise NotExportable(f"{card.modality} classifiers cannot be exported")
    if strings and card.modality != TextSettings.modality:
        raise BadOption(
            f"strings=True: {card.name} is of modality {card.modality!r}; expected 'text'; leave it out"
        )
    if strings:
        return _strings(graph, card, wanted, names)
    front: Preprocessing = _FRONTS[type(card.input)](graph, card, wanted, names)
    return front


def _image(
    graph: GraphBuilder, card: Card, wanted: Sequence[ValueInfoProto], names: Names
) -> Preprocessing:
    value, name = _only(wanted, names), names.whole("image")
    settings: Any = card.input
    pixels = add_pixels(graph, name, settings, _kind(value))
    image = helper.make_tensor_value_info(
        name, BYTE, ["N", names.part("height"), names.part("width"), 3]
    )
    # the graph takes what is left of other values once they are scaled to 0..255
    facts = {"range": ",".join(map(str, settings.range))} if settings.range else {}
    return Preprocessing([image], {value.name: pixels}, facts=facts)


def _sound(
    graph: GraphBuilder, card: Card, wanted: Sequence[ValueInfoProto], names: Names
) -> Preprocessing:
    settings: Any = card.input
    check_exportable(settings)
    usual, wave = dict(settings.feeds), names.whole("waveform")
    own = {value.name: names.own(value.name) for value in wanted}
    masks = [name for name, plain in own.items() if usual.get(plain, plain) == _MASK]
    value = _only([value for value in wanted if value.name not in masks], names)
    windows, count = add_windows(graph, wave, settings)
    feeds = {value.name: windows}
    feeds |= {name: add_attention_mask(graph, wave, windows, settings) for name in masks}
    shape = ["N", names.part("samples")]
    return Preprocessing(
        [helper.make_tensor_value_info(wave, FLOAT, shape)],
        feeds,
        merge=lambda rows: pooled(graph, rows, count, settings.pool),
        facts={"rate": str(settings.rate)},
    )


def _text(
    graph: GraphBuilder, card: Card, wanted: Sequence[ValueInfoProto], names: Names
) -> Preprocessing:
    return _Tokens(graph, card, {}, names).front(wanted)


def _strings(
    graph: GraphBuilder, card: Card, wanted: Sequence[ValueInfoProto], names: Names
) -> Preprocessing:
    whole = names.whole(TEXT)
    computed = add_tokens(graph, card, text=whole, ids=names.part(IDS))
    front = _Tokens(graph, card, computed, names).front(wanted)
    text = helper.make_tensor_value_info(whole, STRING, ["N"])
    return replace(front, inputs=[text], facts={})


class _Tokens:
    """Inputs of a text backbone: tokens that are fed, or ``computed`` from strings; each is added once."""

    def __init__(
        self, graph: GraphBuilder, card: Card, computed: Mapping[str, str], names: Names
    ) -> None:
        settings: Any = card.input
        if settings.long != "truncate":
            raise NotExportable("long = 'chunk-mean': cannot be exported; expected 'truncate'")
        if settings.mask_prefix and settings.prefix:
            raise NotExportable("mask_prefix = true: cannot be exported; expected false")
        if settings.padding_side == "left" and (computed or settings.pad):
            raise NotExportable(
                "padding_side = 'left': the graph cannot fill texts up at the left; export it for tokens, "
                "which whoever calls it fills up"
            )
        self._graph = graph
        self._names = names
        self._settings: TextSettings = settings
        self._computed = computed
        self._fill = open_reader(card).pad_id if settings.pad else 0
        self._values: dict[str, str] = {}
        self._inputs: list[ValueInfoProto] = []

    def front(self, wanted: Sequence[ValueInfoProto]) -> Preprocessing:
        usual, feeds = dict(self._settings.feeds), {}
        for value in wanted:
            own = self._names.own(value.name)
            feed = self._feed(usual.get(own, own))
            if self._settings.layout == "N1L":
                feed = self._graph.add("Unsqueeze", feed, self._graph.int_const(1))
            feeds[value.name] = feed
        facts = {
            **({"lowercase": "true"} if self._settings.lowercase else {}),
            "max_length": str(self._settings.max_length),
            "truncation": self._settings.truncation,
            "prefix": self._settings.prefix,
        }
        return Preprocessing(self._inputs, feeds, mask=lambda: self._feed(_MASK), facts=facts)

    def _feed(self, name: str) -> str:
        if name not in self._values:
            self._values[name] = self._positions() if name == _POSITIONS else self._given(name)
        return self._values[name]

    def _given(self, name: str) -> str:
        fed = self._names.part(name)
        shape = ["N", self._names.part("tokens")]
        self._inputs.append(helper.make_tensor_value_info(fed, INT64, shape))
        if self._computed and name not in self._computed:
            raise NotExportable(f"strings: the backbone takes {name!r}, which no text gives")
        value = self._computed.get(name, fed)
        if not self._settings.pad:
            return value
        graph = self._graph
        length = graph.add("Unsqueeze", graph.dim(value, 1), graph.int_const(0))
        lacking = graph.add("Sub", graph.int_const(self._settings.max_length), length)
        pads = graph.add("Concat", graph.int_const(0, 0, 0), lacking, axis=0)
        fill = graph.constant(self._fill if name == IDS else 0, np.int64)
        return graph.add("Pad", value, pads, fill)

    def _positions(self) -> str:
        """Return the position of each token, the same for every text."""
        if self._settings.padding_side == "left":
            raise NotExportable(
                f"padding_side = 'left': the graph takes {_POSITIONS!r}, which cannot be exported then"
            )
        graph, ids = self._graph, self._feed(IDS)
        bounds = [graph.constant(k, np.int64) for k in (0, 1)]
        positions = graph.add("Range", bounds[0], graph.dim(ids, 1), bounds[1])
        if first := self._settings.first_position:
            positions = graph.add("Add", positions, graph.constant(first, np.int64))
        return graph.add("Expand", positions, graph.add("Shape", ids))


def _only(wanted: Sequence[ValueInfoProto], names: Names) -> ValueInfoProto:
    if len(wanted) != 1:
        taken = ", ".join(names.own(value.name) for value in wanted)
        raise NotExportable(f"backbone: takes {taken or 'nothing'}; expected one input")
    return wanted[0]


def _kind(value: ValueInfoProto) -> int:
    kind: TypeProto = value.type
    return int(kind.tensor_type.elem_type)


_FRONTS: Mapping[type, Any] = MappingProxyType(
    {ImageSettings: _image, TextSettings: _text, AudioSettings: _sound}
)
