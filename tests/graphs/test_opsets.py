"""Operator sets: graphs that featx writes import those that their nodes use, and no newer than they need."""

import onnx
import pytest
from onnx import helper

from featx.graphs import cut_graph, join_graphs
from featx.graphs.opsets import drop_unused_opsets
from tests.support.nets import FLOAT, save_keras_net, save_torch_net

STRANGE = ["ai.onnx.ml", "com.microsoft.nchwc", "org.pytorch.aten", "ai.onnx.preview.training"]


def with_strange_sets(path):
    model = onnx.load(path)
    model.opset_import.extend(helper.make_opsetid(domain, 5) for domain in STRANGE)
    onnx.save(model, path)
    return path


def sets(data):
    return {one.domain: one.version for one in onnx.load_from_string(data).opset_import}


def test_a_graph_that_is_cut_loses_the_sets_that_no_node_uses(tmp_path):
    path = with_strange_sets(save_torch_net(tmp_path / "torch.onnx"))
    assert sets(cut_graph(path, "embedding")) == {"": 17}


def test_a_graph_that_is_joined_loses_the_sets_that_no_node_uses(tmp_path):
    first = with_strange_sets(save_torch_net(tmp_path / "first.onnx"))
    node = helper.make_node("Relu", ["v"], ["w"])
    infos = [helper.make_tensor_value_info(name, FLOAT, ["N", 5]) for name in "vw"]
    graph = helper.make_graph([node], "tail", infos[:1], infos[1:])
    tail = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    second = tmp_path / "second.onnx"
    onnx.save(tail, second)
    joined = join_graphs(first, with_strange_sets(second), tap="embedding")
    assert sets(joined) == {"": 17}


@pytest.mark.parametrize("where", ["node", "branch", "function"])
def test_a_set_that_is_used_stays_wherever_it_is_used(tmp_path, where):
    model = onnx.load(save_keras_net(tmp_path / "keras.onnx"))
    used = helper.make_node("Gelu", ["map"], ["bent"], domain="com.microsoft")
    if where == "node":
        model.graph.node.append(used)
    elif where == "branch":
        shown = helper.make_tensor_value_info("bent", FLOAT, None)
        body = helper.make_graph([used], "body", [], [shown])
        model.graph.node.append(
            helper.make_node("If", ["yes"], ["out"], then_branch=body, else_branch=body)
        )
    else:
        sets_of = [helper.make_opsetid("com.microsoft", 1)]
        model.functions.append(
            helper.make_function("own", "bend", ["map"], ["bent"], [used], sets_of)
        )
    model.opset_import.extend(
        helper.make_opsetid(domain, 1) for domain in ("com.microsoft", "ai.onnx.ml")
    )
    drop_unused_opsets(model)
    assert {one.domain for one in model.opset_import} == {"", "com.microsoft"}
