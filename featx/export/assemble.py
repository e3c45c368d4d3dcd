"""A classifier as one graph: preprocessing, backbone, pooling, head and calibration."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import onnx
from onnx import ModelProto, ValueInfoProto, compose, helper, version_converter

from featx.catalog import Card, verify_files
from featx.errors import BadGraph, NotExportable, first_line
from featx.export.abstention import add_abstention
from featx.export.heads import add_head
from featx.export.preprocessing import INNER, Preprocessing, add_preprocessing
from featx.graphs import cut_graph
from featx.graphs.builder import FLOAT, STRING, GraphBuilder
from featx.graphs.opsets import drop_unused_opsets
from featx.graphs.pooling import read_pooling
from featx.predictor import Predictor
from featx.tasks import OutputTensor, get_task

__all__ = ["write_graph"]

# The first version in which all operators that reduce take their axes alike.
_OPSET = 18


def write_graph(classifier: Predictor, *, strings: bool = False) -> ModelProto:
    """Return the predictor as one graph, unchecked, with the outputs of its task, such as ``label``.

    The same classifier gives the same graph. Texts go in as tokens, or where asked as ``strings``.

    Raises
    ------
    NotExportable
        The card or the head asks for what cannot be written as a graph.
    BadGraph
        The backbone's graph cannot be brought to the version of ONNX that the rest is written in.
    """
    card, graph = classifier.card, GraphBuilder()
    backbone = _backbone(card)
    wanted = _wanted(backbone)
    front = add_preprocessing(graph, card, wanted, strings=strings)
    tap = _run(graph, backbone, wanted, front, alone=_runs_alone(classifier, wanted))
    rank = len(_dims(backbone.graph.output[0]))
    if rank < 2:
        raise NotExportable(
            f"tap of {card.name}: its graph does not say its rank; choose another tap"
        )
    pooling = read_pooling(card.pooling)
    rows = front.merge(pooling.add_nodes(graph, tap, rank, card.channel_axis, front.mask))
    if card.normalize:
        length = graph.reduce("ReduceL2", rows, 1)
        floor = graph.constant(1e-12, np.float32)
        rows = graph.add("Div", rows, graph.add("Max", length, floor))
    shares = add_head(graph, rows, classifier.head)
    outputs = get_task(classifier.task_name).add_graph_outputs(
        graph, shares, classifier.head.classes
    )
    outputs += add_abstention(graph, classifier, rows, shares)
    return _assembled(graph, backbone, front, classifier, outputs)


def _assembled(
    graph: GraphBuilder,
    backbone: ModelProto,
    front: Preprocessing,
    classifier: Predictor,
    tensors: Sequence[OutputTensor],
) -> ModelProto:
    outputs = [
        helper.make_tensor_value_info(
            tensor.name,
            STRING if tensor.datatype == "BYTES" else FLOAT,
            ["N"] if tensor.columns is None else ["N", tensor.columns],
        )
        for tensor in tensors
    ]
    constants = [*backbone.graph.initializer, *graph.constants]
    whole = helper.make_graph(graph.nodes, "featx", front.inputs, outputs, constants)
    drop_unused_opsets(backbone)
    versions = {one.domain: one.version for one in backbone.opset_import}
    for domain, least in graph.domains.items():
        versions[domain] = max(versions.get(domain, 0), least)
    sets = [helper.make_opsetid(*entry) for entry in versions.items()]
    model = helper.make_model(
        whole,
        opset_imports=sets,
        functions=list(backbone.functions),
        # the oldest that knows these sets, whatever the backbone came in: older programs take it
        ir_version=max(8, helper.find_min_ir_version_for(sets, True)),
        producer_name="featx",
    )
    helper.set_model_props(model, _facts(classifier, front))
    return model


def _facts(classifier: Predictor, front: Preprocessing) -> dict[str, str]:
    """Return the metadata that the graph carries for people and programs."""
    card = classifier.card
    return {
        "labels": json.dumps(list(classifier.head.classes), ensure_ascii=False),
        "task": classifier.task_name,
        "modality": card.modality,
        "backbone": card.name,
        "license": card.license,
        "source": card.source,
        "fingerprint": card.fingerprint,
        "head": classifier.head.name,
        "card": card.to_toml(),
        **_sureness(classifier),
        **front.facts,
    }


def _sureness(classifier: Predictor) -> dict[str, str]:
    """Return what was asked of sets, of answers and of what is new, where anything was."""
    doubts = classifier.doubts
    if doubts is None:
        return {}
    known = {"coverage": doubts.coverage, "novelty": doubts.novelty}
    if doubts.limit is not None:
        known |= {"target_error": doubts.limit.target, "threshold": doubts.limit.threshold}
    return {key: repr(value) for key, value in known.items() if value is not None}


def _backbone(card: Card) -> ModelProto:
    """Return the backbone's graph up to its tap, in a version of ONNX that the rest can be written in."""
    model = onnx.load_from_string(cut_graph(verify_files(card)[card.graph.name], card.output))
    opset = next(entry for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if opset.version < _OPSET:
        try:
            model = version_converter.convert_version(model, _OPSET)
        # The converter, written in C++, raises nothing more exact.
        except Exception as error:
            raise BadGraph(
                f"{card.name}: cannot be brought to version {_OPSET} of ONNX: {first_line(error)}"
            ) from error
    if model.graph.sparse_initializer:
        raise BadGraph(f"{card.name}: has sparse weights, which cannot be exported")
    prefixed: ModelProto = compose.add_prefix(model, INNER)
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


def _runs_alone(classifier: Predictor, wanted: Sequence[ValueInfoProto]) -> bool:
    """Return whether samples go through the backbone one at a time, as its inputs or its card say."""
    batch = classifier.open().batch
    if batch is not None and batch > 1:
        raise NotExportable(f"backbone: takes {batch} samples at a time, expected any number or 1")
    return batch == 1 or any(map(_fixed, wanted))


def _run(
    graph: GraphBuilder,
    backbone: ModelProto,
    wanted: Sequence[ValueInfoProto],
    front: Preprocessing,
    *,
    alone: bool,
) -> str:
    """Add the backbone's nodes, in a loop where it takes one sample at a time; return its tap's name."""
    tap = str(backbone.graph.output[0].name)
    if not alone:
        for value in wanted:
            graph.named(value.name, "Cast", front.feeds[value.name], to=_kind(value))
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
    feeds = [graph.cast(front.feeds[value.name], _kind(value)) for value in wanted]
    return graph.add("Scan", *feeds, body=body, num_scan_inputs=len(feeds))


def _dims(value: ValueInfoProto) -> Sequence[object]:
    return list(value.type.tensor_type.shape.dim)


def _fixed(value: ValueInfoProto) -> int:
    """Return the only batch size that an input takes, or 0 where it takes any."""
    dims = value.type.tensor_type.shape.dim
    return int(dims[0].dim_value) if dims else 0


def _kind(value: ValueInfoProto) -> int:
    return int(value.type.tensor_type.elem_type)
