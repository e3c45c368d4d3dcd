"""Graphs that a stranger could send: loops without an end, constants that unfold, weights elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from featx.catalog import Card, File, digest
from featx.modalities import read_settings

FLOAT = TensorProto.FLOAT
_VALUE = helper.make_tensor_value_info


def hostile_card(path, **entries):
    """A card of pictures for a graph that a test has written."""
    return Card(
        modality="image",
        graph=File(path.name, digest(path)),
        input=read_settings("image", {"resize": [4, 4], "layout": "NCHW"}),
        dim=3,
        pooling="mean",
        path=path.parent / "card.toml",
        **entries,
    )


def endless_card(folder):
    """A card whose graph goes on for ever; both files go to a folder."""
    return hostile_card(save_endless(Path(folder) / "backbone.onnx"), name="endless")


def save_endless(path):
    """A graph of images whose loop goes on while its values stay below a limit, as they always do."""
    body = helper.make_graph(
        [
            helper.make_node("Mul", ["value", "half"], ["next"]),
            helper.make_node("ReduceMax", ["next"], ["largest"], keepdims=0),
            helper.make_node("Less", ["largest", "limit"], ["going"]),
        ],
        "body",
        [
            _VALUE("turn", TensorProto.INT64, []),
            _VALUE("before", TensorProto.BOOL, []),
            _VALUE("value", FLOAT, None),
        ],
        [_VALUE("going", TensorProto.BOOL, []), _VALUE("next", FLOAT, None)],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["", "start", "x"], ["y"], body=body)],
        "endless",
        [_VALUE("x", FLOAT, ["N", 3, 4, 4])],
        [_VALUE("y", FLOAT, ["N", 3, 4, 4])],
        [
            numpy_helper.from_array(np.array(True), "start"),
            numpy_helper.from_array(np.float32(0.5), "half"),
            numpy_helper.from_array(np.float32(1e9), "limit"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def _model(nodes, constants=(), *, more=(), functions=(), domains=("",)):
    graph = helper.make_graph(
        [*nodes, helper.make_node("Relu", ["x"], ["y"])],
        "hostile",
        [_VALUE("x", FLOAT, ["N", 3, 4, 4])],
        [_VALUE("y", FLOAT, ["N", 3, 4, 4]), *more],
        list(constants),
    )
    sets = [helper.make_opsetid(domain, 17 if not domain else 1) for domain in domains]
    return helper.make_model(graph, opset_imports=sets, ir_version=8, functions=list(functions))


def _ints(name, *values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


def _number(name, value):
    return numpy_helper.from_array(np.array(value, np.int64), name)


def _seen(name="big"):
    """The big tensor is read by an output, so that nobody drops it."""
    return [_VALUE(name, FLOAT, None)]


def _unfolding(op, inputs, constants, **attributes):
    node = helper.make_node(op, inputs, ["big"], **attributes)
    return _model([node], constants, more=_seen())


def _chain(doublings):
    """Concatenations of a tensor with itself."""
    nodes = [
        helper.make_node("Concat", [f"t{k}"] * 2, [f"t{k + 1}"], axis=0) for k in range(doublings)
    ]
    start = numpy_helper.from_array(np.ones(1024, np.float32), "t0")
    return _model(nodes, [start], more=_seen(f"t{doublings}"))


def _computed_shape():
    """The shape is computed of constants by operators that inference does not follow."""
    nodes = [
        helper.make_node("Pow", ["ten", "nine"], ["billion"]),
        helper.make_node("Reshape", ["billion", "one"], ["shape"]),
        helper.make_node("ConstantOfShape", ["shape"], ["big"]),
    ]
    return _model(nodes, [_number("ten", 10), _number("nine", 9), _ints("one", 1)], more=_seen())


def _broadcast():
    nodes = [
        helper.make_node("ConstantOfShape", ["column"], ["a"]),
        helper.make_node("ConstantOfShape", ["row"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["big"]),
    ]
    return _model(nodes, [_ints("column", 40000, 1), _ints("row", 1, 40000)], more=_seen())


def _many():
    """Forty tensors, each below what one may have."""
    nodes = [helper.make_node("ConstantOfShape", ["side"], [f"b{k}"]) for k in range(40)]
    more = [_VALUE(f"b{k}", FLOAT, None) for k in range(40)]
    return _model(nodes, [_ints("side", 10_000_000)], more=more)


def _laughing(levels=9, calls=10):
    """Functions that call functions: a thousand million nodes."""
    functions = []
    for level in range(levels):
        inner = f"f{level - 1}" if level else "Relu"
        domain = "own" if level else ""
        names = ["a", *(f"v{k}" for k in range(calls - 1)), "z"]
        nodes = [
            helper.make_node(inner, [names[k]], [names[k + 1]], domain=domain) for k in range(calls)
        ]
        sets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
        functions.append(helper.make_function("own", f"f{level}", ["a"], ["z"], nodes, sets))
    call = helper.make_node(f"f{levels - 1}", ["x"], ["big"], domain="own")
    return _model([call], functions=functions, more=_seen(), domains=("", "own"))


def _itself():
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    node = helper.make_node("f", ["a"], ["z"], domain="own")
    function = helper.make_function("own", "f", ["a"], ["z"], [node], sets)
    call = helper.make_node("f", ["x"], ["big"], domain="own")
    return _model([call], functions=[function], more=_seen(), domains=("", "own"))


def _external(location, **entries):
    tensor = TensorProto(name="w", data_type=FLOAT, dims=[48], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    node = helper.make_node("Reshape", ["w", "to"], ["big"])
    return _model([node], [tensor, _ints("to", -1)], more=_seen())


def _claims(*dims):
    tensor = TensorProto(name="w", data_type=FLOAT, dims=dims, raw_data=b"\0" * 16)
    return _model([helper.make_node("Identity", ["w"], ["big"])], [tensor], more=_seen())


def _sparse(side):
    values = numpy_helper.from_array(np.ones(1, np.float32), "big")
    tensor = helper.make_sparse_tensor(values, _ints("at", 5), [side])
    model = _model([], more=_seen())
    model.graph.sparse_initializer.append(tensor)
    return model


def _turns(count, *, condition="true"):
    """A loop of as many turns, or without a limit, whose condition never changes."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["before"], ["going"]),
            helper.make_node("Relu", ["value"], ["next"]),
        ],
        "body",
        [
            _VALUE("turn", TensorProto.INT64, []),
            _VALUE("before", TensorProto.BOOL, []),
            _VALUE("value", FLOAT, None),
        ],
        [_VALUE("going", TensorProto.BOOL, []), _VALUE("next", FLOAT, None)],
    )
    most = "" if count is None else "turns"
    loop = helper.make_node("Loop", [most, condition, "x"], ["big"], body=body)
    constants = [numpy_helper.from_array(np.array(True), "true"), _number("turns", count or 0)]
    return _model([loop], constants, more=_seen())


