"""Find out whether this processor computes a graph of integers as it is written.

Processors without VNNI add two products of eight-bit numbers in sixteen bits. Sums that do not fit saturate,
and rows are others than elsewhere. The reference is the same graph in float32, where layers multiply what the
integers stand for and nothing can saturate. Every layer reads the reference's integers, so that differences
do not add up: a rounding that goes the other way is one step of an eight-bit number, saturation is many.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, TensorProto, helper

from featx.backbones.session import FAILURES, open_session
from featx.errors import BadGraph, first_line
from featx.optimize.ranges import Feeds

__all__ = ["MOST_STEPS", "steps_from_exact"]

# Steps by which integers may differ from exact ones where nothing saturates: a value that lies
# between two integers is rounded to either.
MOST_STEPS = 1

Tensors = Mapping[str, npt.NDArray[Any]]


def steps_from_exact(model: ModelProto, feeds: Iterable[Feeds], where: Path) -> int:
    """Return by how many steps of an eight-bit number some layer differs from the same layer computed exactly.

    Parameters
    ----------
    model : ModelProto
        A graph with QuantizeLinear and DequantizeLinear around its layers.
    feeds : iterable of mapping of str to ndarray
        The graph's inputs, of one sample each.
    where : Path
        What the graph is called where it fails.

    Raises
    ------
    BadGraph
        The graph fails.
    """
    integers = [node.output[0] for node in model.graph.node if node.op_type == "QuantizeLinear"]
    names = [*integers, *(value.name for value in model.graph.output)]
    opened = _with_outputs(model, integers)
    exact = open_session(opened.SerializeToString(), where, integers=False)
    apart, steps = None, 0
    for feed in feeds:
        try:
            expected = dict(zip(names, exact.run(names, dict(feed)), strict=True))
            if apart is None:
                ranks = {name: expected[name].ndim for name in integers}
                apart = open_session(_cut_apart(opened, ranks).SerializeToString(), where)
            given = apart.run(names, _inputs(expected, integers, feed, apart))
        except FAILURES as error:
            raise BadGraph(f"{where}: the graph failed: {first_line(error)}") from error
        pairs = zip(given, expected.values(), strict=True)
        steps = max(steps, *(_steps(*pair) for pair in pairs))
    return steps


def _with_outputs(model: ModelProto, integers: Iterable[str]) -> ModelProto:
    """Return a copy of the graph that gives its integers too."""
    opened = ModelProto()
    opened.CopyFrom(model)
    for name in integers:
        opened.graph.output.append(helper.make_tensor_value_info(name, TensorProto.UINT8, None))
    return opened


def _cut_apart(model: ModelProto, ranks: Mapping[str, int]) -> ModelProto:
    """Return a copy of the graph whose layers take their integers from inputs of its own, not from each other.

    ONNX Runtime needs the rank of each tensor to choose the same kernels.
    """
    cut_graph = ModelProto()
    cut_graph.CopyFrom(model)
    for node in cut_graph.graph.node:
        for index, name in enumerate(node.input):
            if name in ranks:
                node.input[index] = _input_name(name)
    for name, rank in ranks.items():
        shape = [None] * rank
        value = helper.make_tensor_value_info(_input_name(name), TensorProto.UINT8, shape)
        cut_graph.graph.input.append(value)
    return cut_graph


def _inputs(expected: Tensors, integers: Iterable[str], feed: Feeds, session: Any) -> Feeds:
    """Return what the graph that is cut apart reads: the sample, and the reference's integers."""
    inputs = {**feed, **{_input_name(name): expected[name] for name in integers}}
    return {value.name: inputs[value.name] for value in session.get_inputs()}


def _input_name(name: str) -> str:
    return f"{name}/given"


def _steps(given: npt.NDArray[Any], expected: npt.NDArray[Any]) -> int:
    """Return the largest difference of integers, or of floats in parts of the largest float in eight bits."""
    difference = np.abs(given.astype(np.float64) - expected.astype(np.float64)).max(initial=0.0)
    if expected.dtype == np.uint8:
        return int(difference)
    return int(255 * difference / (np.abs(expected).max(initial=0.0) or 1.0))
