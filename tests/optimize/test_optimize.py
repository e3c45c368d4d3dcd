"""A faster backbone is written once it is near enough to its parent, and says how near."""

import hashlib
import os
import warnings
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper
from PIL import Image

import featx
from featx.backbones.selfcheck import check
from featx.catalog import Card, digest, get_card, list_cards, user_directory, verify_files
from featx.cli import main
from featx.errors import BadCard, BadGraph, BadOption, BadSample, TooLossy, WrongCanary
from featx.export import export
from featx.optimize import Labelled, QuantizationConfig, Tolerance, optimize
from featx.optimize.integer_graph import quantize
from featx.optimize.layers import prepare
from featx.optimize.metrics import batch_bits, cosines
from featx.optimize.quant_params import WEIGHT_LIMITS, QuantParams, choose_quant_params
from featx.optimize.ranges import ColumnRanges, Histogram
from featx.sources import Sample
from featx.storage.dirs import data_dir
from tests.support.nets import FLOAT, convolutions, save, save_in_floats

pytestmark = pytest.mark.usefixtures("own_directory", "parents")

SHIPPED = "featx-image-nano"
NANO = "nano-in-floats"
SMALL = "two-convolutions"
NEAR = QuantizationConfig(tolerance=Tolerance(min_cosine=0.99))


def pictures(n, seed=0):
    """Drawn pictures with shapes and noise, as arrays."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        picture = rng.integers(0, 256, (3, 3, 3)).astype(np.uint8)
        wide = np.asarray(Image.fromarray(picture).resize((80, 72), Image.Resampling.BICUBIC))
        noisy = wide + rng.normal(0, 12, wide.shape)
        x, y = rng.integers(0, 50, 2)
        noisy[y : y + 20, x : x + 20] = rng.integers(0, 256, 3)
        made.append(np.clip(noisy, 0, 255).astype(np.uint8))
    return made


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture(scope="module")
def floats(tmp_path_factory):
    """A shelf with what ships in integers in floats: a real network to be optimised."""
    shelf = tmp_path_factory.mktemp("floats")
    (shelf / NANO).mkdir()
    card = get_card(SHIPPED)
    graph = save_in_floats(
        shelf / NANO / "backbone.onnx", onnx.load(str(verify_files(card)[card.graph.name]))
    )
    entry = replace(card.graph, sha256=digest(graph), size=graph.stat().st_size)
    made = replace(card, name=NANO, graph=entry, canary=())
    (shelf / NANO / "card.toml").write_text(made.to_toml(), encoding="utf-8")
    shelve(shelf, SMALL, save_small(shelf / "small.onnx"), dim=5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATX_MODELS", str(shelf))
        yield shelf


@pytest.fixture
def parents(floats, monkeypatch):
    monkeypatch.setenv("FEATX_MODELS", str(floats))


@pytest.fixture(scope="module")
def nano(shelf, floats, module_home):
    """It in int8, made once for this module."""
    return optimize(NANO, pictures(36), NEAR, directory=shelf)


@pytest.fixture(scope="module")
def module_home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATX_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("FEATX_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture
def on_shelf(shelf, floats, parents, monkeypatch):
    monkeypatch.setenv("FEATX_MODELS", f"{shelf}{os.pathsep}{floats}")


def chain(path, sensitive, plain):
    """Dense layers with tanh between, some of which take the difference of large numbers that are nearly equal.

    Such a layer reads 60 s + d and 60 s in pairs and gives d: in eight bits d is gone.
    """
    rng = np.random.default_rng(5)
    nodes = [helper.make_node("Flatten", ["image"], ["x0"])]
    constants, last, width = [], "x0", 192

    def dense(matrix, bend=True):
        nonlocal last, width
        k = len(constants)
        constants.append(numpy_helper.from_array(matrix.astype(np.float32), f"w{k}"))
        nodes.append(helper.make_node("MatMul", [last, f"w{k}"], [f"m{k}"], f"dense {k}"))
        last, width = f"m{k}", matrix.shape[1]
        if bend:
            nodes.append(helper.make_node("Tanh", [last], [f"t{k}"]))
            last = f"t{k}"

    dense(rng.normal(0, 0.1, (192, 12)))
    for _ in range(plain):
        dense(rng.normal(0, 0.4, (12, 12)))
    for _ in range(sensitive):
        differences, common = (
            rng.normal(0, 0.4, (12, 12)),
            rng.normal(0, 30, (12, 1)) @ np.ones((1, 12)),
        )
        dense(np.hstack([common + differences, common]), bend=False)
        dense(np.vstack([np.eye(12), -np.eye(12)]))
    image = ("image", FLOAT, ["N", 3, 8, 8])
    return save(path, nodes, [image], [(last, FLOAT, ["N", 12])], constants)


def save_small(path):
    """Two convolutions whose last map is averaged: enough where the network does not matter."""
    nodes, constants = convolutions("image")
    nodes += [
        helper.make_node("GlobalAveragePool", ["map"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["row"]),
    ]
    image, row = ("image", FLOAT, ["N", 3, 8, 8]), ("row", FLOAT, ["N", 5])
    return save(path, nodes, [image], [row], constants)


def shelve(shelf, name, graph, dim=12):
    """A card for a graph of pictures of 8 by 8, pixels from -1 to 1."""
    folder = shelf / name
    folder.mkdir(parents=True)
    data = graph.read_bytes()
    (folder / "backbone.onnx").write_bytes(data)
    (folder / "card.toml").write_text(
        f'name = "{name}"\nmodality = "image"\ndim = {dim}\n'
        f'[graph]\nsha256 = "{hashlib.sha256(data).hexdigest()}"\nsize = {len(data)}\n'
        "[image]\nresize = [8, 8]\nmean = [0.5, 0.5, 0.5]\nstd = [0.5, 0.5, 0.5]\n",
        encoding="utf-8",
    )
    return Card.from_toml((folder / "card.toml").read_text("utf-8"), path=folder / "card.toml")


@pytest.fixture
def net(tmp_path, parents, monkeypatch):
    """Makes a backbone of a chain of layers."""
    monkeypatch.setenv("FEATX_MODELS", str(tmp_path / "nets"))
    (tmp_path / "nets").mkdir()

    def make(name, *, sensitive, plain=0):
        return shelve(tmp_path / "nets", name, chain(tmp_path / f"{name}.onnx", sensitive, plain))

    return make


def kernels(path):
    """The kinds of nodes that ONNX Runtime makes of a graph."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path.with_suffix(".optimized"))
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    made = onnx.load(options.optimized_model_filepath)
    return [node.op_type for node in made.graph.node]


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


