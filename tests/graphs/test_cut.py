"""Taps: any tensor of any graph, with the numbers that it has in the whole graph."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from featx import graphs
from featx.errors import BadGraph, UnknownTap
from tests.support.nets import FLOAT, save, weights, with_outputs


def small_net(path, *, branches=False):
    """Conv - Relu - (global pool, flatten) - Gemm - Softmax, with a second head that nothing needs."""
    rng = np.random.default_rng(0)

    def weight(name, *shape):
        return numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["map"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["map"], ["relu"]),
        helper.make_node("GlobalAveragePool", ["relu"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w2", "b2"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
        helper.make_node("Gemm", ["flat", "w3"], ["unused"]),
    ]
    weights = [weight("w1", 5, 3, 3, 3), weight("w2", 5, 7), weight("b2", 7), weight("w3", 5, 50)]
    if branches:
        then = helper.make_graph(
            [helper.make_node("Add", ["flat", "captured"], ["added"])],
            "then",
            [],
            [helper.make_tensor_value_info("added", TensorProto.FLOAT, None)],
        )
        other = helper.make_graph(
            [helper.make_node("Identity", ["flat"], ["same"])],
            "else",
            [],
            [helper.make_tensor_value_info("same", TensorProto.FLOAT, None)],
        )
        condition = numpy_helper.from_array(np.array(True), "yes")
        weights += [weight("captured", 5), condition]
        nodes.append(
            helper.make_node("If", ["yes"], ["branched"], then_branch=then, else_branch=other)
        )
    names = ["probabilities", "unused"] + (["branched"] if branches else [])
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def run(model, feed, outputs=None):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(outputs, {session.get_inputs()[0].name: feed})


@pytest.fixture
def net(tmp_path):
    return small_net(tmp_path / "small.onnx")


@pytest.fixture
def feed():
    return np.random.default_rng(1).normal(size=(2, 3, 9, 8)).astype(np.float32)


def test_every_tensor_is_listed_from_shallow_to_deep_with_its_shape(net):
    found = {tap.name: tap for tap in graphs.taps(net)}
    assert list(found)[:2] == ["map", "relu"]
    assert found["map"].shape == ("N", 5, None, None)
    assert found["logits"].shape == ("N", 7)
    assert (found["logits"].depth, found["logits"].op) == (5, "Gemm")
    assert found["probabilities"].output
    assert not found["flat"].output


def test_a_cut_keeps_the_numbers_and_drops_the_rest(net, feed):
    for tap in ("map", "relu", "pooled", "flat", "logits", "probabilities", "unused"):
        [expected] = run(with_outputs(net, [tap]), feed, [tap])
        cut = graphs.cut_graph(net, tap)
        np.testing.assert_array_equal(run(cut, feed)[0], expected)
        assert len(cut) < net.stat().st_size


def test_a_cut_has_no_dead_nodes_and_no_dead_weights(net):
    model = onnx.load_from_string(graphs.cut_graph(net, "flat"))
    assert [node.op_type for node in model.graph.node] == [
        "Conv",
        "Relu",
        "GlobalAveragePool",
        "Flatten",
    ]
    assert [weight.name for weight in model.graph.initializer] == ["w1"]
    assert [value.name for value in model.graph.output] == ["flat"]


def test_weights_that_only_a_branch_reads_survive_the_cut(tmp_path, feed):
    net = small_net(tmp_path / "branches.onnx", branches=True)
    [expected] = run(with_outputs(net, []), feed, ["branched"])
    np.testing.assert_array_equal(run(graphs.cut_graph(net, "branched"), feed)[0], expected)


def test_penultimate_is_what_the_last_dense_layer_reads(net, feed):
    [expected] = run(with_outputs(net, ["flat"]), feed, ["flat"])
    np.testing.assert_array_equal(run(graphs.cut_graph(net, "penultimate"), feed)[0], expected)


def test_the_last_map_is_what_keras_calls_include_top_false(net, feed):
    [expected] = run(with_outputs(net, ["relu"]), feed, ["relu"])
    np.testing.assert_array_equal(run(graphs.cut_graph(net, "last-map"), feed)[0], expected)


def test_an_unknown_tensor_is_named_with_the_nearest_known_one(net):
    with pytest.raises(UnknownTap, match="no tensor named 'logit'; did you mean 'logits'"):
        graphs.cut_graph(net, "logit")
    with pytest.raises(UnknownTap):
        graphs.cut_graph(net, "w1")
    with pytest.raises(UnknownTap):
        graphs.cut_graph(net, "x")


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\x00" * 100, b"\x08\x08"])
def test_what_is_no_graph_is_refused(tmp_path, content):
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    for look in (graphs.taps, graphs.inputs_of, graphs.cut_graph):
        with pytest.raises(BadGraph, match="not an ONNX graph"):
            look(path)
    with pytest.raises(BadGraph, match="no such file"):
        graphs.taps(tmp_path / "absent.onnx")


def test_inputs_are_listed_without_the_weights(net):
    [wanted] = graphs.inputs_of(net)
    assert (wanted.name, wanted.shape, wanted.dtype) == ("x", ("N", 3, "H", "W"), "float32")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("vit-tiny-patch16-224", marks=pytest.mark.slow),
        "squeezenet1.1",
        "mobilenetv1-0.25-128",
        "resnet8-cifar10",
    ],
)
def test_cutting_a_real_graph_keeps_its_numbers(shared_models, name):
    path = shared_models / name / "backbone.onnx"
    size = {"mobilenetv1-0.25-128": 128, "resnet8-cifar10": 32}.get(name, 224)
    feed = np.random.default_rng(0).normal(size=(2, 3, size, size)).astype(np.float32)
    whole = with_outputs(path, [])
    taps = graphs.taps(path)
    for tap in taps[:: max(1, len(taps) // 4)]:
        [expected] = run(with_outputs(path, [tap.name]), feed, [tap.name])
        found = run(graphs.cut_graph(path, tap.name), feed)[0]
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, atol=2e-5 * scale, err_msg=tap.name)
    np.testing.assert_allclose(
        run(graphs.cut_graph(path, "embedding"), feed)[0],
        run(whole, feed, ["embedding"])[0],
        rtol=1e-4,
        atol=1e-4,
    )


def test_an_input_that_is_asked_for_the_length_of_the_batch_alone_is_not_needed(tmp_path):
    """As PyTorch exports both towers of CLIP: pictures are counted by the texts beside them."""
    node = helper.make_node
    nodes = [
        node("Shape", ["texts"], ["count"], start=0, end=1),
        node("Concat", ["count", "wide"], ["shape"], axis=0),
        node("Expand", ["class", "shape"], ["classes"]),
        node("Add", ["pictures", "classes"], ["row"]),
        node("Cast", ["texts"], ["other"], to=FLOAT),
    ]
    wide = numpy_helper.from_array(np.array([3]), "wide")
    inputs = [("texts", TensorProto.INT64, ["batch", "L"]), ("pictures", FLOAT, ["batch", 3])]
    outputs = [("row", FLOAT, ["batch", 3]), ("other", FLOAT, ["batch", "L"])]
    path = save(tmp_path / "net.onnx", nodes, inputs, outputs, [weights("class", 1, 3), wide])
    cut = onnxruntime.InferenceSession(graphs.cut_graph(path, "row"))
    assert [value.name for value in cut.get_inputs()] == ["pictures"]
    pictures = np.ones((4, 3), np.float32)
    whole = onnxruntime.InferenceSession(path)
    feeds = {"texts": np.zeros((4, 2), np.int64), "pictures": pictures}
    np.testing.assert_array_equal(
        cut.run(None, {"pictures": pictures})[0], whole.run(["row"], feeds)[0]
    )
