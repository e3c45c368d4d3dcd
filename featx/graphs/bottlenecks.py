"""Stages of a network: the tensors that all that follows is computed from, one behind each layer or block.

The output of a block is such a bottleneck, and so is that of a layer which no shortcut goes around; what lies
inside a block is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from onnx import ModelProto, NodeProto

from featx.errors import BadGraph
from featx.graphs.cut import LAST_MAP, Tap, needed_nodes, read_by, resolve_tap, taps
from featx.graphs.inspect import load_model
from featx.storage.blob import Blob

__all__ = ["stages"]

# Nodes with weights, by which something is learnt; a gather of weights is an embedding of tokens.
_LAYERS = {
    *("Conv", "ConvInteger", "ConvTranspose", "FusedConv", "QLinearConv"),
    *("MatMul", "MatMulInteger", "Gemm", "FusedMatMul", "QLinearMatMul", "DynamicQuantizeMatMul"),
    *("Gather", "LSTM", "GRU", "RNN", "Einsum", "Attention", "EmbedLayerNormalization"),
}
# Nodes that give lengths and not values.
_SHAPES = {"Shape", "Size", "NonZero"}
# Gives numbers for what stands for them in eight bits.
_WIDENS = "DequantizeLinear"
# What is read over this share of the nodes, and so many times, goes along with all stages: masks, positions.
_ALONG, _READERS = 0.5, 3
# Stages below which branches are looked into.
_FEW = 5


def stages(path: Path | Blob, outputs: Sequence[str] = ()) -> list[Tap]:
    """Return the tensors of a graph that are sensible to read as an embedding, from shallow to deep.

    Each is a bottleneck: everything behind it is computed from it. Of those between which there is no layer
    with weights, such as a convolution and its activation, the last stands for all.

    Parameters
    ----------
    path : Path or Blob
    outputs : sequence of str, default=()
        Tensors up to which stages are looked for, beside the deepest output of the graph; they are stages too.

    Raises
    ------
    BadGraph
        The file is not an ONNX graph.
    """
    # NumPy has no bfloat16.
    known = {tap.name: tap for tap in taps(path) if tap.dtype != "bfloat16"}
    model = load_model(path, weights=False)
    given = [tap for tap in known.values() if tap.output]
    deepest = max(given, key=lambda tap: tap.depth, default=None)
    ends = [name for name in (*outputs, *((deepest.name,) if deepest else ())) if name in known]
    found = {name for end in ends for name in _bottlenecks(model, path, known, end)}
    if len(found) < _FEW:
        # Two branches side by side have no bottleneck; each has its own up to its last map.
        with suppress(BadGraph):
            alone = _bottlenecks(model, path, known, resolve_tap(model, LAST_MAP, path))
            found |= set(alone) if len(alone) > len(found) else set()
    return sorted((known[name] for name in {*found, *ends}), key=lambda tap: (tap.depth, tap.name))


def _bottlenecks(
    model: ModelProto, path: Path | Blob, known: Mapping[str, Tap], end: str
) -> list[str]:
    """Return the last bottleneck behind each layer on the way to a tensor."""
    nodes = needed_nodes(model, end, path)
    weights, learnt = _tensors(nodes, {tensor.name for tensor in model.graph.initializer})
    readers: dict[str, list[int]] = {}
    for index, node in enumerate(nodes):
        for name in dict.fromkeys(read_by(node)):
            readers.setdefault(name, []).append(index)
    last = {name: indices[-1] for name, indices in readers.items()}
    last[end] = len(nodes)
    wide = {node.input[0]: node.output[0] for node in nodes if node.op_type == _WIDENS}
    live: set[str] = set()
    best, layers = dict[int, str](), 0
    for index, node in enumerate(nodes):
        layers += _is_layer(node, weights)
        made = [name for name in node.output if name in learnt and name in last]
        live |= {name for name in made if not _goes_along(index, readers.get(name, []), len(nodes))}
        live = {name for name in live if last[name] > index}
        if len(live) == 1 and live <= set(made) and node.op_type != "Pad":
            [name] = live
            # Numbers of eight bits stand for others, which a node gives where they are read.
            found = name if name in known else wide.get(name)
            if found in known:
                best[layers] = str(found)
    return list(best.values())


def _tensors(nodes: Iterable[NodeProto], weights: set[str]) -> tuple[set[str], set[str]]:
    """Return the tensors that no input can change, and those that layers with weights compute from an input."""
    constant, learnt = set(weights), set[str]()
    for node in nodes:
        read = list(read_by(node))
        if all(name in constant for name in read):
            constant.update(node.output)
        elif node.op_type not in _SHAPES and (
            _is_layer(node, constant) or learnt.intersection(read)
        ):
            learnt.update(filter(None, node.output))
    return constant, learnt


def _is_layer(node: NodeProto, weights: set[str]) -> bool:
    """Return whether a node multiplies what it reads with weights, or looks it up among them."""
    if node.op_type not in _LAYERS:
        return False
    if node.op_type == "Gather":
        return bool(node.input) and node.input[0] in weights
    # One filter a channel mixes no channels: with what follows it is one layer.
    alone = any(one.name == "group" and one.i > 1 for one in node.attribute)
    return not alone and any(name in weights for name in node.input)


def _goes_along(index: int, readers: Sequence[int], n: int) -> bool:
    return len(readers) >= _READERS and readers[-1] - index > _ALONG * n