def integer_weights(card):
    """The weights of a quantised graph by name, without biases, which are integers of 32 bits."""
    model = onnx.load(card.path.with_name("backbone.onnx"))
    kept = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return {
        name: values for name, values in kept.items() if values.dtype == np.int8 and values.ndim > 1
    }


@pytest.fixture(scope="module")
def saturates():
    """Whether this processor adds products of eight bits in sixteen; asked of one large matrix."""
    matrix = numpy_helper.from_array(np.full((64, 16), 127, np.int8), "matrix")
    ends = [
        helper.make_tensor_value_info("rows", onnx.TensorProto.UINT8, [1, 64]),
        helper.make_tensor_value_info("sums", onnx.TensorProto.INT32, [1, 16]),
    ]
    node = helper.make_node("MatMulInteger", ["rows", "matrix"], ["sums"])
    graph = helper.make_graph([node], "sums", ends[:1], ends[1:], [matrix])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    [sums] = session.run(None, {"rows": np.full((1, 64), 255, np.uint8)})
    return not (sums == 64 * 255 * 127).all()


@pytest.fixture
def eight_bits(net, tmp_path):
    """A chain of dense layers with weights of eight bits, as this processor made it, and its warnings."""
    anything = Tolerance(min_cosine=0)
    config = QuantizationConfig("eight", for_this_machine=True, tolerance=anything)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        card = optimize(net("mild", sensitive=0, plain=3), pictures(30), config, directory=tmp_path)
    return card, [str(warning.message) for warning in caught]


