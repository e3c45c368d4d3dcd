"""Poolings: their two forms agree, padding changes nothing, and names are read and refused."""

import numpy as np
import pytest

import featx
from featx.catalog import get_card
from featx.errors import BadGraph, BadOption, NotExportable
from featx.export import export
from featx.graphs.pooling import POOLINGS, read_pooling
from tests.support.poolings import as_graph

POOLED = [name for name in POOLINGS if name != "none"]


@pytest.mark.parametrize("name", POOLED)
@pytest.mark.parametrize(
    ("shape", "channel_axis"),
    [((2, 5, 3, 4), None), ((2, 3, 4, 5), -1), ((2, 7, 5), None), ((2, 5, 7), 1), ((2, 5), None)],
)
def test_the_exported_nodes_give_the_rows(name, shape, channel_axis, rng):
    pooling = read_pooling(name)
    values = rng.normal(size=shape).astype(np.float32)
    run = as_graph(pooling, shape, channel_axis=channel_axis)
    rows = pooling.rows(values, None, channel_axis)
    np.testing.assert_allclose(run(values=values), rows, atol=1e-6)


@pytest.mark.parametrize(
    "name", [name for name in POOLED if name not in ("flatten", "patch-mean", "cls+mean")]
)
def test_padding_changes_no_row_in_either_form(name, rng):
    pooling = read_pooling(name)
    values = rng.normal(size=(3, 6, 5)).astype(np.float32)
    lengths = np.array([6, 1, 4])
    mask = np.arange(6) < lengths[:, None]
    values[~mask] = 1e6
    rows = pooling.rows(values, mask, None)
    for row, tokens, length in zip(rows, values, lengths, strict=True):
        alone = pooling.rows(tokens[None, :length], None, None)[0]
        np.testing.assert_allclose(row, alone, atol=1e-6)
    run = as_graph(pooling, values.shape, masked=True)
    np.testing.assert_allclose(run(values=values, mask=mask.astype(np.int64)), rows, atol=1e-6)


@pytest.mark.parametrize("name", ["patch-mean", "cls+mean", "patch-mean:3", "cls+mean:2"])
def test_padding_changes_no_row_of_patches_in_either_form(name, rng):
    pooling = read_pooling(name)
    values = rng.normal(size=(3, 6, 5)).astype(np.float32)
    lengths = np.array([6, 4, 5])
    mask = np.arange(6) < lengths[:, None]
    rows = pooling.rows(values, mask, None)
    for row, tokens, length in zip(rows, values, lengths, strict=True):
        alone = pooling.rows(tokens[None, :length], None, None)[0]
        np.testing.assert_allclose(row, alone, atol=1e-6)
    run = as_graph(pooling, values.shape, masked=True)
    np.testing.assert_allclose(run(values=values, mask=mask.astype(np.int64)), rows, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("patch-mean", [6.0, 7.0]),
        ("patch-mean:2", [7.0, 8.0]),
        ("cls+mean", [0.0, 1.0, 6.0, 7.0]),
        ("cls+mean:4", [0.0, 1.0, 9.0, 10.0]),
        ("first-mean", [1.0, 2.0]),
        ("first-mean:3", [2.0, 3.0]),
    ],
)
def test_class_tokens_registers_and_patches_are_told_apart(name, row):
    """Six positions: a class token, and four registers where four are left out."""
    values = np.array([[[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10, 11]]], np.float32)
    pooling = read_pooling(name)
    np.testing.assert_allclose(pooling.rows(values, None, None), [row])
    np.testing.assert_allclose(as_graph(pooling, values.shape)(values=values), [row])


def test_a_sequence_without_patches_is_refused():
    with pytest.raises(BadGraph, match="gives 2 positions, and the first 5 of them are left out"):
        read_pooling("patch-mean:5").rows(np.zeros((1, 2, 3), np.float32), None, None)
    with pytest.raises(BadOption, match="expected a number of positions after cls"):
        read_pooling("cls+mean:1.5")


