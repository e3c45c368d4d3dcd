"""A classifier as one graph: preprocessing, backbone, pooling, head and calibration."""

from __future__ import annotations

import json
from collections.abc import Sequence

from onnx import ModelProto, NodeProto, helper

from featx.abstention import doubts_of
from featx.export.abstention import add_abstention
from featx.export.heads import add_head
from featx.export.inputs import add_inputs
from featx.export.rows import RowsInGraph, add_rows
from featx.graphs.builder import FLOAT, STRING, GraphBuilder
from featx.graphs.cut import read_by
from featx.inputs.input import is_joint
from featx.predictor import Predictor
from featx.tasks import OutputTensor, get_task

__all__ = ["write_graph"]


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
    graph = GraphBuilder()
    if is_joint(classifier.inputs):
        given = add_inputs(graph, classifier.inputs, classifier.provider, strings=strings)
    else:
        given = add_rows(graph, classifier.open(), strings=strings)
    rows = given.rows
    shares = add_head(graph, rows, classifier.head)
    outputs = get_task(classifier.task_name).add_graph_outputs(
        graph, shares, classifier.head.classes
    )
    outputs += add_abstention(graph, classifier, rows, shares)
    return _assembled(graph, given, classifier, outputs)


def _assembled(
    graph: GraphBuilder,
    given: RowsInGraph,
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
    nodes, read = _read(graph.nodes, {value.name for value in outputs})
    constants = [one for one in (*given.constants, *graph.constants) if one.name in read]
    whole = helper.make_graph(nodes, "featx", given.inputs, outputs, constants)
    versions = dict(given.opsets)
    for domain, least in graph.domains.items():
        versions[domain] = max(versions.get(domain, 0), least)
    sets = [helper.make_opsetid(*entry) for entry in versions.items()]
    model = helper.make_model(
        whole,
        opset_imports=sets,
        functions=given.functions,
        # the oldest that knows these sets, whatever the backbone came in: older programs take it
        ir_version=max(8, helper.find_min_ir_version_for(sets, True)),
        producer_name="featx",
    )
    helper.set_model_props(model, _facts(classifier, given))
    return model


def _read(nodes: Sequence[NodeProto], names: set[str]) -> tuple[list[NodeProto], set[str]]:
    """Return the nodes that values of these names need, and the names of all that is read.

    ONNX Runtime warns of constants that nothing reads.
    """
    kept, read = [], set(names)
    for node in reversed(nodes):
        if not read.isdisjoint(node.output):
            kept.append(node)
            read.update(read_by(node))
    return kept[::-1], read


def _facts(classifier: Predictor, given: RowsInGraph) -> dict[str, str]:
    """Return the metadata that the graph carries for people and programs."""
    return {
        "labels": json.dumps(list(classifier.head.classes), ensure_ascii=False),
        "task": classifier.task_name,
        "fingerprint": classifier.fingerprint,
        "head": classifier.head.name,
        **_sureness(classifier),
        **given.facts,
    }


def _sureness(classifier: Predictor) -> dict[str, str]:
    """Return what was asked of sets, of answers and of what is new, where anything was."""
    doubts = doubts_of(classifier)
    if doubts is None:
        return {}
    known = {"coverage": doubts.coverage, "novelty": doubts.novelty}
    if doubts.limit is not None:
        known |= {"target_error": doubts.limit.target, "threshold": doubts.limit.threshold}
    return {key: repr(value) for key, value in known.items() if value is not None}