def test_weights_keep_to_seven_bits_so_that_pairs_of_products_fit_sixteen(nano):
    assert nano.optimized.weight_bits == 7
    found = integer_weights(nano)
    assert found
    for values in found.values():
        assert np.abs(values.astype(int)).max() == WEIGHT_LIMITS[7]
    sixteen = np.iinfo(np.int16)
    assert 2 * 255 * WEIGHT_LIMITS[7] <= sixteen.max
    assert 2 * 255 * WEIGHT_LIMITS[8] > sixteen.max


def test_integers_of_seven_bits_are_those_computed_exactly_on_every_processor(nano):
    assert nano.optimized.steps_from_exact <= 1


def test_eight_bits_are_written_into_the_card_with_what_they_do_on_this_processor(
    eight_bits, saturates
):
    card, told = eight_bits
    assert card.optimized.weight_bits == 8
    assert max(np.abs(values.astype(int)).max() for values in integer_weights(card).values()) == 127
    assert (card.optimized.steps_from_exact > 1) == saturates
    assert len(told) == saturates
    assert all("saturate on this processor" in words for words in told)
    assert all("weights of seven bits do not" in words for words in told)


def rows_of(card, items, add):
    """Rows of a chain of quantised dense layers, computed in NumPy; ``add`` adds products of integers."""
    graph = onnx.load(card.path.with_name("backbone.onnx")).graph
    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    scales = {}
    known[graph.input[0].name] = np.stack(items)
    for node in graph.node:
        given, target = [known[name] for name in node.input], node.output[0]
        if node.op_type == "QuantizeLinear":
            values, scale, zero = given
            known[target] = np.clip(np.round(values / scale) + zero, 0, 255).astype(np.uint8)
        elif node.op_type == "DequantizeLinear":
            known[target], scales[target] = given[0], given[1:]
        elif node.op_type == "MatMul":
            (scale, zero), (by_column, _) = (scales[name] for name in node.input)
            sums = add(*given) - int(zero) * given[1].astype(np.int64).sum(axis=0)
            known[target] = (sums * (scale * by_column)).astype(np.float32)
        else:
            how = {"Flatten": lambda x: x.reshape(len(x), -1), "Tanh": np.tanh, "Mul": np.multiply}
            how["Cast"] = lambda x: x.astype(np.float32)
            known[target] = how[node.op_type](*given)
    return known[graph.output[0].name]


def exactly(rows, weights):
    return rows.astype(np.int64) @ weights.astype(np.int64)


def in_sixteen_bits(rows, weights):
    """The sums as AVX2 makes them: pairs of products are added in sixteen bits, which saturate."""
    sums = np.zeros((len(rows), weights.shape[1]), np.int64)
    for k in range(0, len(weights), 2):
        pair = exactly(rows[:, k : k + 2], weights[k : k + 2])
        sums += np.clip(pair, np.iinfo(np.int16).min, np.iinfo(np.int16).max)
    return sums


def test_rows_of_seven_bits_are_the_same_in_sixteen_bits_and_those_of_eight_are_not(
    net, eight_bits, saturates, tmp_path
):
    eight, _ = eight_bits
    seven = optimize(
        get_card("mild"), pictures(30), replace(NEAR, name="seven"), directory=tmp_path
    )
    for card in (seven, eight):
        backbone = featx.Backbone(card)
        items = [backbone.reader.read(picture) for picture in pictures(8, seed=9)]
        exact, saturated = (rows_of(card, items, add) for add in (exactly, in_sixteen_bits))
        assert (cosines(exact, saturated).min() > 1 - 1e-6) == (card is seven)
        expected = saturated if saturates else exact
        np.testing.assert_allclose(backbone.embed_items(items), expected, atol=1e-4)


def test_eight_bits_are_opened_where_they_were_made(eight_bits):
    card, _ = eight_bits
    assert featx.Backbone(card).dim == 12
    assert check(card).status == "ok"


