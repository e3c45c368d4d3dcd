"""A classifier as one graph: preprocessing, backbone, pooling, head and calibration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, ValueInfoProto, compose, helper, version_converter

from featx.catalog import Card, prove
from featx.classifier import Classifier
from featx.errors import BadGraph, BadOption
from featx.export.heads import add_head
from featx.export.nodes import FLOAT, INT64, Nodes
from featx.export.pictures import add_pixels
from featx.graphs import cut
from featx.inputs.audio import Audio
from featx.inputs.images import Images
from featx.inputs.texts import Texts

__all__ = ["write_graph"]

_OPSET = 18  # the first in which all that reduces takes its axes alike
_MASK = "attention_mask"
_INNER = "backbone/"  # what the backbone's own names begin with, so that none is also ours


def write_graph(classifier: Classifier) -> ModelProto:
    """The classifier as one graph, unchecked; gives ``label`` and ``probabilities``.

    Raises
    ------
    BadOption
        The card or the head asks for what cannot be written as a graph.
    BadGraph
        The backbone's graph cannot be brought to the version of ONNX that the rest is written in.
    """
    card, graph = classifier.card, Nodes()
    backbone = _backbone(card)
    wanted = _wanted(backbone)
    front = Nodes()
    front.constants = graph.constants  # one count of names for what stands before and after
    inputs, mask = _front(front, card, wanted)
    graph.nodes = list(front.nodes)
    rows = _pooled(graph, card, backbone.graph.output[0], mask)
    shares = add_head(graph, rows, classifier.head.estimator, classifier.head.temperature)
    graph.named("probabilities", "Cast", shares, to=FLOAT)
    first = graph.add("ArgMax", "probabilities", axis=1, keepdims=0)
    labels = graph.constant(classifier.classes, np.object_)
    graph.named("label", "Gather", labels, first)
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.STRING, ["N"]),
        helper.make_tensor_value_info("probabilities", FLOAT, ["N", len(classifier.classes)]),
    ]
    behind = graph.nodes[len(front.nodes) :]
    whole = helper.make_graph(
        [*front.nodes, *backbone.graph.node, *behind],
        "featx",
        inputs,
        outputs,
        [*backbone.graph.initializer, *graph.constants],
    )
    made = helper.make_model(
        whole,
        opset_imports=backbone.opset_import,
        functions=list(backbone.functions),
        ir_version=max(8, backbone.ir_version),
        producer_name="featx",
    )
    helper.set_model_props(made, _facts(classifier))
    return made


def _facts(classifier: Classifier) -> dict[str, str]:
    """What travels with the graph for people and programs."""
    card = classifier.card
    return {
        "labels": json.dumps(list(classifier.classes), ensure_ascii=False),
        "backbone": card.name,
        "license": card.license,
        "source": card.source,
        "fingerprint": card.fingerprint,
        "head": classifier.head.name,
        "card": card.to_toml(),
    }


def _backbone(card: Card) -> ModelProto:
    """The backbone's graph up to its tap, in a version of ONNX that the rest can be written in."""
    model = onnx.load_from_string(cut(prove(card)[card.graph.name], card.output))
    opset = next(each for each in model.opset_import if each.domain in ("", "ai.onnx"))
    if opset.version < _OPSET:
        try:
            model = version_converter.convert_version(model, _OPSET)
        except Exception as error:  # the converter, written in C++, raises nothing more exact
            reason = str(error).strip().partition("\n")[0]
            raise BadGraph(
                f"{card.name}: cannot be brought to version {_OPSET} of ONNX: {reason}"
            ) from error
    if model.graph.sparse_initializer:
        raise BadGraph(f"{card.name}: has sparse weights, which cannot be exported")
    prefixed: ModelProto = compose.add_prefix(model, _INNER)
    return prefixed


def _wanted(model: ModelProto) -> list[ValueInfoProto]:
    constants = {tensor.name for tensor in model.graph.initializer}
    wanted = [value for value in model.graph.input if value.name not in constants]
    for value in wanted:
        [first, *_] = value.type.tensor_type.shape.dim or [None]
        if first is not None and first.dim_value > 1:
            raise BadOption(
                f"backbone: takes {first.dim_value} samples at a time, expected any or 1"
            )
    return wanted


def _front(
    graph: Nodes, card: Card, wanted: Sequence[ValueInfoProto]
) -> tuple[list[ValueInfoProto], str | None]:
    """The inputs of the whole, once their nodes are added; and the name of a text's mask."""
    if type(card.input) not in _FRONTS:
        raise BadOption(f"{card.modality} classifiers cannot be exported")
    made: tuple[list[ValueInfoProto], str | None]
    made = _FRONTS[type(card.input)](graph, card.input, wanted)
    return made


