"""Stages: tensors that all that follows is computed from, one behind each layer or block."""

import pytest
from onnx import helper

from featx.errors import BadGraph
from featx.graphs import stages
from tests.support.block_nets import save_patch_net, save_residual_net
from tests.support.hub_nets import save_bert
from tests.support.nets import FLOAT, save, weights


def names(path, *outputs):
    return [tap.name for tap in stages(path, outputs)]


def test_blocks_with_a_shortcut_are_stages_and_what_lies_inside_them_is_none(tmp_path):
    found = names(save_residual_net(tmp_path / "net.onnx"))
    assert found == ["block0", "block1", "embedding", "logits"]


def test_layers_without_a_shortcut_are_stages_behind_their_activation_and_pooling(torch_net):
    assert names(torch_net) == ["a3", "embedding", "logits"]


def test_blocks_of_a_transformer_are_stages_and_their_norms_are_none(tmp_path):
    path = save_patch_net(tmp_path / "net.onnx")
    assert names(path) == ["block0", "block1", "embedding"]
    assert stages(path)[0].shape == ("N", 17, 12)


def test_what_was_asked_for_is_a_stage_wherever_it_lies(tmp_path):
    path = save_residual_net(tmp_path / "net.onnx")
    assert "b1.relu" in names(path, "b1.relu")


def test_a_mask_that_goes_along_with_all_layers_hides_no_stage(tmp_path):
    path = save_bert(tmp_path / "bert.onnx", outputs=("last_hidden_state", "pooler_output"))
    assert "last_hidden_state" in names(path, "last_hidden_state")


def test_one_filter_a_channel_is_one_layer_with_what_follows(tmp_path):
    nodes = [
        helper.make_node("Conv", ["image", "a"], ["wide"]),
        helper.make_node("Conv", ["wide", "b"], ["alone"], group=4),
        helper.make_node("Conv", ["alone", "c"], ["narrow"]),
    ]
    constants = [weights("a", 4, 3, 1, 1), weights("b", 4, 1, 1, 1), weights("c", 2, 4, 1, 1)]
    image = ("image", FLOAT, ["N", 3, 8, 8])
    path = save(
        tmp_path / "net.onnx", nodes, [image], [("narrow", FLOAT, ["N", 2, 8, 8])], constants
    )
    assert names(path) == ["alone", "narrow"]


def test_numbers_in_eight_bits_are_read_where_they_are_floats_again():
    from featx.catalog import get_card, verify_files

    card = get_card("featx-image-nano")
    found = stages(verify_files(card)[card.graph.name], ["embedding"])
    assert len(found) > 10
    assert [tap.depth for tap in found] == sorted(tap.depth for tap in found)
    assert {tap.dtype for tap in found} == {"float32"}
    # two branches side by side: the stages of one of them, then what is made of both
    assert [tap.name for tap in found][-1] == "embedding"


def test_what_is_no_graph_is_refused(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(BadGraph, match="not an ONNX graph"):
        stages(path)
