"""ONNX graphs written as a list of steps and a dictionary of constants."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["OPSET", "Step", "Value", "constants_of", "graph_value", "save_graph"]

# Operator, names of its inputs with a space between them, name of its output, and its attributes if any.
Step: TypeAlias = tuple[str, str, str] | tuple[str, str, str, dict[str, Any]]
Value: TypeAlias = onnx.ValueInfoProto

OPSET = 17


def graph_value(name: str, shape: Sequence[int | str], dtype: int = TensorProto.FLOAT) -> Value:
    """Return the description of an input or output of a graph; float32 by default."""
    return helper.make_tensor_value_info(name, dtype, shape)


def make_nodes(steps: Sequence[Step]) -> list[onnx.NodeProto]:
    """Return a node a step, called as its output is."""
    return [
        helper.make_node(
            operator, names.split(), [result], name=result, **(rest[0] if rest else {})
        )
        for operator, names, result, *rest in steps
    ]


def save_graph(
    path: Path,
    name: str,
    steps: Sequence[Step],
    constants: Mapping[str, np.ndarray],
    inputs: Sequence[Value],
    output: Value,
) -> None:
    """Check the graph and write it; the same arguments give the same bytes.

    Parameters
    ----------
    path : Path
    name : str
        Of the graph.
    steps : sequence of Step
        In an order in which they can run.
    constants : mapping of str to ndarray
        Stored in this order, with the dtypes they have.
    inputs : sequence of Value
    output : Value

    Raises
    ------
    onnx.checker.ValidationError
        The graph is not valid.
    """
    tensors = [
        numpy_helper.from_array(np.asarray(value, order="C"), key)
        for key, value in constants.items()
    ]
    graph = helper.make_graph(make_nodes(steps), name, inputs, [output], tensors)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8, producer_name="featx"
    )
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def constants_of(path: Path) -> dict[str, np.ndarray]:
    """Return the constants that a graph stores, by name."""
    graph = onnx.load(str(path)).graph
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
