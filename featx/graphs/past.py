"""A decoder's past: the inputs by which it takes up where it stopped, which a backbone begins without.

Programs that export decoders add inputs ``past_key_values.0.key`` and so on: what the layers made of earlier
tokens. featx hands over a whole text each time, so that their past is empty: no positions.
"""

from __future__ import annotations

import re

from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

__all__ = ["fill_past", "is_past"]

_PAST = re.compile(r"past(_key_values?|_keys?|_values?)?[._/]\d+([._/].*)?|use_cache_branch")
# what the names of tensors made here begin with
_OWN = "featx/past"


def is_past(name: str) -> bool:
    """Return whether an input is a decoder's past, by its name.

    Examples
    --------
    >>> [is_past(name) for name in ("past_key_values.0.key", "past_0", "input_ids", "pasture")]
    [True, True, False, False]
    """
    return bool(_PAST.fullmatch(name))


def fill_past(model: ModelProto) -> None:
    """Make of the inputs that are a decoder's past constants with no positions, in place.

    The batch is that of another input. Of its other axes those that the graph does not fix have no entries.
    """
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    past = [value for value in graph.input if is_past(value.name)]
    others = [v for v in graph.input if not is_past(v.name) and v.name not in weights]
    if not past or not others:
        return
    nodes = [
        helper.make_node("Shape", [others[0].name], [f"{_OWN}/shape"]),
        _ints(f"{_OWN}/first", [0]),
        helper.make_node("Gather", [f"{_OWN}/shape", f"{_OWN}/first"], [f"{_OWN}/batch"], axis=0),
    ]
    for value in past:
        nodes += _empty(value)
    nodes += graph.node
    kept = [value for value in graph.input if not is_past(value.name)]
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes)
    graph.input.extend(kept)


def _empty(value: ValueInfoProto) -> list[NodeProto]:
    """Return the nodes that make an empty past, or false for whether there is one."""
    kind, name = value.type.tensor_type.elem_type, value.name
    if kind == TensorProto.BOOL:
        no = helper.make_tensor(name, kind, [1], [False])
        return [helper.make_node("Constant", [], [name], value=no)]
    sides = [dim.dim_value for dim in value.type.tensor_type.shape.dim[1:]]
    zero = helper.make_tensor(name, kind, [1], [0])
    return [
        _ints(f"{name}/sides", sides),
        helper.make_node("Concat", [f"{_OWN}/batch", f"{name}/sides"], [f"{name}/shape"], axis=0),
        helper.make_node("ConstantOfShape", [f"{name}/shape"], [name], value=zero),
    ]


def _ints(name: str, values: list[int]) -> NodeProto:
    tensor = helper.make_tensor(name, TensorProto.INT64, [len(values)], values)
    return helper.make_node("Constant", [], [name], value=tensor)
