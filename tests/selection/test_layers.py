"""Layers probed: the tap that tells the labels is found, and its own is kept unless chance is ruled out."""

import json
from html import escape

import numpy as np
import pytest

import featx
from featx.errors import BadLabels, BadOption, FeatxNotice, UnknownTap
from featx.metrics.paired import Difference
from featx.selection.layer_report import LayerProbe, LayerScore
from featx.selection.quick import ridge_predictions
from featx.tasks import get_task
from featx.tuning import HeadConfig
from tests.support.block_nets import block_backbone, save_patch_net, save_residual_net


@pytest.fixture
def residual(tmp_path):
    (tmp_path / "mine").mkdir()
    return block_backbone(save_residual_net(tmp_path / "mine" / "backbone.onnx"))


@pytest.fixture
def stripes(rng):
    """Pictures whose stripes lie or stand, at any place and in any color, and which they do."""
    pictures, labels = [], []
    for k in range(60):
        wave = np.sin(np.arange(16) * rng.uniform(1, 2) + rng.uniform(0, 6))
        field = np.tile(wave, (16, 1)) if k % 2 else np.tile(wave[:, None], (1, 16))
        colors = rng.uniform(60, 100, 3)
        pictures.append(
            (128 + field[..., None] * colors + rng.normal(0, 9, (16, 16, 3))).astype(np.uint8)
        )
        labels.append("stand" if k % 2 else "lie")
    return pictures, labels


@pytest.fixture
def probe(residual, stripes):
    return featx.probe_layers(*stripes, backbone=residual)


def test_every_stage_is_scored_from_shallow_to_deep(probe):
    assert [layer.tap for layer in probe.layers] == ["block0", "block1", "embedding", "logits"]
    assert [layer.depth for layer in probe.layers] == sorted(layer.depth for layer in probe.layers)
    assert [layer.shape for layer in probe.layers][:2] == [(8, 8, 8)] * 2
    assert probe.own.tap == "embedding"
    assert (probe.backbone, probe.n, probe.score) == ("mine", 60, "accuracy")


def test_scores_are_those_of_a_ridge_on_the_rows_of_each_tap_alone(probe, residual, stripes):
    pictures, labels = stripes
    kind = get_task("classification")
    problem = kind.tuning_problem(kind.encode_targets(labels), HeadConfig())
    for layer in probe.layers:
        alone = featx.Backbone(residual.card, tap=layer.tap, pooling=layer.pooling)
        rows = alone.embed(pictures)
        assert rows.shape[1] == layer.dim
        predictions, tested = ridge_predictions(rows, problem)
        right = predictions.argmax(axis=1) == problem.codes[tested]
        assert layer.score == pytest.approx(right.mean(), abs=0.02)


def test_a_tap_that_is_better_beyond_chance_is_named_with_what_to_type(residual, rng):
    # The mean color of a picture is lost on the way.
    pictures = [rng.integers(0, 256, (16, 16, 3), dtype=np.uint8) for _ in range(80)]
    shallow = featx.Backbone(residual.card, tap="block0", pooling="mean").embed(pictures)
    middle = np.median(shallow[:, 3])
    labels = ["much" if value > middle else "little" for value in shallow[:, 3]]
    found = featx.probe_layers(pictures, labels, backbone=residual, taps=["block0", "logits"])
    assert found.chosen.tap == "block0"
    assert found.advice.startswith("Use tap='block0' and pooling='mean': +")
    assert "over its own tap" in found.advice


def test_its_own_tap_is_kept_where_labels_are_chance(residual, rng):
    pictures = [rng.integers(0, 256, (16, 16, 3), dtype=np.uint8) for _ in range(40)]
    found = featx.probe_layers(pictures, list("ab") * 20, backbone=residual)
    assert found.chosen is found.own
    assert found.advice.startswith("Keep its own tap, embedding: no other is better")


