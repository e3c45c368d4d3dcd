"""Join what comes after the tokens of a text to its graph: pooling, dense layers, norms, unit length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
from onnx import ModelProto, TensorProto, helper

from featx.errors import BadGraph, BadModelFolder
from featx.graphs.builder import INT64, GraphBuilder
from featx.graphs.cut import resolve_tap
from featx.graphs.inspect import load_model
from featx.graphs.pooling import read_pooling
from featx.hub.folder import ModelFolder
from featx.hub.recipe import Recipe
from featx.hub.safetensors import read_tensors
from featx.hub.sentence import TextModule

__all__ = ["ROWS", "append_layers", "join_layers"]

# What the rows are called, as sentence-transformers does.
ROWS = "sentence_embedding"
_MASK, _POOLED = "attention_mask", "pooling_mask"
# Of torch, where a norm adds to the variance, and the least length that is divided by.
_EPSILON, _LEAST = 1e-5, 1e-12
# The oldest ONNX that the nodes are written in.
_OLDEST = 11


def join_layers(recipe: Recipe, graph: Path, folder: ModelFolder) -> bytes | None:
    """Return a recipe's graph with its layers joined, and set what is read of it then; None without layers.

    Of a graph that gives rows already, as ``sentence_embedding``, the layers are part.

    Raises
    ------
    BadGraph, BadModelFolder
        As ``append_layers``.
    """
    pooling, output = recipe.graph["pooling"], recipe.graph["output"]
    if not recipe.layers:
        return None
    listed = ", ".join(layer.kind for layer in recipe.layers)
    if pooling.value.split("[")[0] == "none":
        recipe.remarks.append(
            f"modules.json: lists {listed} after the transformer: {output.value} of the graph is taken to hold "
            "all of them"
        )
        return None
    named = pooling.value.partition("[")[0]
    mask = _POOLED if "mask_prefix" in recipe.settings else _MASK
    data = append_layers(
        graph, folder, recipe.layers, output=output.value, pooling=named, mask=mask
    )
    recipe.remarks.append(
        f"modules.json: lists {listed} after the transformer: they are joined to the graph, which gives {ROWS}"
    )
    kept = pooling.value[len(named) :]
    recipe.set_graph("output", ROWS, f"{output.value}, with {listed} of modules.json joined")
    recipe.set_graph("pooling", f"none{kept}", f"{pooling.origin}, joined to the graph")
    return data


def append_layers(
    graph: Path,
    folder: ModelFolder,
    layers: Sequence[TextModule],
    *,
    output: str,
    pooling: str,
    mask: str = _MASK,
) -> bytes:
    """Return a graph that pools ``output`` and runs the layers after that, as serialised bytes.

    Its only output is ``sentence_embedding``, float32 of (n, columns). Weights of the graph that lie in files
    beside it stay there; those of the layers are in the bytes.

    Parameters
    ----------
    graph : Path
    folder : ModelFolder
        Where the weights of the layers lie, in ``2_Dense/model.safetensors`` and the like.
    layers : sequence of TextModule
        The pooling first.
    output : str
        The tensor of token embeddings, of shape (n, tokens, channels).
    pooling : str
        As cards say it.
    mask : str, default="attention_mask"
        The input of the graph that tells which tokens are pooled; it is added where there is none.

    Raises
    ------
    BadGraph
        The file is no ONNX graph, has no such tensor, or is in an ONNX older than 1.6.
    BadModelFolder
        The weights of a layer cannot be read, or do not fit together.
    UnknownTap
        The graph has no such tensor.
    """
    model = load_model(graph, weights=False)
    if any(ROWS in node.output for node in model.graph.node):
        raise BadGraph(f"{graph}: gives {ROWS}, which holds these layers; say tap={ROWS!r}")
    nodes = _Nodes(_version(model, graph))
    tensor = resolve_tap(model, output or None, graph)
    rows = read_pooling(pooling).add_nodes(
        nodes, tensor, 3, -1, lambda: _mask_input(model, mask, graph)
    )
    width = layers[0].in_features * len(pooling.split(",")) or None
    for layer in layers[1:]:
        if width is not None and layer.in_features and layer.in_features != width:
            raise BadModelFolder(
                f"{layer.path}: takes {layer.in_features} columns, and {width} are given by what is before it"
            )
        width = layer.out_features or width
        rows = _add_layer(nodes, rows, layer, folder)
    _finish(model, nodes, rows, width)
    return _serialized(model, graph)


class _Nodes(GraphBuilder):
    """A builder that also writes what ONNX had before some operators took their axes as inputs."""

    def __init__(self, version: int) -> None:
        super().__init__()
        self._version = version
        self._axes: dict[str, list[int]] = {}

    def int_const(self, *values: int) -> str:
        """Add a constant int64 vector, and remember it."""
        name = super().int_const(*values)
        self._axes[name] = list(values)
        return name

    def add(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Add a node, in the form that the graph's version of ONNX knows."""
        takes_axes = op.startswith("Reduce") or op in ("Squeeze", "Unsqueeze")
        since = 18 if op.startswith("Reduce") and op != "ReduceSum" else 13
        if takes_axes and len(inputs) == 2 and self._version < since:
            return super().add(op, inputs[0], axes=self._axes[inputs[1]], **attributes)
        if op == "Shape" and attributes and self._version < 15:
            start, end = attributes["start"], attributes.get("end", 1 << 31)
            bounds = (self.int_const(start), self.int_const(end))
            return super().add("Slice", super().add("Shape", *inputs), *bounds)
        return super().add(op, *inputs, outputs=outputs, **attributes)


