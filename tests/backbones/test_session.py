"""Sessions: a run that never ends can be ended by another thread; a graph that is too new is refused."""

import threading

import numpy as np
import onnx
import pytest

from featx.backbones.backbone import Backbone
from featx.backbones.session import Interrupt, interruptible, open_session
from featx.errors import BadGraph
from featx.storage.blob import Blob
from tests.support.hostile_graphs import endless_card
from tests.support.nets import save_torch_net


@pytest.fixture
def endless(tmp_path):
    return Backbone(endless_card(tmp_path))


def test_a_loop_without_an_end_is_ended_from_another_thread(endless):
    interrupt = Interrupt()
    timer = threading.Timer(0.2, interrupt.stop)
    timer.start()
    with interruptible(interrupt), pytest.raises(BadGraph, match="endless: the graph was stopped"):
        endless.embed_items([np.ones((3, 4, 4), np.float32)])
    timer.join()
    assert interrupt.stopped


def test_a_switch_that_was_thrown_ends_only_the_runs_of_its_block():
    backbone = Backbone("featx-image-nano")
    items = [backbone.reader.read(np.zeros((32, 32, 3), np.uint8))]
    interrupt = Interrupt()
    interrupt.stop()
    with interruptible(interrupt), pytest.raises(BadGraph, match="was stopped"):
        backbone.embed_items(items)
    assert backbone.embed_items(items).shape == (1, 384)


def test_a_switch_that_nobody_throws_changes_no_row():
    backbone = Backbone("featx-image-nano")
    items = [backbone.reader.read(np.full((32, 32, 3), 99, np.uint8))]
    plain = backbone.embed_items(items)
    with interruptible(Interrupt()):
        np.testing.assert_array_equal(backbone.embed_items(items), plain)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (
            "ir",
            r"version 99 of ONNX's format \(IR\), and .* update onnxruntime, or save .* ir_version = \d+",
        ),
        (
            "opset",
            r"operator set 99 of ai\.onnx, and .* export it with opset_version=\d+ or an earlier",
        ),
    ],
)
def test_a_graph_of_a_later_version_is_refused_with_what_to_do(tmp_path, part, words):
    path = save_torch_net(tmp_path / "net.onnx")
    model = onnx.load(path)
    if part == "ir":
        model.ir_version = 99
    else:
        model.opset_import[0].version = 99
    onnx.save(model, path)
    with pytest.raises(BadGraph, match=words):
        open_session(Blob.of_path(path), path)
