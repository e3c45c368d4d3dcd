"""The nodes before a backbone: inputs that people feed, turned into what the backbone takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from onnx import TypeProto, ValueInfoProto, helper

from featx.catalog import Card
from featx.errors import BadOption, NotExportable
from featx.export.image import add_pixels
from featx.export.names import USUAL, Names
from featx.export.sound_rows import LONGER, MASK, RowsOf, add_sound_rows
from featx.export.strings import IDS, TEXT, add_tokens
from featx.export.tokens import TokensInGraph
from featx.graphs.builder import BYTE, FLOAT, STRING, GraphBuilder
from featx.modalities.audio.settings import AudioSettings
from featx.modalities.image.settings import ImageSettings
from featx.modalities.text.settings import TextSettings

__all__ = ["Preprocessing", "add_preprocessing"]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Inputs of the whole graph, and the rows that a backbone makes of them.

    Attributes
    ----------
    inputs : list of ValueInfoProto
        Inputs of the whole graph.
    rows : callable
        Takes a function that adds a backbone, once, to a graph: of the name of the value that each of its
        inputs takes, and a function that gives the name of a mask of positions, or None. Returns the name
        of the rows, one a sample.
    facts : mapping of str to str
        Metadata that callers of the graph need.
    """

    inputs: list[ValueInfoProto]
    rows: Callable[[RowsOf], str]
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
    return Preprocessing([image], lambda rows_of: rows_of(graph, {value.name: pixels}, None), facts)


def _sound(
    graph: GraphBuilder, card: Card, wanted: Sequence[ValueInfoProto], names: Names
) -> Preprocessing:
    settings: Any = card.input
    feeds, wave = dict(settings.feeds), names.whole("waveform")
    own = {value.name: names.own(value.name) for value in wanted}
    usual = {name: feeds.get(plain, plain) for name, plain in own.items()}
    _only([value for value in wanted if usual[value.name] not in (MASK, LONGER)], names)
    shape = ["N", names.part("samples")]
    return Preprocessing(
        [helper.make_tensor_value_info(wave, FLOAT, shape)],
        lambda rows_of: add_sound_rows(graph, wave, settings, usual, rows_of),
        {"rate": str(settings.rate)},
    )


def _text(
    graph: GraphBuilder, card: Card, wanted: Sequence[ValueInfoProto], names: Names
) -> Preprocessing:
    tokens = TokensInGraph(graph, card, {}, names)
    feeds = tokens.feeds(wanted)
    return Preprocessing(
        tokens.inputs, lambda rows_of: rows_of(graph, feeds, tokens.mask), tokens.facts
    )


def _strings(
    graph: GraphBuilder, card: Card, wanted: Sequence[ValueInfoProto], names: Names
) -> Preprocessing:
    whole = names.whole(TEXT)
    computed = add_tokens(graph, card, text=whole, ids=names.part(IDS))
    tokens = TokensInGraph(graph, card, computed, names)
    feeds = tokens.feeds(wanted)
    text = helper.make_tensor_value_info(whole, STRING, ["N"])
    return Preprocessing([text], lambda rows_of: rows_of(graph, feeds, tokens.mask))


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
