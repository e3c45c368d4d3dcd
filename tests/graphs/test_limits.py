"""Limits: what a stranger's graph asks for is refused before ONNX Runtime sees it, and real graphs pass."""

import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from featx.backbones.backbone import Backbone
from featx.catalog import list_cards, locate
from featx.errors import BadGraph
from featx.graphs import cut_graph, external_data, inputs_of, taps
from featx.graphs.limits import check_limits
from tests.support.hostile_graphs import hostile_card, hostile_models, save_endless
from tests.support.nets import save_torch_net

HOSTILE = hostile_models()


def card_of(path):
    return hostile_card(path, name="hostile", output="y")


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_graph_is_refused_in_words_before_it_is_loaded(name, tmp_path):
    model, words = HOSTILE[name]
    path = tmp_path / "backbone.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(BadGraph, match=words) as refusal:
        check_limits(path)
    assert "\n" not in str(refusal.value)
    with pytest.raises(BadGraph, match=words):
        Backbone(card_of(path))


def test_weights_in_a_file_that_is_a_link_are_refused(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"x" * 192)
    tensor = TensorProto(name="w", data_type=1, dims=[48], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="weights.bin")
    path = tmp_path / "graph" / "backbone.onnx"
    path.parent.mkdir()
    model = onnx.load(save_torch_net(tmp_path / "torch.onnx"))
    model.graph.initializer.append(tensor)
    path.write_bytes(model.SerializeToString())
    (path.parent / "weights.bin").symlink_to(secret)
    with pytest.raises(BadGraph, match="expected a file beside the graph"):
        check_limits(path, files={"weights.bin"})
    (path.parent / "weights.bin").unlink()
    (path.parent / "weights.bin").write_bytes(b"x" * 192)
    check_limits(path, files={"weights.bin"})
    with pytest.raises(BadGraph, match="does not list under"):
        check_limits(path)
    (path.parent / "weights.bin").write_bytes(b"x")
    with pytest.raises(BadGraph, match="beyond the 1 bytes"):
        check_limits(path, files={"weights.bin"})


@pytest.mark.parametrize("read", [check_limits, cut_graph, taps, inputs_of])
def test_what_is_no_graph_is_refused_by_every_reader(read, tmp_path):
    pipe = tmp_path / "pipe.onnx"
    os.mkfifo(pipe)
    ort = tmp_path / "model.ort"
    ort.write_bytes(b"\x18\0\0\0ORTM" + bytes(64))
    garbage = tmp_path / "garbage.onnx"
    garbage.write_bytes(b"\xff" * 999)
    empty = tmp_path / "empty.onnx"
    empty.write_bytes(b"")
    whole = save_torch_net(tmp_path / "whole.onnx").read_bytes()
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(whole[: len(whole) // 2])
    for path, words in (
        (pipe, "no regular file"),
        (ort, r"own format \(\.ort\)"),
        (garbage, "not an ONNX graph"),
        (empty, "not an ONNX graph"),
        (cut, "not an ONNX graph"),
        (tmp_path, "folder"),
        (tmp_path / "none", "no such file"),
    ):
        with pytest.raises(BadGraph, match=words):
            read(path)


def test_bytes_that_are_no_graph_have_no_external_data_to_name():
    with pytest.raises(BadGraph, match="not an ONNX graph"):
        external_data(b"location" + b"\xff" * 99)


@pytest.mark.slow
def test_the_graphs_of_every_card_here_are_within_the_limits(speech_directory):
    cards = [card for card in list_cards() if locate(card, card.graph) is not None]
    assert len(cards) >= 10
    for card in cards:
        model = check_limits(locate(card, card.graph), files={file.name for file in card.files})
        assert len(model.graph.node) > 5


def test_a_loop_whose_end_depends_on_values_is_no_fault(tmp_path):
    assert check_limits(save_endless(tmp_path / "loop.onnx")).graph.node[0].op_type == "Loop"


def test_constants_that_stay_small_are_no_fault(tmp_path):
    """Positions, masks and their shapes, as exporters write them."""
    nodes = [
        helper.make_node("Range", ["zero", "many", "one"], ["positions"]),
        helper.make_node("NonZero", ["mask"], ["where"]),
        helper.make_node("Transpose", ["where"], ["rows"]),
        helper.make_node("Shape", ["rows"], ["sides"]),
        helper.make_node("ConstantOfShape", ["sides"], ["filled"]),
        helper.make_node("Relu", ["x"], ["y"]),
    ]
    infos = [helper.make_tensor_value_info(name, 1, ["N", 3]) for name in "xy"]
    shown = [helper.make_tensor_value_info(n, 1, None) for n in ("filled",)]
    constants = [
        *(
            numpy_helper.from_array(np.array(v, np.int64), n)
            for n, v in (("zero", 0), ("many", 512), ("one", 1))
        ),
        numpy_helper.from_array(np.eye(8, dtype=bool), "mask"),
    ]
    graph = helper.make_graph(nodes, "small", infos[:1], [*infos[1:], *shown], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "small.onnx"
    onnx.save(model, path)
    assert len(check_limits(path).graph.node) == 6
