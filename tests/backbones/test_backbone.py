"""Backbones: rows that do not depend on their company, pooling by its definition, and refusals in words."""

import os
import pickle
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest

from featx.backbones.backbone import Backbone, open_backbone
from featx.catalog import get_card
from featx.errors import BadGraph, BadOption, UnknownBackbone, UnknownTap
from tests.support.nets import with_outputs


@pytest.fixture
def pictures(rng):
    return [rng.integers(0, 256, (70 + k, 90 - k, 3), dtype=np.uint8) for k in range(7)]


def rows(backbone, pictures, batch_size=None):
    return backbone.embed_items([backbone.reader.read(picture) for picture in pictures], batch_size)


def test_the_shipped_backbone_gives_rows_of_the_width_of_its_card(pictures):
    backbone = Backbone("featx-image-nano")
    found = rows(backbone, pictures)
    assert found.shape == (7, backbone.dim) == (7, backbone.card.dim)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous


def test_a_row_does_not_depend_on_its_company(pictures):
    backbone = Backbone("featx-image-nano")
    alone = np.concatenate([rows(backbone, [picture]) for picture in pictures])
    for size in (1, 2, 3, 7):
        np.testing.assert_allclose(rows(backbone, pictures, size), alone, atol=1e-5)


def test_no_items_give_an_empty_table_of_the_right_width():
    assert Backbone("featx-image-nano").embed_items([]).shape == (0, 384)
    assert (
        Backbone("featx-image-nano", tap="last-map", pooling="mean").embed_items([]).shape[0] == 0
    )


def test_pictures_of_several_shapes_share_a_batch_when_nothing_crops_them(rng):
    backbone = Backbone("featx-image-nano", options={"resize": None, "crop": None})
    pictures = [rng.integers(0, 256, (h, 64, 3), dtype=np.uint8) for h in (64, 64, 80, 64)]
    alone = np.concatenate([rows(backbone, [picture]) for picture in pictures])
    np.testing.assert_allclose(rows(backbone, pictures, 4), alone, atol=1e-5)


def test_rows_are_of_unit_length_when_asked(pictures):
    found = rows(Backbone("featx-image-nano", normalize=True), pictures)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    plain = rows(Backbone("featx-image-nano"), pictures)
    np.testing.assert_allclose(
        found, plain / np.linalg.norm(plain, axis=1, keepdims=True), atol=1e-5
    )


def test_a_variant_has_a_fingerprint_of_its_own():
    card = get_card("featx-image-nano")
    variants = [
        card,
        card.variant(tap="last-map"),
        card.variant(pooling="mean"),
        card.variant(normalize=True),
        card.variant(options={"resize": 128}),
        card.variant(options={"draft": 0}),
    ]
    assert len({variant.fingerprint for variant in variants}) == len(variants)
    assert card.variant(options={"resize": card.input.resize}).fingerprint == card.fingerprint


@pytest.mark.parametrize(
    ("pooling", "reduce"),
    [
        ("mean", lambda m: m.mean((2, 3))),
        ("max", lambda m: m.max((2, 3))),
        ("cls", lambda m: m[:, :, 0, 0]),
        ("last", lambda m: m[:, :, -1, -1]),
        ("masked-mean", lambda m: m.mean((2, 3))),
        ("flatten", lambda m: m.reshape(len(m), -1)),
    ],
)
def test_a_map_is_pooled_as_its_name_says(shared_models, pictures, pooling, reduce):
    backbone = Backbone("resnet8-cifar10", tap="last-map", pooling=pooling)
    tensor = np.stack([backbone.reader.read(picture) for picture in pictures])
    whole = with_outputs(shared_models / "resnet8-cifar10" / "backbone.onnx", ["relu_19"])
    session = onnxruntime.InferenceSession(whole, providers=["CPUExecutionProvider"])
    [expected] = session.run(["relu_19"], {"input": tensor})
    found = rows(backbone, pictures)
    np.testing.assert_allclose(found, reduce(expected), rtol=1e-4, atol=1e-4)
    assert backbone.dim == found.shape[1]


@pytest.mark.slow
def test_tokens_are_pooled_over_their_places(shared_models, pictures):
    tokens = {
        pooling: rows(Backbone("vit-tiny-patch16-224", tap="tokens", pooling=pooling), pictures[:2])
        for pooling in ("mean", "cls", "last", "max", "flatten")
    }
    table = tokens["flatten"].reshape(2, 197, 192)
    np.testing.assert_allclose(tokens["mean"], table.mean(1), atol=1e-5)
    np.testing.assert_array_equal(tokens["cls"], table[:, 0])
    np.testing.assert_array_equal(tokens["last"], table[:, -1])
    np.testing.assert_array_equal(tokens["max"], table.max(1))
    default = rows(Backbone("vit-tiny-patch16-224"), pictures[:2])
    np.testing.assert_allclose(tokens["cls"], default, atol=1e-5)


def test_a_map_without_a_pooling_is_refused_with_the_choices(pictures):
    with pytest.raises(BadGraph, match="choose one of mean, max"):
        rows(Backbone("featx-image-nano", tap="last-map", pooling="none"), pictures)


def test_the_issues_own_example_reads_another_tensor(shared_models, pictures):
    found = rows(Backbone("squeezenet1.1", tap="logits"), pictures)
    assert found.shape == (7, 1000)


def test_what_is_unknown_is_refused_by_name(shared_models):
    with pytest.raises(UnknownBackbone, match="did you mean 'featx-image-nano'"):
        Backbone("featx-image-nono")
    with pytest.raises(UnknownTap, match="did you mean 'embedding'"):
        Backbone("squeezenet1.1", tap="embeding")
    with pytest.raises(BadOption, match="pooling 'median'"):
        Backbone("featx-image-nano", pooling="median")
    with pytest.raises(BadOption, match="unknown key 'size'"):
        Backbone("featx-image-nano", options={"size": 3})


def test_one_session_serves_all_who_ask_for_the_same_card():
    card = get_card("featx-image-nano")
    assert open_backbone(card) is open_backbone(get_card("featx-image-nano"))
    assert open_backbone(card.variant(normalize=True)) is not open_backbone(card)


def test_onnx_runtime_is_not_left_to_report_its_use(tmp_path):
    code = "from featx import Backbone; Backbone('featx-image-nano')"
    ours = ("ORT_DISABLE_TELEMETRY", "CI", "FEATX_CACHE_DIR", "XDG_CACHE_HOME")
    environment = {k: v for k, v in os.environ.items() if k not in ours}
    environment |= {"HOME": str(tmp_path), "FEATX_CACHE_DIR": str(tmp_path / "featx")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    left = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")}
    assert left <= {"featx"}  # its reporter would keep an identifier of the machine under .cache


def test_cards_survive_pickling():
    card = get_card("featx-image-nano")
    assert pickle.loads(pickle.dumps(card)) == card