def test_eight_bits_are_refused_where_the_canary_is_another(eight_bits):
    card, _ = eight_bits
    elsewhere = replace(card, canary=(card.canary[0] + 0.1, *card.canary[1:]))
    with pytest.raises(WrongCanary, match=r"made for another machine.* without --for-this-machine"):
        featx.Backbone(elsewhere)
    found = check(elsewhere)
    assert found.status == "failed"
    assert "made for another machine" in found.message
    seven = replace(elsewhere, optimized=replace(elsewhere.optimized, weight_bits=7))
    assert featx.Backbone(seven).dim == 12


def test_eight_bits_are_refused_where_no_canary_can_tell_the_machine(eight_bits):
    card, _ = eight_bits
    with pytest.raises(
        WrongCanary, match="expected its own tap, pooling, normalisation and options"
    ):
        featx.Backbone(card, normalize=True)


@pytest.mark.filterwarnings("default::featx.FeatxWarning")
def test_the_command_makes_eight_bits_for_this_machine(tmp_path):
    data = folder(tmp_path / "photos", 12)
    arguments = ["optimize", SMALL, "--calibrate", str(data), "--no-cache", "--min-cosine", "0"]
    result = CliRunner().invoke(main, [*arguments, "--for-this-machine"])
    assert result.exit_code == 0, result.output
    assert Card.from_toml(result.stdout).optimized.weight_bits == 8


def test_a_card_from_before_weight_bits_is_read(nano):
    text = nano.to_toml().replace("float_layers", "floats").replace("weight_bits = 7\n", "")
    before = Card.from_toml(text.replace("floats = []", 'floats = ["a"]'))
    assert before.optimized.float_layers == ("a",)
    assert before.optimized.weight_bits is None


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


def test_the_probe_accepts_what_the_cosine_alone_would_not(net, tmp_path):
    parent = net("mild", sensitive=0, plain=3)
    strict = QuantizationConfig("strict", tolerance=Tolerance(10, min_cosine=1.0))
    with pytest.raises(TooLossy, match="expected a mean cosine of 1; --labelled DATA would judge"):
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
    with pytest.raises(BadOption, match="choose another --name"):
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


def folder(path, n):
    path.mkdir()
    for k, picture in enumerate(pictures(n)):
        Image.fromarray(picture).save(path / f"{k:02}.png")
    return path


def test_the_command_writes_the_card_and_prints_it(tmp_path):
    data = folder(tmp_path / "some data", 24)
    result = CliRunner().invoke(
        main, ["optimize", SMALL, "--calibrate", str(data), "--name", "mine", "--no-cache"]
    )
    assert result.exit_code == 0, result.output
    assert Card.from_toml(result.stdout).name == "mine"
    assert "2 of 2 layers in int8: cosine" in result.stderr
    assert "mine" in [card.name for card in list_cards()]
    assert (user_directory() / "mine" / "backbone.onnx").is_file()


def test_a_calibration_folder_that_is_not_there_or_empty_is_told(tmp_path):
    (tmp_path / "empty").mkdir()
    for name, words in (("none", "no such"), ("empty", "")):
        result = CliRunner().invoke(main, ["optimize", SMALL, "--calibrate", str(tmp_path / name)])
        assert result.exit_code == 1, result.output
        assert name in result.output
        assert words in result.output
        assert "Traceback" not in result.output
    assert not (data_dir() / "models" / f"{SMALL}-int8").exists()


