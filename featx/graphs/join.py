"""Join two ONNX graphs into one, so that a backbone in two stages is one file and one card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import ModelProto, TensorProto, compose, helper, numpy_helper, version_converter

from featx.errors import BadGraph, first_line
from featx.graphs.cut import cut_graph
from featx.graphs.inspect import load_model
from featx.graphs.opsets import drop_unused_opsets

__all__ = ["Between", "join_graphs"]

# what the second graph's names begin with where they clash with the first's
_SECOND = "second/"


@dataclass(frozen=True, slots=True)
class Between:
    """The steps between the output of one graph and the input of the next, in this order.

    Attributes
    ----------
    scale, offset : float
        What it is multiplied by, and what is added then.
    axes : tuple of int or None
        Which axis comes where, as numpy.transpose takes them.
    """

    scale: float = 1.0
    offset: float = 0.0
    axes: tuple[int, ...] | None = None


_NOTHING = Between()


def join_graphs(
    first: Path,
    second: Path,
    *,
    between: Between = _NOTHING,
    tap: str | None = None,
    batch: int | None = None,
) -> bytes:
    """Return one graph that feeds what ``first`` gives to ``second``, as serialised bytes.

    It wants what ``first`` wants and gives what ``second`` gives. Names of the second that the first uses
    too begin with ``second/`` afterwards; nodes and weights are untouched, but for those of the older
    graph where the two are of different ONNX versions. The same files give the same bytes.

    Parameters
    ----------
    between : Between, default=Between()
        What is done to the tensor on its way; by default nothing.
    tap : str, default=None
        The tensor of ``first`` that is handed on, as ``cut_graph`` takes it; None is its first output.
    batch : int, default=None
        The only batch that the joined graph takes. 1 is for a graph in which samples of a batch are not
        independent of each other.

    Raises
    ------
    BadGraph
        A file is not an ONNX graph, ``second`` wants more than one input, or the two do not fit.
    UnknownTap
        ``first`` has no tensor of that name.
    """
    head, tail = onnx.load_from_string(cut_graph(first, tap)), load_model(second)
    weights = {tensor.name for tensor in tail.graph.initializer}
    wanted = [value.name for value in tail.graph.input if value.name not in weights]
    if len(wanted) != 1:
        raise BadGraph(f"{second}: expected one input, found {', '.join(wanted) or 'none'}")
    try:
        joined = _merge(*_of_one_version(head, tail), wanted[0], between)
        for value in (*joined.graph.input, *joined.graph.output) if batch else ():
            for dim in value.type.tensor_type.shape.dim[:1]:
                dim.dim_value = batch
        onnx.checker.check_model(joined, full_check=True)
    except (*_REFUSALS, ValueError, RuntimeError) as error:
        raise BadGraph(f"{first} and {second} do not fit together: {first_line(error)}") from error
    return bytes(joined.SerializeToString(deterministic=True))


_REFUSALS = (
    onnx.checker.ValidationError,
    onnx.shape_inference.InferenceError,
    version_converter.ConvertError,
)


def _merge(head: ModelProto, tail: ModelProto, wanted: str, between: Between) -> ModelProto:
    """Return one model, without what differs from one making to the next."""
    for model in (head, tail):
        del model.metadata_props[:]
    given = _insert(head, between)
    while compose.check_overlapping_names(head.graph, tail.graph, [(given, wanted)]):
        tail, wanted = compose.add_prefix(tail, _SECOND), _SECOND + wanted
    joined = compose.merge_models(head, tail, io_map=[(given, wanted)])
    # each domain once
    versions = {opset.domain: opset.version for opset in joined.opset_import}
    del joined.opset_import[:]
    joined.opset_import.extend(map(helper.make_opsetid, versions, versions.values()))
    drop_unused_opsets(joined)
    joined.producer_name, joined.producer_version = "featx", ""
    joined.graph.name, joined.graph.doc_string, joined.doc_string = "joined", "", ""
    return joined


def _of_one_version(head: ModelProto, tail: ModelProto) -> tuple[ModelProto, ModelProto]:
    """Return both with the newer of their two operator sets."""
    newest = max(_version(head), _version(tail))
    head, tail = (
        model if _version(model) == newest else version_converter.convert_version(model, newest)
        for model in (head, tail)
    )
    head.ir_version = tail.ir_version = max(head.ir_version, tail.ir_version)
    return head, tail


def _version(model: ModelProto) -> int:
    """Return the version of ONNX's own operators that a graph is written in."""
    return max(
        (opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")),
        default=1,
    )


def _insert(model: ModelProto, between: Between) -> str:
    """Put ``between`` after the only output of ``model``, and return the name of the output then."""
    graph = model.graph
    output = str(graph.output[0].name)
    kind = graph.output[0].type.tensor_type.elem_type or TensorProto.FLOAT
    steps: list[tuple[str, float | tuple[int, ...]]] = []
    if between.scale != 1:
        steps.append(("Mul", between.scale))
    if between.offset:
        steps.append(("Add", between.offset))
    if between.axes is not None:
        steps.append(("Transpose", between.axes))
    taken = {value for node in graph.node for value in (*node.input, *node.output)}
    for op, value in steps:
        name = f"between/{op}"
        while name in taken:
            name += "_"
        if isinstance(value, tuple):
            node = helper.make_node("Transpose", [output], [name], perm=value)
        else:
            number = helper.tensor_dtype_to_np_dtype(kind).type(value)
            graph.initializer.append(numpy_helper.from_array(number.reshape(()), f"{name}/by"))
            node = helper.make_node(op, [output, f"{name}/by"], [name])
        graph.node.append(node)
        output = name
    if steps:
        del graph.output[:]
        graph.output.add(name=output).type.tensor_type.elem_type = kind
    return output
