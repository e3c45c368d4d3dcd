"""Comparing taps: those of each layer are ranked in the pass of their backbone; luck does not choose one."""

import numpy as np
import pytest
from onnx import helper

import featx
from tests.support import tiny_backbones as tiny
from tests.support.block_nets import block_backbone, save_residual_net


@pytest.fixture
def residual(tmp_path):
    (tmp_path / "mine").mkdir()
    return block_backbone(save_residual_net(tmp_path / "mine" / "backbone.onnx"))


@pytest.fixture
def shallow(residual, rng):
    """Pictures whose labels the first block tells, and the embedding hardly."""
    pictures = [rng.integers(0, 256, (16, 16, 3), dtype=np.uint8) for _ in range(80)]
    rows = featx.Backbone(residual.card, tap="block0", pooling="mean").embed(pictures)
    middle = np.median(rows[:, 3])
    return pictures, ["much" if value > middle else "little" for value in rows[:, 3]]


def test_a_tap_that_is_better_beyond_chance_is_compared_beside_its_backbones_own(residual, shallow):
    found = featx.compare(*shallow, backbones=[residual], taps=True, heads="ridge")
    assert [one.name for one in found.backbones] == ["mine@block0:mean", "mine"]
    tap = featx.Backbone(residual.card, tap="block0", pooling="mean")
    trained = featx.fit(*shallow, backbone=tap, head="ridge")
    assert found.best.score == pytest.approx(trained.report.validation.report.accuracy, abs=1e-9)
    assert found.backbones[1].difference.tells
    [others] = found.left_out
    assert others.name == "mine: other taps"
    assert others.reason == "of 2 none is above mine@block0:mean"
    alone = featx.compare(*shallow, backbones=[residual], heads="ridge")
    assert [one.name for one in alone.backbones] == ["mine"]
    assert alone.backbones[0].quick == pytest.approx(found.backbones[1].quick, abs=1e-4)


def test_where_no_other_tap_is_better_beyond_chance_its_own_alone_goes_on(residual, rng):
    pictures = [rng.integers(0, 256, (16, 16, 3), dtype=np.uint8) for _ in range(40)]
    found = featx.compare(pictures, list("ab") * 20, backbones=[residual], taps=True, heads="ridge")
    assert [one.name for one in found.backbones] == ["mine"]
    assert "mine: other taps: of 3 none is better than its own beyond chance" in str(found)


def test_all_taps_are_embedded_in_one_pass(residual, shallow):
    passed = []
    engine = featx.Engine(progress=passed.append)
    featx.compare(*shallow, backbones=[residual], taps=True, engine=engine, heads="ridge")
    # Once for all taps and once for raw pixels.
    assert sum(passed) == 2 * 80


def test_a_tap_that_is_named_is_the_only_one_of_its_backbone(three_backbones):
    pictures, labels, _ = tiny.colored_pictures(n=24)
    named = ["pixels@map:mean", "colors"]
    found = featx.compare(pictures, labels, backbones=named, taps=True, heads="ridge")
    assert {one.name for one in found.backbones} == set(named)
    # The mean of all is all that there is to read.
    assert [(one.name, one.reason) for one in found.left_out] == [
        ("colors: other taps", "none was found behind its layers")
    ]


def test_a_tap_that_overflows_on_some_samples_does_not_spoil_its_backbone(tmp_path, monkeypatch):
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["mean", "w"], ["mixed"]),
        helper.make_node("Log", ["mixed"], ["log"]),
        helper.make_node("MatMul", ["log", "w"], ["wide"]),
        helper.make_node("Clip", ["wide", "low"], ["embedding"]),
    ]
    weights = np.ones((3, 3), np.float32) + np.eye(3, dtype=np.float32)
    tensors = {"w": weights, "low": np.float32(-50)}
    tiny.add(tmp_path, "logs", nodes, 3, tensors)
    monkeypatch.setenv("FEATX_MODELS", str(tmp_path))
    pictures, labels, _ = tiny.colored_pictures(n=24)
    pictures[3] = np.zeros_like(pictures[3])
    found = featx.compare(pictures, labels, backbones=["logs"], taps=True, heads="ridge")
    assert found.best.name == "logs"
    assert found.n_measured == 24
    assert [(one.name, one.reason) for one in found.left_out] == [
        ("logs: other taps", "rows of some hold NaN or infinity")
    ]


@pytest.mark.slow
def test_a_tap_of_the_quick_pass_is_measured_on_all_samples(residual, shallow):
    found = featx.compare(
        *shallow, backbones=[residual], taps=True, heads="ridge", n_quick=40, n_best=1
    )
    assert found.best.name == "mine@block0:mean"
    assert (found.n_quick, found.n_measured) == (40, 80)
    tap = featx.Backbone(residual.card, tap="block0", pooling="mean")
    trained = featx.fit(*shallow, backbone=tap, head="ridge")
    assert found.best.score == pytest.approx(trained.report.validation.report.accuracy, abs=1e-9)