def test_transformers_are_read_at_the_class_token_the_mean_and_both(tmp_path, stripes):
    (tmp_path / "vit").mkdir()
    backbone = block_backbone(save_patch_net(tmp_path / "vit" / "backbone.onnx"))
    found = featx.probe_layers(*stripes, backbone=backbone)
    poolings = {}
    for layer in found.layers:
        poolings.setdefault(layer.tap, []).append((layer.pooling, layer.dim))
    expected = [("cls", 12), ("patch-mean", 12), ("cls+mean", 24)]
    assert poolings == {"block0": expected, "block1": expected, "embedding": [("none", 12)]}


def test_groups_numbers_and_several_labels_are_probed_too(residual, stripes, rng):
    pictures, labels = stripes
    people = [f"p{k // 6}" for k in range(60)]
    grouped = featx.probe_layers(
        pictures, labels, backbone=residual, groups=people, taps=["block1"]
    )
    assert [layer.tap for layer in grouped.layers] == ["block1", "embedding"]
    brightness = [float(picture.mean()) for picture in pictures]
    numbers = featx.probe_layers(pictures, brightness, task="regression", backbone=residual)
    assert numbers.score == "r2"
    assert numbers.best.score > 0.3
    several = [[one, "any"] if k % 3 else [one] for k, one in enumerate(labels)]
    found = featx.probe_layers(
        pictures, several, task="multilabel", backbone=residual, taps=["block1"]
    )
    assert found.score == "micro_f1"


def test_more_samples_than_wanted_are_drawn_from_in_words(residual, stripes):
    with pytest.warns(FeatxNotice, match="of 60 samples are drawn to be measured"):
        found = featx.probe_layers(*stripes, backbone=residual, max_samples=30, taps=[])
    assert found.n == 30
    assert [layer.tap for layer in found.layers] == ["embedding"]


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"taps": ["block9"]}, UnknownTap, "block9"),
        ({"max_samples": 0}, BadOption, "max_samples = 0: expected a whole number, 2 or more"),
        ({"taps": "block1"}, BadOption, "taps = 'block1': expected a list of names"),
        ({"taps": [1]}, BadOption, "expected a list of names of tensors"),
        ({"class_weight": "some"}, BadOption, "class_weight = 'some'"),
        ({"max_samples": "many"}, BadOption, "max_samples = 'many'"),
        ({"max_samples": True}, BadOption, "max_samples = True"),
        ({"log_target": True}, BadOption, "only a regression has numbers"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(asked, error, message, residual, stripes):
    with pytest.raises(error, match=message) as refused:
        featx.probe_layers(*stripes, backbone=residual, **asked)
    assert "\n" not in str(refused.value)


def test_a_probe_comes_back_from_json_and_what_is_none_is_refused(probe):
    table = json.loads(json.dumps(probe.to_dict()))
    assert LayerProbe.from_dict(table) == probe
    layers = table["layers"]
    for damaged in (
        {},
        table | {"layers": []},
        table | {"n": "many"},
        table | {"layers": [layers[0] | {"shape": "wide"}]},
        table | {"layers": [one for one in layers if one["gain"] is not None]},
    ):
        with pytest.raises(BadLabels, match="not the JSON of a probe of layers report"):
            LayerProbe.from_dict(damaged)


def test_a_probe_is_a_frame_with_a_row_a_layer_and_a_page_for_notebooks(probe):
    frame = probe.to_frame()
    assert frame["tap"].tolist() == ["block0", "block1", "embedding", "logits"]
    assert frame.loc[frame["own"], "gain"].tolist() == [0.0]
    assert frame["score"].tolist() == [layer.score for layer in probe.layers]
    assert escape(probe.advice.split(":")[0]) in probe._repr_html_()


def test_a_tap_is_told_apart_only_where_the_interval_of_its_gain_is_above_nothing():
    def layer(gain):
        return LayerScore("tap", "mean", 1, "Relu", (4, 8, 8), 4, 0.5, gain)

    assert layer(Difference(0.1, 0.01, 0.2)).tells
    assert not layer(Difference(0.1, 0.0, 0.2)).tells
    assert not layer(Difference(0.1, None, None)).tells
    assert not layer(None).tells