def _deep(levels):
    """Branches inside branches."""
    nodes = [helper.make_node("Relu", ["x"], ["out"])]
    for _ in range(levels):
        body = helper.make_graph(nodes, "body", [], [_VALUE("out", FLOAT, None)])
        nodes = [helper.make_node("If", ["true"], ["out"], then_branch=body, else_branch=body)]
        if len(body.SerializeToString()) > 1 << 20:
            break
    nodes[0].output[0] = "big"
    return _model(nodes, [numpy_helper.from_array(np.array(True), "true")], more=_seen())


def hostile_models():
    """Graphs by name, each with a word of what it is refused with."""
    gigabytes = _ints("shape", 1 << 16, 1 << 15)
    one = numpy_helper.from_array(np.ones((1, 1), np.float32), "one")
    ends = [_number("zero", 0), _number("end", 1 << 33), _number("step", 1)]
    cast = helper.make_node("ConstantOfShape", ["x"], ["big"], domain="com.evil")
    return {
        "constant of shape": (_unfolding("ConstantOfShape", ["shape"], [gigabytes]), "unfold"),
        "expand": (_unfolding("Expand", ["one", "shape"], [one, gigabytes]), "unfold"),
        "tile": (_unfolding("Tile", ["one", "shape"], [one, gigabytes]), "unfold"),
        "range": (_unfolding("Range", ["zero", "end", "step"], ends), "unfold"),
        "doubling": (_chain(22), "unfold"),
        "computed shape": (_computed_shape(), "unfold"),
        "broadcast": (_broadcast(), "unfold"),
        "many": (_many(), "unfold"),
        "sparse": (_sparse(1 << 33), "unfold"),
        "functions of functions": (_laughing(), "nodes"),
        "a function of itself": (_itself(), "calls itself"),
        "an absolute path": (_external("/etc/passwd"), "external data"),
        "a path above": (_external("../../secret"), "external data"),
        "memory of the process": (_external("*/_ORT_MEM_ADDR_/*", offset=4096), "external data"),
        "a huge claim": (_claims(1 << 20, 1 << 20), "than it holds"),
        "an overflowing claim": (_claims(1 << 62, 1 << 62), "than it holds"),
        "a negative side": (_claims(-4, -1), "negative"),
        "a loop without a limit": (_turns(None), "loop"),
        "a loop of many turns": (_turns(1 << 62), "loop"),
        "branches in branches": (_deep(12), "deep"),
        "a library of its own": (_model([cast], more=_seen(), domains=("", "com.evil")), "library"),
    }
