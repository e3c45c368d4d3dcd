"""Integers give the same rows on every processor, or say where they do not."""

import warnings
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner
from onnx import helper, numpy_helper

import featx
from featx.backbones.selfcheck import check
from featx.catalog import Card, get_card
from featx.cli import main
from featx.errors import WrongCanary
from featx.optimize import QuantizationConfig, Tolerance, optimize
from featx.optimize.metrics import cosines
from featx.optimize.quant_params import WEIGHT_LIMITS
from tests.support.optimize_nets import NEAR, SMALL, folder, integer_weights, pictures

pytestmark = pytest.mark.usefixtures("own_directory", "parents")


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
    """A chain of dense layers made for this machine, which asks for eight bits, and what it was warned of."""
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


def test_eight_bits_are_taken_where_this_processor_adds_them_exactly_and_seven_elsewhere_in_words(
    eight_bits, saturates
):
    card, told = eight_bits
    bits = 7 if saturates else 8
    assert card.optimized.weight_bits == bits
    largest = max(np.abs(values.astype(int)).max() for values in integer_weights(card).values())
    assert largest == WEIGHT_LIMITS[bits]
    assert card.optimized.steps_from_exact <= 1
    assert len(told) == saturates
    assert all("saturate on this processor" in words for words in told)
    assert all("weights have seven bits instead of eight" in words for words in told)
    assert ("compared whenever the backbone is opened" in card.note) == (bits == 8)


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
        elif node.op_type == "MatMul" and node.input[1] not in scales:
            # it stayed in float
            known[target] = given[0] @ given[1]
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


def test_rows_are_those_of_exact_sums_and_those_of_seven_bits_in_sixteen_bits_too(
    net, eight_bits, tmp_path
):
    eight, _ = eight_bits
    seven = optimize(
        get_card("mild"), pictures(30), replace(NEAR, name="seven"), directory=tmp_path
    )
    for card in (seven, eight):
        backbone = featx.Backbone(card)
        items = [backbone.reader.read(picture) for picture in pictures(8, seed=9)]
        exact, saturated = (rows_of(card, items, add) for add in (exactly, in_sixteen_bits))
        if card.optimized.weight_bits == 7:
            assert cosines(exact, saturated).min() > 1 - 1e-6
        np.testing.assert_allclose(backbone.embed_items(items), exact, atol=1e-4)


def test_eight_bits_are_opened_where_they_were_made(eight_bits):
    card, _ = eight_bits
    assert featx.Backbone(card).dim == 12
    assert check(card).status == "ok"


def test_eight_bits_are_refused_where_the_canary_is_another(eight_bits):
    card, _ = eight_bits
    elsewhere = replace(
        card,
        canary=(card.canary[0] + 0.1, *card.canary[1:]),
        optimized=replace(card.optimized, weight_bits=8),
    )
    with pytest.raises(WrongCanary, match=r"made for another machine.*or for any machine"):
        featx.Backbone(elsewhere)
    found = check(elsewhere)
    assert found.status == "failed"
    assert "made for another machine" in found.message
    seven = replace(elsewhere, optimized=replace(elsewhere.optimized, weight_bits=7))
    assert featx.Backbone(seven).dim == 12


def test_eight_bits_are_refused_where_no_canary_can_tell_the_machine(eight_bits):
    card, _ = eight_bits
    card = replace(card, optimized=replace(card.optimized, weight_bits=8))
    with pytest.raises(
        WrongCanary, match="expected its own tap, pooling, normalisation and options"
    ):
        featx.Backbone(card, normalize=True)


@pytest.mark.filterwarnings("default::featx.FeatxWarning")
def test_the_command_makes_eight_bits_for_this_machine(saturates, tmp_path):
    data = folder(tmp_path / "photos", 12)
    arguments = ["optimize", SMALL, "--calibrate", str(data), "--no-cache", "--min-cosine", "0"]
    result = CliRunner().invoke(main, [*arguments, "--for-this-machine"])
    assert result.exit_code == 0, result.output
    assert Card.from_toml(result.stdout).optimized.weight_bits == (7 if saturates else 8)


def test_a_card_from_before_weight_bits_is_read(nano):
    text = nano.to_toml().replace("float_layers", "floats").replace("weight_bits = 7\n", "")
    before = Card.from_toml(text.replace("floats = []", 'floats = ["a"]'))
    assert before.optimized.float_layers == ("a",)
    assert before.optimized.weight_bits is None
