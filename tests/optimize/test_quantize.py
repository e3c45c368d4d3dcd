"""A faster backbone is written once it is near enough to its parent, and says how near."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

import featx
from featx.backbones.selfcheck import check
from featx.catalog import Card, get_card
from featx.cli import main
from featx.errors import BadCard, BadGraph, BadOption, BadSample, TooLossy
from featx.export import export
from featx.optimize import Labelled, QuantizationConfig, Tolerance, optimize
from featx.optimize.integer_graph import quantize
from featx.optimize.layers import prepare
from featx.optimize.metrics import cosines
from featx.optimize.quant_params import QuantParams
from featx.sources import Sample
from tests.support.nets import FLOAT, save
from tests.support.optimize_nets import NANO, NEAR, SHIPPED, SMALL, kernels, pictures, shelve

pytestmark = pytest.mark.usefixtures("own_directory", "parents")


def test_the_card_names_its_parent_and_how_near_it_is(nano):
    parent = get_card(NANO)
    told = nano.optimized
    assert nano.name == f"{NANO}-int8"
    assert (told.parent, told.parent_sha256) == (NANO, parent.graph.sha256)
    assert told.precision == "int8"
    assert told.calibration == 24
    assert told.held_out == 12
    assert 0.99 <= told.cosine_mean <= 1
    assert told.cosine_worst <= told.cosine_mean
    assert told.batch_bits == 0
    assert told.rate > 0
    assert told.size < 0.5
    assert nano.fingerprint != parent.fingerprint
    assert nano.license == parent.license
    assert nano.dim == parent.dim


def test_the_card_is_read_back_as_it_was_written(nano):
    text = nano.path.read_text(encoding="utf-8")
    assert Card.from_toml(text) == nano
    assert Card.from_toml(text).to_toml() == text


def test_the_cosine_told_is_that_of_the_rows_it_was_not_calibrated_on(nano, on_shelf):
    held = pictures(36)[2::3]
    before = featx.FeatureExtractor(NANO).transform(held).astype(np.float64)
    after = featx.FeatureExtractor(nano.name).transform(held).astype(np.float64)
    dots = np.einsum("nd,nd->n", before, after)
    found = dots / np.sqrt((before**2).sum(axis=1) * (after**2).sum(axis=1))
    assert nano.optimized.cosine_mean == pytest.approx(found.mean(), abs=1e-5)
    assert nano.optimized.cosine_worst == pytest.approx(found.min(), abs=1e-5)


def test_it_passes_the_check_of_backbones(nano, on_shelf):
    assert check(nano).status == "ok"
    result = CliRunner().invoke(main, ["backbones", "check", nano.name])
    assert result.exit_code == 0
    assert "ok" in result.output


def test_show_prints_what_was_measured(nano, on_shelf):
    result = CliRunner().invoke(main, ["backbones", "show", nano.name])
    assert f'parent = "{NANO}"' in result.output
    assert "cosine_mean" in result.output


def test_its_convolutions_are_computed_in_integers(nano):
    found = kernels(nano.path.with_name("backbone.onnx"))
    assert found.count("QLinearConv") == nano.optimized.layers
    assert "Conv" not in found
    assert "FusedConv" not in found


def test_the_graph_is_one_that_others_read(nano):
    model = onnx.load(nano.path.with_name("backbone.onnx"))
    onnx.checker.check_model(model, full_check=True)
    assert {entry.domain for entry in model.opset_import} == {""}


def test_another_tap_of_it_can_be_read(nano, on_shelf):
    maps = featx.FeatureExtractor(nano.name, tap="last-map", pooling="mean")
    exact = featx.FeatureExtractor(NANO, tap="last-map", pooling="mean")
    drawn = pictures(4, seed=8)
    assert cosines(exact.transform(drawn), maps.transform(drawn)).min() > 0.98


def test_a_classifier_on_it_is_exported(nano, on_shelf, photos, tmp_path):
    samples = featx.read_samples(photos)
    made = export(featx.fit(samples, backbone=nano.name), tmp_path / "a.onnx", samples=samples)
    assert made.n == 6


def test_it_is_fitted_and_predicts(nano, on_shelf, photos):
    samples = featx.read_samples(photos)
    classifier = featx.fit(samples, backbone=nano.name)
    assert classifier.card.optimized == nano.optimized
    assert (
        list(classifier.predict([sample.data for sample in samples]))
        == ["dark"] * 3 + ["light"] * 3
    )


def test_a_saved_classifier_keeps_what_its_backbone_was_made_of(nano, on_shelf, photos, tmp_path):
    samples = featx.read_samples(photos)
    featx.save(featx.fit(samples, backbone=nano.name), tmp_path / "a.featx", bundle=True)
    assert featx.load(tmp_path / "a.featx").card.optimized == nano.optimized


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 1000), n=st.integers(1, 16))
def test_a_row_does_not_depend_on_its_batch(nano, on_shelf, seed, n):
    backbone = featx.backbones.backbone.open_backbone(nano)
    items = [backbone.reader.read(picture) for picture in pictures(n, seed)]
    alone = np.concatenate([backbone.embed_items([item], 1) for item in items])
    np.testing.assert_array_equal(backbone.embed_items(items, n), alone)


def test_the_same_samples_give_the_same_bytes(tmp_path):
    first, again = (
        optimize(SMALL, pictures(12), replace(NEAR, name=name), directory=tmp_path)
        for name in ("first", "again")
    )
    assert again.graph.sha256 == first.graph.sha256


def test_weights_in_half_the_bytes_give_the_rows_of_rounded_weights(net, tmp_path):
    parent = net("wide", sensitive=0, plain=3)
    made = optimize(parent, pictures(12), QuantizationConfig(weights="fp16"), directory=tmp_path)
    assert made.name == f"{parent.name}-fp16"
    assert made.optimized.precision == "fp16-weights"
    assert made.optimized.cosine_worst > 0.9999
    assert made.optimized.size < 0.65
    assert made.optimized.layers == 0
    assert made.optimized.calibration == 0
    kept = {t.name: t for t in onnx.load(parent.path.with_name("backbone.onnx")).graph.initializer}
    half = onnx.load(made.path.with_name("backbone.onnx"))
    casts = {node.input[0]: node.output[0] for node in half.graph.node if node.op_type == "Cast"}
    stored = [t for t in half.graph.initializer if t.data_type == onnx.TensorProto.FLOAT16]
    assert stored
    for tensor in stored:
        exact = numpy_helper.to_array(kept[casts[tensor.name]])
        np.testing.assert_array_equal(numpy_helper.to_array(tensor), exact.astype(np.float16))


def test_a_chain_of_dense_layers_is_computed_in_integers(net, tmp_path):
    parent = net("mild", sensitive=0, plain=3)
    made = optimize(parent, pictures(30), NEAR, directory=tmp_path / "shelf")
    assert made.optimized.layers == 4
    assert not made.optimized.float_layers
    found = kernels(made.path.with_name("backbone.onnx"))
    assert found.count("MatMulIntegerToFloat") == 4
    assert "MatMul" not in found


def test_a_layer_that_costs_too_much_stays_in_float(net, tmp_path):
    parent = net("one", sensitive=1, plain=3)
    told = []
    made = optimize(parent, pictures(30), NEAR, directory=tmp_path / "shelf", log=told.append)
    assert made.optimized.float_layers == (
        "dense 4",
        "dense 5",
    )  # that make the pairs, and take them apart
    assert made.optimized.layers == 4
    assert made.optimized.cosine_mean >= 0.99
    assert any(line.startswith("6 of 6 layers in int8: cosine 0.") for line in told)


def test_a_backbone_that_is_all_sensitive_is_refused_with_the_figures(net, tmp_path):
    parent = net("all", sensitive=4)
    with pytest.raises(
        TooLossy, match=r"not written: with \d of 9 layers in int8: cosine 0\.\d+ mean"
    ):
        optimize(parent, pictures(30), directory=tmp_path / "shelf")
    assert list((tmp_path / "shelf").iterdir()) == []


@pytest.mark.parametrize("rectifier", [None, "Relu", "Clip"])
def test_a_convolution_between_integers_that_stays_in_float_is_computed_in_float(
    tmp_path, rectifier
):
    matrices = [
        numpy_helper.from_array(k * np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1), f"w{k}")
        for k in (1, 2, 3)
    ]
    bounds = [numpy_helper.from_array(np.float32(k), f"bound{k}") for k in (0, 6)]
    nodes = [helper.make_node("Conv", ["image", "w1"], ["a"], "a")]
    nodes += [helper.make_node("Conv", ["a", "w2"], ["b"], "b")]
    if rectifier:
        inputs = ["b", "bound0", "bound6"] if rectifier == "Clip" else ["b"]
        nodes += [helper.make_node(rectifier, inputs, ["bent"], "bent")]
    nodes += [
        helper.make_node("Conv", [nodes[-1].output[0], "w3"], ["c"], "c"),
        helper.make_node("GlobalAveragePool", ["c"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["row"]),
    ]
    image, row = ("image", FLOAT, ["N", 3, 8, 8]), ("row", FLOAT, ["N", 3])
    graph = save(tmp_path / "three.onnx", nodes, [image], [row], [*matrices, *bounds])
    prepared = prepare(graph, None)
    around = [layer for layer in prepared.layers if layer.name != "b"]
    ranges = {name: QuantParams(-8.0, 8.0) for name in prepared.tensors(around)}
    onnx.save(quantize(prepared, around, ranges), tmp_path / "integers.onnx")
    found = kernels(tmp_path / "integers.onnx")
    assert found.count("QLinearConv") == 2
    assert sum(kind in ("Conv", "FusedConv") for kind in found) == 1


def labelled(card, n=80):
    """Pictures labelled by a fine difference: the sign of the first value of a backbone's row."""
    drawn = pictures(n, seed=3)
    rows = featx.FeatureExtractor(card.name).transform(drawn)
    names = np.where(rows[:, 0] > np.median(rows[:, 0]), "high", "low").tolist()
    samples = [
        Sample(str(k), picture, name)
        for k, (picture, name) in enumerate(zip(drawn, names, strict=True))
    ]
    return Labelled("drawn", samples[: n // 2], samples[n // 2 :])


@pytest.mark.slow
def test_the_probe_refuses_what_loses_more_points_than_allowed(net, tmp_path):
    parent = net("all", sensitive=4)
    source, config = labelled(parent), QuantizationConfig(tolerance=Tolerance(0.5, min_cosine=0.0))
    with pytest.raises(TooLossy, match=r"probe 0\.\d+ before, 0\.\d+ after \(-\d+\.\d\d points\)"):
        optimize(parent, pictures(30), config, labelled=[source], directory=tmp_path / "shelf")
    generous = QuantizationConfig(tolerance=Tolerance(100, min_cosine=0.0))
    made = optimize(parent, pictures(30), generous, labelled=[source], directory=tmp_path / "shelf")
    told = made.optimized
    assert told.probe == "hold-out"
    assert told.probe_samples == 40
    assert 100 * (told.probe_before - told.probe_after) > 0.5


@pytest.mark.slow
def test_the_probe_accepts_what_the_cosine_alone_would_not(net, tmp_path):
    parent = net("mild", sensitive=0, plain=3)
    strict = QuantizationConfig("strict", tolerance=Tolerance(10, min_cosine=1.0))
    with pytest.raises(TooLossy, match="expected a mean cosine of 1; labelled= would judge"):
        optimize(parent, pictures(30), strict, directory=tmp_path / "a")
    source = Labelled("drawn", [*labelled(parent).train, *labelled(parent).test])
    made = optimize(parent, pictures(30), strict, labelled=[source], directory=tmp_path / "b")
    assert made.optimized.probe == "nested cross-validation"
    assert made.optimized.probe_samples == 80


def test_an_interrupt_leaves_nothing(tmp_path):
    def stop(message):
        if message.startswith("comparing"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        optimize(SMALL, pictures(12), directory=tmp_path / "shelf", log=stop)
    assert list((tmp_path / "shelf").iterdir()) == []


def test_an_optimised_backbone_is_not_optimised_again(nano, on_shelf):
    with pytest.raises(BadOption, match=f"itself an optimised {NANO}; name that instead"):
        optimize(nano.name, pictures(12))


def test_a_graph_that_computes_in_integers_already_is_refused(tmp_path):
    with pytest.raises(BadGraph, match="in integers already: optimise what it was made of"):
        optimize(SHIPPED, pictures(12), directory=tmp_path)


def test_a_name_that_is_taken_is_refused_before_the_work(tmp_path):
    with pytest.raises(BadOption, match="choose another name"):
        optimize(NANO, iter(()), QuantizationConfig("featx-text-nano"), directory=tmp_path)


def test_a_name_that_no_backbone_may_have_is_refused(tmp_path):
    with pytest.raises(BadCard, match="expected letters, digits"):
        optimize(NANO, pictures(12), QuantizationConfig("../up"), directory=tmp_path)


def test_unknown_weights_are_refused():
    with pytest.raises(BadOption, match="weights 'int4': expected one of int8, fp16"):
        QuantizationConfig(weights="int4")
    with pytest.raises(BadOption, match="expected int8; floats are the same on every machine"):
        QuantizationConfig(weights="fp16", for_this_machine=True)


def test_a_handful_of_samples_is_not_enough(tmp_path):
    with pytest.raises(BadSample, match="5 samples to calibrate with: expected 6 at least"):
        optimize(NANO, pictures(5), directory=tmp_path)


def test_a_backbone_without_such_layers_is_refused(net, tmp_path):
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("Tanh", ["flat"], ["row"]),
    ]
    image, row = ("image", FLOAT, ["N", 3, 8, 8]), ("row", FLOAT, ["N", 192])
    graph = save(tmp_path / "bare.onnx", nodes, [image], [row])
    parent = shelve(tmp_path / "nets", "bare", graph, dim=192)
    with pytest.raises(BadGraph, match="nothing to quantise: expected convolutions, or dense"):
        optimize(parent, pictures(12), directory=tmp_path / "shelf")


@pytest.fixture(scope="module")
def optimized_models(tmp_path_factory, package_home):
    """Makes a real backbone of each name once, on 48 samples of a set."""
    shelf, made = tmp_path_factory.mktemp("real"), {}

    def make(name, data):
        if name not in made:
            samples = featx.read_samples(data, split="train", modality=get_card(name).modality)
            made[name] = optimize(name, samples[:: len(samples) // 48], directory=shelf)
        return made[name]

    return make


@pytest.mark.slow
def test_a_text_in_integers_does_not_depend_on_its_padding(
    shared_models, shared_data, optimized_models
):
    data = shared_data / "banking77"
    texts = featx.read_samples(data, split="test", modality="text")[::120]
    backbone = featx.Backbone(optimized_models("all-minilm-l6-v2", data))
    long = backbone.reader.read("word " * 90)
    for sample in texts:
        item = backbone.reader.read(sample.data)
        # A short text is padded to the long one; by itself the reader would not put them into one batch.
        alone, other, together = (
            backbone.entry_rows(backbone.reader.batch_of_all(items))
            for items in ([item], [long], [item, long])
        )
        np.testing.assert_array_equal(together, np.concatenate([alone, other]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "data", "layers", "size"),
    [
        ("mobilenetv2-1.0", "cats_dogs", 26, 0.75),
        ("vit-tiny-patch16-224", "cats_dogs", 24, 0.6),
        # The weights of its parent are stored as fp16.
        ("all-minilm-l6-v2", "banking77", 36, 0.8),
    ],
)
def test_real_backbones_stay_near_their_parents(
    shared_models, shared_data, optimized_models, name, data, layers, size
):
    card = optimized_models(name, shared_data / data)
    assert card.optimized.layers >= layers
    assert card.optimized.cosine_mean >= 0.994
    assert card.optimized.batch_bits == 0
    assert card.optimized.size < size
    assert card.optimized.weight_bits == 7
    assert card.optimized.steps_from_exact <= 1
    assert check(card).status == "ok"
