"""Sessions: a run that never ends can be ended by another thread."""

import threading

import numpy as np
import pytest

from featx.backbones.backbone import Backbone
from featx.backbones.session import Interrupt, interruptible
from featx.errors import BadGraph
from tests.support.hostile_graphs import endless_card


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