@pytest.mark.filterwarnings("default::featx.FeatxWarning")
def test_a_broken_calibration_sample_is_named_or_left_out(tmp_path):
    data = folder(tmp_path / "photos", 18)
    (data / "05.png").write_bytes(b"not a picture")
    arguments = ["optimize", SMALL, "--calibrate", str(data), "--no-cache"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert "05.png: not an image" in result.output
    result = CliRunner().invoke(main, [*arguments, "--on-error", "skip"])
    assert result.exit_code == 0, result.output
    assert "1 of 18 samples could not be read" in result.stderr


def test_the_figures_of_a_card_are_checked_when_it_is_read(nano):
    text = nano.to_toml()
    for broken, words in (
        (text.replace('precision = "int8"', 'precision = "int7"'), "expected one of int8"),
        (
            text.replace("batch_bits = 0", 'batch_bits = "none"'),
            "batch_bits = 'none': expected int",
        ),
        (text.replace("batch_bits = 0\n", ""), "missing 'batch_bits'"),
        (text.replace("weight_bits = 7", "weight_bits = 6"), "weight_bits = 6: expected 7 or 8"),
        (text.replace("batch_bits = 0", "batch_bytes = 0"), "unknown key 'batch_bytes'"),
        (text.replace("float_layers = []", "float_layers = [1]"), "expected a list of names"),
    ):
        with pytest.raises(BadCard, match=r"\[optimized\]") as caught:
            Card.from_toml(broken)
        assert words in str(caught.value)


@given(
    st.lists(
        st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=40), min_size=1, max_size=6
    ),
    st.floats(0.5, 1.0),
)
def test_a_histogram_has_the_range_of_all_that_was_seen(parts, share):
    histogram = Histogram()
    for part in parts:
        histogram.add(np.array(part, np.float32))
    values = np.array([value for part in parts for value in part], np.float32)
    assert histogram.counts.sum() == len(values)
    low, high = histogram.within(1.0)
    assert low == pytest.approx(min(0.0, float(values.min())))
    assert high == pytest.approx(max(0.0, float(values.max())))
    low, high = histogram.within(share)
    near = histogram.limit * 1e-6  # bins are found in float32
    left_out = np.mean((values < low - near) | (values > high + near))
    assert left_out <= 1 - share + 2 / len(values) + 1e-9
    assert low <= 0 <= high


def test_a_column_that_is_a_hundred_times_the_others_is_divided_first(rng):
    rows = rng.normal(0, 1, (64, 32)).astype(np.float32)
    rows[:, 7] *= 100
    matrix = rng.normal(0, 0.1, (32, 16)).astype(np.float32)
    seen = ColumnRanges.for_samples(1)
    seen.add(rows)
    chosen = choose_quant_params(seen, [matrix])
    assert chosen.divisor is not None
    assert chosen.divisor.argmax() == 7
    exact = rows @ matrix

    def lost(values, weights, low, high):
        step, by = (high - low) / 255, np.abs(weights).max(axis=0) / 127
        zero = np.round(-low / step)
        values = (np.clip(np.round(values / step) + zero, 0, 255) - zero) * step
        return (((values @ (np.round(weights / by) * by)) - exact) ** 2).sum()

    even = lost(rows / chosen.divisor, matrix * chosen.divisor[:, None], chosen.low, chosen.high)
    assert even < 0.2 * lost(rows, matrix, float(rows.min()), float(rows.max()))


def test_even_columns_are_left_as_they_are(rng):
    seen = ColumnRanges.for_samples(1)
    seen.add(rng.uniform(-1, 1, (64, 32)).astype(np.float32))
    assert choose_quant_params(seen, [np.eye(32, dtype=np.float32)]).divisor is None


def test_cosines_are_defined_for_rows_of_zeros():
    zero, one = np.zeros((1, 3), np.float32), np.ones((1, 3), np.float32)
    assert cosines(zero, zero) == 1
    assert cosines(zero, one) == 0
    assert cosines(one, -one) == pytest.approx(-1)


class Batchy:
    """A stand-in for a backbone whose rows are a little larger in a batch."""

    def embed_items(self, items, batch_size=None):
        rows = np.array([[item] for item in items], np.float32)
        return np.nextafter(rows, np.float32(np.inf)) if len(items) > 1 else rows


def test_batch_dependence_is_told_in_bits():
    assert batch_bits(Batchy(), [1.0, 2.0, -3.0]) == 1
    assert batch_bits(featx.Backbone(NANO), [np.zeros((3, 96, 96), np.float32)] * 3) >= 0


@pytest.fixture(scope="module")
def optimized_models(tmp_path_factory, module_home):
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
        # A short text is padded to the long one.
        assert len(list(backbone.reader.batches([item, long], 2))) == 1
        alone = np.concatenate([backbone.embed_items([item]), backbone.embed_items([long])])
        np.testing.assert_array_equal(backbone.embed_items([item, long]), alone)


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
