"""Poolings: their two forms agree, padding changes nothing, and names are read and refused."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from featx.errors import BadGraph, BadOption
from featx.graphs.builder import GraphBuilder
from featx.graphs.pooling import POOLINGS, read_pooling

POOLED = [name for name in POOLINGS if name != "none"]


def as_graph(pooling, shape, *, channel_axis=None, masked=False):
    """A function that computes a pooling in ONNX Runtime from its nodes."""
    graph = GraphBuilder()
    mask = (lambda: "mask") if masked else None
    rows = pooling.add_nodes(graph, "values", len(shape), channel_axis, mask)
    inputs = [helper.make_tensor_value_info("values", TensorProto.FLOAT, [None] * len(shape))]
    if masked:
        inputs.append(helper.make_tensor_value_info("mask", TensorProto.INT64, [None, None]))
    output = helper.make_tensor_value_info(rows, TensorProto.FLOAT, [None, None])
    whole = helper.make_graph(graph.nodes, "pooling", inputs, [output], graph.constants)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    wanted = {value.name for value in session.get_inputs()}
    return lambda **feeds: session.run(None, {k: v for k, v in feeds.items() if k in wanted})[0]


@pytest.mark.parametrize("name", POOLED)
@pytest.mark.parametrize(
    ("shape", "channel_axis"),
    [((2, 5, 3, 4), None), ((2, 3, 4, 5), -1), ((2, 7, 5), None), ((2, 5, 7), 1), ((2, 5), None)],
)
def test_the_exported_nodes_give_the_rows(name, shape, channel_axis, rng):
    pooling = read_pooling(name)
    values = rng.normal(size=shape).astype(np.float32)
    run = as_graph(pooling, shape, channel_axis=channel_axis)
    rows = pooling.rows(values, None, channel_axis)
    np.testing.assert_allclose(run(values=values), rows, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in POOLED if name != "flatten"])
def test_padding_changes_no_row_in_either_form(name, rng):
    pooling = read_pooling(name)
    values = rng.normal(size=(3, 6, 5)).astype(np.float32)
    lengths = np.array([6, 1, 4])
    mask = np.arange(6) < lengths[:, None]
    values[~mask] = 1e6
    rows = pooling.rows(values, mask, None)
    for row, tokens, length in zip(rows, values, lengths, strict=True):
        alone = pooling.rows(tokens[None, :length], None, None)[0]
        np.testing.assert_allclose(row, alone, atol=1e-6)
    run = as_graph(pooling, values.shape, masked=True)
    np.testing.assert_allclose(run(values=values, mask=mask.astype(np.int64)), rows, atol=1e-6)


def test_what_has_no_rows_of_one_length_is_refused(rng):
    values, mask = np.zeros((1, 3, 2), np.float32), np.ones((1, 3), bool)
    with pytest.raises(BadGraph, match="'flatten' would give rows of several lengths; choose an"):
        read_pooling("flatten").rows(values, mask, None)
    with pytest.raises(BadOption, match="'flatten': cannot be exported where inputs are padded"):
        as_graph(read_pooling("flatten"), values.shape, masked=True)
    with pytest.raises(BadGraph, match=r"3 positions of 2 channels .* choose one of mean, max"):
        read_pooling("none").rows(values, None, None)
    with pytest.raises(BadGraph, match="3 positions for 2 of the input"):
        read_pooling("mean").rows(values, mask[:, :2], None)


@pytest.mark.parametrize("name", POOLINGS)
def test_a_pooling_is_read_back_from_its_text(name):
    assert str(read_pooling(name)) == name
    assert read_pooling(str(read_pooling(name))) is POOLINGS[name]


@pytest.mark.parametrize("text", ["", "sum", "Mean", "mean:2", "mean:", ":", "max:max"])
def test_what_names_no_pooling_is_refused(text):
    with pytest.raises(BadOption, match=r"pooling .*expected"):
        read_pooling(text)
