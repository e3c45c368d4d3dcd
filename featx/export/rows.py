"""The rows of a backbone as nodes of a graph: preprocessing, the graph up to its tap, pooling."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import onnx
from onnx import (
    FunctionProto,
    ModelProto,
    TensorProto,
    ValueInfoProto,
    compose,
    helper,
    version_converter,
)

from featx.backbones.backbone import Backbone
from featx.catalog import Card, verify_files
from featx.errors import BadGraph, NotExportable, first_line
from featx.export.names import USUAL, Names
from featx.export.preprocessing import add_preprocessing
from featx.graphs import cut_graph
from featx.graphs.builder import GraphBuilder
from featx.graphs.opsets import drop_unused_opsets, opset_of
from featx.graphs.pooling import read_pooling

__all__ = ["OPSET", "RowsInGraph", "add_rows", "opset_of_card"]

# The first version in which all operators that reduce take their axes alike.
OPSET = 18


@dataclass(frozen=True, slots=True)
class RowsInGraph:
    """Rows within a graph, and what the graph needs beside the nodes that make them.

    Attributes
    ----------
    rows : str
        The name of the rows, float32 of shape (n, dim).
    inputs : list of ValueInfoProto
        What is fed.
    constants : list of TensorProto
        The weights of backbones.
    opsets : mapping of str to int
        The operator sets of backbones, by domain.
    functions : list of FunctionProto
        The functions that backbones call.
    facts : mapping of str to str
        What callers of the graph need to know of its inputs.
    """

    rows: str
    inputs: list[ValueInfoProto]
    constants: list[TensorProto] = field(default_factory=list)
    opsets: Mapping[str, int] = field(default_factory=dict)
    functions: list[FunctionProto] = field(default_factory=list)
    facts: Mapping[str, str] = field(default_factory=dict)


def add_rows(
    graph: GraphBuilder,
    backbone: Backbone,
    *,
    strings: bool = False,
    names: Names = USUAL,
    opset: int = OPSET,
) -> RowsInGraph:
    """Add the nodes that make the rows of a backbone.

    Parameters
    ----------
    graph : GraphBuilder
    backbone : Backbone
    strings : bool, default=False
        Whether texts go in as they are.
    names : Names
    opset : int, default=18
        The version of ONNX that its graph is brought to, where its own is older.

    Raises
    ------
    NotExportable
        The card asks for what cannot be written as a graph.
    BadGraph
        The backbone's graph cannot be brought to that version.
    """
    card = backbone.card
    model = _model(card, names.inner, opset)
    wanted = _wanted(model)
    front = add_preprocessing(graph, card, wanted, strings=strings, names=names)
    rank = len(_dims(model.graph.output[0]))
    if rank < 2:
        raise NotExportable(
            f"tap of {card.name}: its graph does not say its rank; choose another tap"
        )
    pooling, alone = read_pooling(card.pooling), _runs_alone(backbone, wanted)

    def rows_of(
        inner: GraphBuilder, feeds: Mapping[str, str], mask: Callable[[], str] | None
    ) -> str:
        tap = _run(inner, model, wanted, feeds, alone=alone)
        return pooling.add_nodes(inner, tap, rank, card.channel_axis, mask)

    rows = front.rows(rows_of)
    if card.normalize:
        length = graph.reduce("ReduceL2", rows, 1)
        floor = graph.constant(1e-12, np.float32)
        rows = graph.add("Div", rows, graph.add("Max", length, floor))
    drop_unused_opsets(model)
    facts = {
        "modality": card.modality,
        "backbone": card.name,
        "license": card.license,
        "source": card.source,
        # Named taps are of no use to a graph that has one, and another catalogue may have none of them.
        "card": replace(card, taps=()).to_toml(),
        **front.facts,
    }
    return RowsInGraph(
        rows,
        front.inputs,
        list(model.graph.initializer),
        {one.domain: one.version for one in model.opset_import},
        list(model.functions),
        facts,
    )


def opset_of_card(card: Card) -> int:
    """Return the version of ONNX that a backbone's graph is written in."""
    return opset_of(onnx.load_from_string(_cut(card)))


def _cut(card: Card) -> bytes:
    return cut_graph(verify_files(card)[card.graph.name], card.output)


def _model(card: Card, prefix: str, least: int) -> ModelProto:
    """Return the backbone's graph up to its tap, in a version of ONNX that the rest can be written in."""
    model = onnx.load_from_string(_cut(card))
    if opset_of(model) < least:
        try:
            model = version_converter.convert_version(model, least)
        # The converter, written in C++, raises nothing more exact.
        except Exception as error:
            raise BadGraph(
                f"{card.name}: cannot be brought to version {least} of ONNX: {first_line(error)}"
            ) from error
    if model.graph.sparse_initializer:
        raise BadGraph(f"{card.name}: has sparse weights, which cannot be exported")
    prefixed: ModelProto = compose.add_prefix(model, prefix)
    return prefixed


def _wanted(model: ModelProto) -> list[ValueInfoProto]:
    constants = {tensor.name for tensor in model.graph.initializer}
    wanted = [value for value in model.graph.input if value.name not in constants]
    for value in wanted:
        if _fixed(value) > 1:
            raise NotExportable(
                f"backbone: takes {_fixed(value)} samples at a time, expected any number or 1"
            )
    return wanted


def _runs_alone(backbone: Backbone, wanted: Sequence[ValueInfoProto]) -> bool:
    """Return whether samples go through the backbone one at a time, as its inputs or its card say."""
    batch = backbone.batch
    if batch is not None and batch > 1:
        raise NotExportable(f"backbone: takes {batch} samples at a time, expected any number or 1")
    return batch == 1 or any(map(_fixed, wanted))


def _run(
    graph: GraphBuilder,
    backbone: ModelProto,
    wanted: Sequence[ValueInfoProto],
    feeds: Mapping[str, str],
    *,
    alone: bool,
) -> str:
    """Add the backbone's nodes, in a loop where it takes one sample at a time; return its tap's name."""
    tap = str(backbone.graph.output[0].name)
    if not alone:
        for value in wanted:
            graph.named(value.name, "Cast", feeds[value.name], to=_kind(value))
        graph.nodes += backbone.graph.node
        return tap
    inner, inputs = graph.subgraph(), []
    axis = graph.int_const(0)
    for value in wanted:
        one = f"each/{value.name}"
        inputs.append(helper.make_tensor_value_info(one, _kind(value), None))
        inner.named(value.name, "Unsqueeze", one, axis)
    inner.nodes += backbone.graph.node
    row = inner.add("Squeeze", tap, axis)
    given = helper.make_tensor_value_info(row, _kind(backbone.graph.output[0]), None)
    body = helper.make_graph(inner.nodes, "each", inputs, [given])
    fed = [graph.cast(feeds[value.name], _kind(value)) for value in wanted]
    return graph.add("Scan", *fed, body=body, num_scan_inputs=len(fed))


def _dims(value: ValueInfoProto) -> Sequence[object]:
    return list(value.type.tensor_type.shape.dim)


def _fixed(value: ValueInfoProto) -> int:
    """Return the only batch size that an input takes, or 0 where it takes any."""
    dims = value.type.tensor_type.shape.dim
    return int(dims[0].dim_value) if dims else 0


def _kind(value: ValueInfoProto) -> int:
    return int(value.type.tensor_type.elem_type)