def _version(model: ModelProto, graph: Path) -> int:
    version = max(
        (one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), default=1
    )
    if version < _OLDEST:
        raise BadGraph(
            f"{graph}: is in version {version} of ONNX's operators; expected {_OLDEST} or later, in which its "
            "dense layers can be joined to it: export it again"
        )
    return version


def _mask_input(model: ModelProto, mask: str, graph: Path) -> str:
    """Return the graph's input of a mask; one is added where it has none."""
    if mask in [value.name for value in model.graph.input]:
        return mask
    if any(mask in (*node.input, *node.output) for node in model.graph.node):
        raise BadGraph(
            f"{graph}: has a tensor {mask!r} that is no input; expected none of that name"
        )
    ids = next((value for value in model.graph.input if value.name == "input_ids"), None)
    value = model.graph.input.add()
    value.CopyFrom(helper.make_tensor_value_info(mask, INT64, ["batch", "tokens"]))
    if ids is not None:
        value.type.tensor_type.shape.CopyFrom(ids.type.tensor_type.shape)
    return mask


def _add_layer(nodes: GraphBuilder, rows: str, layer: TextModule, folder: ModelFolder) -> str:
    if layer.kind == "Normalize":
        length = nodes.reduce("ReduceL2", rows, 1)
        return nodes.add("Div", rows, nodes.add("Max", length, nodes.float_const(_LEAST)))
    columns = (layer.out_features,)
    if layer.kind == "LayerNorm":
        weights = _weights(folder, layer, {"norm.weight": columns, "norm.bias": columns})
        centred = nodes.add("Sub", rows, nodes.reduce("ReduceMean", rows, 1))
        variance = nodes.reduce("ReduceMean", nodes.add("Mul", centred, centred), 1)
        variance = nodes.add("Add", variance, nodes.float_const(_EPSILON))
        scaled = nodes.add("Div", centred, nodes.add("Sqrt", variance))
        return nodes.add("Add", nodes.add("Mul", scaled, weights[0](nodes)), weights[1](nodes))
    shapes: dict[str, tuple[int, ...]] = {"linear.weight": (layer.out_features, layer.in_features)}
    if layer.bias:
        shapes["linear.bias"] = columns
    weights = _weights(folder, layer, shapes)
    rows = nodes.add("Gemm", rows, *(weight(nodes) for weight in weights), transB=1)
    return rows if layer.activation == "Identity" else nodes.add(layer.activation, rows)


def _weights(
    folder: ModelFolder, layer: TextModule, shapes: dict[str, tuple[int, ...]]
) -> list[Any]:
    """Return what adds each weight of a layer to a graph."""
    name = f"{layer.path}/model.safetensors"
    if name not in folder:
        pickled = f"{layer.path}/pytorch_model.bin"
        found = (
            f"; {pickled} is a pickle, which may run code, and is not read: save the model again with "
            "sentence-transformers, which writes a model.safetensors"
            if pickled in folder
            else ": it is downloaded with the model"
        )
        raise BadModelFolder(
            f"{folder.path / name}: no such file, and it holds the weights of the {layer.kind} after the "
            f"pooling{found}"
        )
    tensors = read_tensors(folder.path / name, shapes)
    return [lambda nodes, t=tensor: nodes.constant(t, "float32") for tensor in tensors.values()]


def _finish(model: ModelProto, nodes: GraphBuilder, rows: str, width: int | None) -> None:
    """Put the nodes into the model, by names that it does not have yet, and make the rows its output."""
    graph = model.graph
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    stem = "layers/"
    while any(name.startswith(stem) for name in taken):
        stem = f"_{stem}"
    new = {name for node in nodes.nodes for name in node.output}
    new |= {constant.name for constant in nodes.constants}
    names = {name: stem + name.removeprefix("featx/") for name in new}
    names[rows] = ROWS
    for constant in nodes.constants:
        constant.name = names[constant.name]
    _rename(nodes.nodes, names)
    graph.node.extend(nodes.nodes)
    graph.initializer.extend(nodes.constants)
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(ROWS, TensorProto.FLOAT, ["batch", width]))


def _rename(nodes: Any, names: dict[str, str]) -> None:
    for node in nodes:
        for part in (node.input, node.output):
            part[:] = [names.get(name, name) for name in part]


def _serialized(model: ModelProto, graph: Path) -> bytes:
    try:
        return bytes(model.SerializeToString(deterministic=True))
    except (ValueError, onnx.checker.ValidationError) as error:
        raise BadGraph(
            f"{graph}: has more than 2 GB with the layers joined; save its weights as external data"
        ) from error