def test_what_has_no_rows_of_one_length_is_refused(rng):
    values, mask = np.zeros((1, 3, 2), np.float32), np.ones((1, 3), bool)
    with pytest.raises(BadGraph, match="'flatten' would give rows of several lengths; choose an"):
        read_pooling("flatten").rows(values, mask, None)
    with pytest.raises(
        NotExportable, match="'flatten': cannot be exported where inputs are padded"
    ):
        as_graph(read_pooling("flatten"), values.shape, masked=True)
    with pytest.raises(BadGraph, match=r"3 positions of 2 channels .* choose one of mean, max"):
        read_pooling("none").rows(values, None, None)
    with pytest.raises(BadGraph, match="3 positions for 2 of the input"):
        read_pooling("mean").rows(values, mask[:, :2], None)


@pytest.mark.parametrize("name", POOLINGS)
def test_a_pooling_is_read_back_from_its_text(name):
    assert str(read_pooling(name)) == name
    assert read_pooling(str(read_pooling(name))) is POOLINGS[name]


def generalised_mean(values, exponent):
    """The paper's equation, in double precision, a channel at a time."""
    return [
        np.mean([max(float(v), 1e-6) ** exponent for v in channel]) ** (1 / exponent)
        for channel in values.T
    ]


@pytest.mark.parametrize(("text", "exponent"), [("gem", 3), ("gem:1", 1), ("gem:4.5", 4.5)])
def test_gem_is_the_generalised_mean_of_its_exponent(text, exponent, rng):
    values = rng.normal(1, 2, (2, 6, 5)).astype(np.float32)
    rows = read_pooling(text).rows(values, None, None)
    expected = [generalised_mean(sample, exponent) for sample in values]
    np.testing.assert_allclose(rows, expected, rtol=1e-5)
    run = as_graph(read_pooling(text), values.shape)
    np.testing.assert_allclose(run(values=values), rows, rtol=1e-5)


def test_gem_lies_between_mean_and_max_and_no_exponent_overflows(rng):
    values = rng.uniform(0, 1e4, (2, 9, 5)).astype(np.float32)
    mean, largest = (read_pooling(name).rows(values, None, None) for name in ("mean", "max"))
    np.testing.assert_allclose(read_pooling("gem:1").rows(values, None, None), mean, rtol=1e-5)
    last = mean
    for exponent in (2, 8, 64, 1000):
        rows = read_pooling(f"gem:{exponent}").rows(values, None, None)
        assert (last <= rows * (1 + 1e-6)).all()
        last = rows
    np.testing.assert_allclose(last, largest, rtol=5e-3)


def test_equal_exponents_are_one_pooling_with_one_fingerprint():
    card = get_card("featx-image-nano")
    prints = {card.variant(pooling=text).fingerprint for text in ("gem", "gem:3", "gem:3.00")}
    assert len(prints) == 1
    assert card.variant(pooling="gem:4.5").pooling == "gem:4.5"
    assert card.variant(pooling="gem:4.5").fingerprint not in prints


@pytest.mark.parametrize(
    "text", ["gem:", "gem:x", "gem:0", "gem:-3", "gem:nan", "gem:inf", "gem:3:3"]
)
def test_an_exponent_that_gem_cannot_have_is_refused(text):
    with pytest.raises(BadOption, match="expected a positive number after gem"):
        read_pooling(text)


@pytest.mark.slow
def test_a_classifier_on_gem_answers_alike_once_exported(photos, tmp_path):
    samples = featx.read_samples(photos)
    backbone = featx.Backbone("featx-image-nano", tap="last-map", pooling="gem:2.5")
    classifier = featx.fit(samples, backbone=backbone, head="ridge")
    checked = export(classifier, tmp_path / "gem.onnx", samples=samples)
    assert checked.worst < 1e-4


@pytest.mark.parametrize("text", ["", "sum", "Mean", "mean:2", "mean:", ":", "max:max"])
def test_what_names_no_pooling_is_refused(text):
    with pytest.raises(BadOption, match=r"pooling .*expected"):
        read_pooling(text)