def _image(
    graph: Nodes, settings: Images, wanted: Sequence[ValueInfoProto]
) -> tuple[list[ValueInfoProto], None]:
    [value] = wanted
    kind = value.type.tensor_type.elem_type
    pixels = add_pixels(graph, "image", settings, kind)
    graph.named(value.name, "Identity", pixels)
    shape = [_batch(value), "height", "width", 3]
    return [helper.make_tensor_value_info("image", TensorProto.UINT8, shape)], None


def _text(
    graph: Nodes, settings: Texts, wanted: Sequence[ValueInfoProto]
) -> tuple[list[ValueInfoProto], str]:
    if settings.layout != "NL":
        raise BadOption(f"layout {settings.layout!r}: cannot be exported; expected 'NL'")
    if settings.long != "truncate":
        raise BadOption("long = 'chunk-mean': cannot be exported; expected 'truncate'")
    usual, inputs, mask = dict(settings.feeds), [], None
    for value in wanted:
        name, kind = value.name.removeprefix(_INNER), value.type.tensor_type.elem_type
        graph.named(value.name, "Cast", name, to=kind)
        inputs.append(helper.make_tensor_value_info(name, INT64, [_batch(value), "tokens"]))
        mask = name if usual.get(name, name) == _MASK else mask
    if mask is None:
        inputs.append(helper.make_tensor_value_info(_MASK, INT64, ["N", "tokens"]))
    return inputs, mask or _MASK


def _sound(
    graph: Nodes, settings: Audio, wanted: Sequence[ValueInfoProto]
) -> tuple[list[ValueInfoProto], None]:
    if "+" in settings.pool:
        raise BadOption(f"pool = {settings.pool!r}: cannot be exported; expected 'mean' or 'max'")
    [value] = wanted
    kind = value.type.tensor_type.elem_type
    scaled = graph.add("Mul", "waveform", graph.constant(settings.scale, np.float32))
    shape = [_batch(value), settings.window or "samples"]
    graph.named(value.name, "Cast", scaled, to=kind)
    return [helper.make_tensor_value_info("waveform", FLOAT, shape)], None


_FRONTS: Mapping[type, Any] = MappingProxyType({Images: _image, Texts: _text, Audio: _sound})


def _batch(value: ValueInfoProto) -> int | str:
    [first, *_] = value.type.tensor_type.shape.dim or [None]
    return 1 if first is not None and first.dim_value == 1 else "N"


def _pooled(graph: Nodes, card: Card, tap: ValueInfoProto, mask: str | None) -> str:
    """One row a sample, as ``Backbone.embed`` makes it, of what the backbone gives."""
    rank = len(tap.type.tensor_type.shape.dim)
    if rank < 2:
        raise BadOption(f"tap {tap.name!r}: the graph does not say its rank; choose another")
    rows = graph.cast(tap.name, FLOAT)
    if rank > 2:
        rows = _one_place(graph, card, rows, rank, mask)
    if card.normalize:
        length = graph.total("ReduceL2", rows, 1)
        floor = graph.constant(1e-12, np.float32)
        rows = graph.add("Div", rows, graph.add("Max", length, floor))
    return rows


def _one_place(graph: Nodes, card: Card, rows: str, rank: int, mask: str | None) -> str:
    kind = "masked-mean" if card.pooling == "mean" and mask else card.pooling
    if kind == "flatten":
        return graph.add("Flatten", rows, axis=1)
    axis = card.channel_axis if card.channel_axis is not None else (1 if rank == 4 else -1)
    order = [each for each in range(rank) if each != axis % rank] + [axis % rank]
    moved = graph.add("Transpose", rows, perm=order)
    width = graph.add("Shape", moved, start=rank - 1)
    shape = graph.add("Concat", graph.constant([0, -1], np.int64), width, axis=0)
    places = graph.add("Reshape", moved, shape)
    if kind in ("none", "cls"):
        return graph.add("Gather", places, graph.constant(0, np.int64), axis=1)
    if mask is None:
        if kind == "last":
            return graph.add("Gather", places, graph.constant(-1, np.int64), axis=1)
        way = "ReduceMax" if kind == "max" else "ReduceMean"
        return graph.total(way, places, 1, keep=False)
    if kind != "masked-mean":
        raise BadOption(f"pooling {card.pooling!r} of texts cannot be exported; expected 'mean'")
    seen = graph.add("Unsqueeze", graph.cast(mask, FLOAT), graph.constant([2], np.int64))
    total = graph.total("ReduceSum", graph.add("Mul", places, seen), 1, keep=False)
    count = graph.total("ReduceSum", seen, 1, keep=False)
    return graph.add("Div", total, graph.add("Max", count, graph.constant(1.0, np.float32)))
