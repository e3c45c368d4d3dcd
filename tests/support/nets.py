"""Small networks for the tests, written node by node."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def weights(name, *shape):
    values = np.random.default_rng(len(name) + sum(shape)).normal(0, 0.1, shape)
    return numpy_helper.from_array(values.astype(np.float32), name)


def save(path, nodes, inputs, outputs, constants=()):
    """A graph at ``path``; inputs and outputs are (name, type, shape)."""
    infos = [
        [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in group]
        for group in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "net", *infos, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def convolutions(first):
    """Two layers of convolutions, as VGG has them; from ``first`` to ``map``, channels first."""
    node = helper.make_node
    nodes = [
        node("Conv", [first, "a"], ["a1"], pads=[1, 1, 1, 1]),
        node("Relu", ["a1"], ["a2"]),
        node("MaxPool", ["a2"], ["a3"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["a3", "b"], ["b1"], pads=[1, 1, 1, 1]),
        node("Relu", ["b1"], ["b2"]),
        node("MaxPool", ["b2"], ["map"], kernel_shape=[2, 2], strides=[2, 2]),
    ]
    return nodes, [weights("a", 6, 3, 3, 3), weights("b", 5, 6, 3, 3)]


def save_keras_net(path):
    """What Keras exports with include_top=False: NHWC outside, NCHW inside, a map at the end."""
    nodes, constants = convolutions("x")
    into = helper.make_node("Transpose", ["images"], ["x"], perm=[0, 3, 1, 2])
    out = helper.make_node("Transpose", ["map"], ["features"], perm=[0, 2, 3, 1])
    images, features = ("images", FLOAT, ["N", 16, 16, 3]), ("features", FLOAT, ["N", 4, 4, 5])
    return save(path, [into, *nodes, out], [images], [features], constants)


def save_keras_classifier(path, *, first=("Mul", [1 / 127.5]), then=("Add", [-1.0])):
    """A model of one's own as Keras writes it with PyTorch: casts to the same type between all layers.

    ``first`` and ``then`` are what its Rescaling layer does to pixels; the layout is turned to and fro for
    the convolution, and sizes are computed, so that nothing tells the sides of the map.
    """
    node, constant = helper.make_node, numpy_helper.from_array
    nodes = [node("Cast", ["keras_tensor"], ["pixels"], to=FLOAT)]
    value = "pixels"
    for number, step in enumerate(part for part in (first, then) if part):
        nodes.append(node("Constant", [], [f"c{number}"], value_floats=step[1]))
        nodes.append(node(step[0], [value, f"c{number}"], [f"scaled{number}"]))
        value = f"scaled{number}"
    nodes += [
        node("Cast", [value], ["again"], to=FLOAT),
        node("Transpose", ["again"], ["first"], perm=[0, 3, 1, 2]),
        node("Conv", ["first", "filters"], ["convolved"], strides=[2, 2]),
        node("Transpose", ["convolved"], ["last"], perm=[0, 2, 3, 1]),
        node("Cast", ["last"], ["cast"], to=FLOAT),
        node("Add", ["cast", "bias"], ["biased"]),
        node("Shape", ["biased"], ["sizes"]),
        node("Reshape", ["biased", "sizes"], ["kept"]),
        node("Relu", ["kept"], ["map"]),
        node("ReduceMean", ["map"], ["pooled"], axes=[1, 2], keepdims=0),
        node("MatMul", ["pooled", "dense"], ["42"]),
    ]
    images, scores = ("keras_tensor", FLOAT, ["batch", 16, 16, 3]), ("42", FLOAT, ["batch", 4])
    bias = constant(np.array([0.01, -0.02, 0.03, 0.04, 0.05], np.float32), "bias")
    constants = [weights("filters", 5, 3, 3, 3), bias, weights("dense", 5, 4)]
    return save(path, nodes, [images], [scores], constants)


def save_torch_net(path):
    """A classifier as PyTorch exports it: NCHW, any size, logits and the embedding before them."""
    nodes, constants = convolutions("image")
    nodes += [
        helper.make_node("GlobalAveragePool", ["map"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["embedding"]),
        helper.make_node("MatMul", ["embedding", "head"], ["logits"]),
    ]
    outputs = [("logits", FLOAT, ["N", 7]), ("embedding", FLOAT, ["N", 5])]
    image = ("image", FLOAT, ["N", 3, "H", "W"])
    return save(path, nodes, [image], outputs, [*constants, weights("head", 5, 7)])


def save_in_floats(path, model):
    """A network in eight-bit integers with its sums in float: what it may well have been made of.

    Weights come out as the integers say, and a rectifier that a range stood for is one again.
    """
    graph, known, names = model.graph, {}, {}
    for tensor in graph.initializer:
        known[tensor.name] = numpy_helper.to_array(tensor)
    nodes, made = [], []
    for node in graph.node:
        source, target = node.input[0], node.output[0]
        if node.op_type == "QuantizeLinear":
            scale, zero = (float(known[name]) for name in node.input[1:])
            ends = [f"{target}/{k}" for k in "lh"]
            for name, value in zip(ends, (-zero * scale, (255 - zero) * scale), strict=True):
                made.append(numpy_helper.from_array(np.float32(value), name))
            nodes.append(helper.make_node("Clip", [names.get(source, source), *ends], [target]))
        elif node.op_type == "DequantizeLinear" and source in known:
            whole, scale = known[source].astype(np.float32), known[node.input[1]]
            scale = scale.reshape(-1, *[1] * (whole.ndim - 1)) if scale.ndim else scale
            made.append(numpy_helper.from_array(whole * scale, target))
        elif node.op_type == "DequantizeLinear":
            names[target] = source
        else:
            kept = [names.get(name, name) for name in node.input]
            node.input[:] = kept
            nodes.append(node)
    read = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in [*graph.initializer, *made] if tensor.name in read]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def with_outputs(path, names):
    """The whole graph, nothing cut, with further tensors shown: the oracle."""
    model = onnx.load(str(path))
    shown = {value.name for value in model.graph.output}
    for name in names:
        if name not in shown:
            model.graph.output.add(name=name).type.tensor_type.elem_type = TensorProto.FLOAT
    return model.SerializeToString()
