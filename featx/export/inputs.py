"""The joint rows of several inputs as nodes of a graph, which has an input for each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from onnx import NodeProto

from featx.backbones.backbone import Backbone, open_backbone
from featx.backbones.providers import Provider
from featx.errors import BadOption
from featx.export.encoders import add_encoder
from featx.export.names import Names
from featx.export.rows import OPSET, RowsInGraph, add_rows, opset_of_card
from featx.graphs.builder import GraphBuilder
from featx.graphs.inspect import walk
from featx.inputs.input import Input

__all__ = ["add_inputs", "graph_names"]


def graph_names(inputs: Sequence[Input]) -> list[tuple[str, ...]]:
    """Return what is fed for each input: its name, and for a pair the names of its two columns.

    A column whose name another input has is called ``INPUT.COLUMN``.
    """
    taken = {one.name for one in inputs if not one.pair}
    names: list[tuple[str, ...]] = []
    for one in inputs:
        if not one.pair:
            names.append((one.name,))
            continue
        own = tuple(f"{one.name}.{c}" if c in taken else c for c in one.columns)
        taken |= {*own}
        names.append(own)
    return names


def add_inputs(
    graph: GraphBuilder, inputs: Sequence[Input], provider: Provider, *, strings: bool = False
) -> RowsInGraph:
    """Add the nodes that make the joint rows of several inputs.

    Parameters
    ----------
    graph : GraphBuilder
    inputs : sequence of Input
    provider : Provider
        Where the backbones are opened, to see how they take samples.
    strings : bool, default=False
        Whether texts go in as they are.

    Raises
    ------
    NotExportable
        An input cannot be written as a graph.
    BadOption
        Strings are asked for and no input is a text.
    """
    if strings and not any(one.kind == "text" for one in inputs):
        raise BadOption("strings=True: no input of this predictor is a text; leave it out")
    cards = [one.card for one in inputs if one.has_backbone]
    opset = max([OPSET, *map(opset_of_card, cards)])
    whole = RowsInGraph("", [])
    blocks, described = [], []
    opsets: dict[str, int] = {}
    for one, names in zip(inputs, graph_names(inputs), strict=True):
        entry: dict[str, Any] = {"name": one.name, "kind": one.kind, "fed": list(names)}
        if one.has_backbone:
            backbone = open_backbone(one.card, provider)
            given = _runs(graph, backbone, one, names, strings and one.kind == "text", opset)
            entry |= given[0].facts
            for part in given:
                opsets |= {k: max(v, opsets.get(k, 0)) for k, v in part.opsets.items()}
                whole.inputs.extend(part.inputs)
                whole.constants.extend(part.constants)
                whole.functions.extend(part.functions)
            rows = [part.rows for part in given]
            blocks.append(_compared(graph, *rows) if one.pair else rows[0])
        else:
            block, fed = add_encoder(graph, one, names[0])
            whole.inputs.append(fed)
            blocks.append(block)
        described.append(entry)
    rows_of_all = graph.add("Concat", *blocks, axis=1)
    facts = {"inputs": json.dumps(described, ensure_ascii=False)}
    return RowsInGraph(rows_of_all, whole.inputs, whole.constants, opsets, whole.functions, facts)


def _runs(
    graph: GraphBuilder,
    backbone: Backbone,
    one: Input,
    names: Sequence[str],
    strings: bool,
    opset: int,
) -> list[RowsInGraph]:
    """Add a backbone once for each column; its weights are in the graph once."""
    first, *others = (
        _run(graph, backbone, Names(name, f"{one.name}/{number}/"), strings, opset)
        for number, name in enumerate(names)
    )
    given = [first[0]]
    for rows, nodes in others:
        shared = {
            other.name: own.name
            for other, own in zip(rows.constants, first[0].constants, strict=True)
        }
        _rename(nodes, shared)
        given.append(RowsInGraph(rows.rows, rows.inputs, [], rows.opsets, rows.functions))
    return given


def _run(
    graph: GraphBuilder, backbone: Backbone, names: Names, strings: bool, opset: int
) -> tuple[RowsInGraph, list[NodeProto]]:
    """Add a backbone; return its rows and the nodes that were added."""
    before = len(graph.nodes)
    rows = add_rows(graph, backbone, strings=strings, names=names, opset=opset)
    return rows, graph.nodes[before:]


def _rename(nodes: Iterable[NodeProto], names: dict[str, str]) -> None:
    """Let nodes, and those of their subgraphs, read values by other names."""
    for node in walk(nodes):
        node.input[:] = [names.get(name, name) for name in node.input]


def _compared(graph: GraphBuilder, first: str, second: str) -> str:
    """Return ``|u - v|`` and ``u * v`` beside each other."""
    apart = graph.add("Abs", graph.add("Sub", first, second))
    return graph.add("Concat", apart, graph.add("Mul", first, second), axis=1)
