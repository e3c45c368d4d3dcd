"""Several taps in one pass: the rows of each are those that a backbone with that tap gives."""

import json

import numpy as np
import onnx
import pytest

from featx.backbones.backbone import Backbone
from featx.backbones.several_taps import SeveralTaps
from featx.embedding.cache import RowCache
from featx.embedding.engine import Engine
from featx.errors import FeatxWarning, UnknownTap
from featx.graphs import stages
from featx.sources import make_samples
from tests.support.block_nets import block_backbone, save_patch_net, save_residual_net
from tests.support.nets import with_outputs


@pytest.fixture
def pictures(rng):
    return [rng.integers(0, 256, (20 + k, 24, 3), dtype=np.uint8) for k in range(7)]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


@pytest.fixture
def residual(folder):
    return block_backbone(save_residual_net(folder / "backbone.onnx"))


def items_of(backbone, samples):
    return [backbone.reader.read(backbone.reader.load(sample)) for sample in samples]


def check_views(backbone, several, samples, atol=1e-5):
    """Each view gives the rows of a backbone of its own with that tap and pooling."""
    items = items_of(backbone, samples)
    wide = several.embed_items(items)
    assert wide.shape == (len(items), several.dim)
    for view in several.views:
        alone = Backbone(backbone.card, tap=view.tap, pooling=view.pooling)
        np.testing.assert_allclose(several.rows(wide, view), alone.embed_items(items), atol=atol)


def test_rows_are_those_of_each_tap_alone(residual, pictures):
    several = SeveralTaps(residual, ["block0", "b1.relu", "block1", "logits"])
    assert [view.tap for view in several.views] == [
        "block0",
        "b1.relu",
        "block1",
        "logits",
        "embedding",
    ]
    check_views(residual, several, pictures)


def test_maps_are_pooled_by_their_mean_as_onnx_runtime_gives_them(residual, pictures, folder):
    import onnxruntime

    whole = with_outputs(folder / "backbone.onnx", ["block1"])
    session = onnxruntime.InferenceSession(whole, providers=["CPUExecutionProvider"])
    items = items_of(residual, pictures)
    [batch] = residual.reader.batches(items, 7)
    [tensor] = session.run(["block1"], {"image": next(iter(batch.feeds.values()))})
    several = SeveralTaps(residual, ["block1"])
    rows = several.rows(several.embed_items(items), several.views[0])
    np.testing.assert_allclose(rows, tensor.mean(axis=(2, 3)), atol=1e-6)


@pytest.mark.parametrize(("tokens", "poolings"), [(0, ["mean"]), (1, None), (5, None)])
def test_tokens_give_the_class_token_the_mean_of_patches_and_both(
    tokens, poolings, folder, pictures
):
    backbone = block_backbone(save_patch_net(folder / "backbone.onnx", tokens=tokens))
    several = SeveralTaps(backbone, ["block1"])
    behind = "" if tokens == 1 else f":{tokens}"
    expected = poolings or ["cls", f"patch-mean{behind}", f"cls+mean{behind}"]
    assert [view.pooling for view in several.views if view.tap == "block1"] == expected
    check_views(backbone, several, pictures)


def test_rows_are_normalised_where_the_card_says_so(folder, pictures):
    backbone = block_backbone(save_patch_net(folder / "backbone.onnx"), normalize=True)
    several = SeveralTaps(backbone, ["block1"])
    wide = several.embed_items(items_of(backbone, pictures))
    for view in several.views:
        assert np.linalg.norm(several.rows(wide, view), axis=1) == pytest.approx(1)
    check_views(backbone, several, pictures)


def test_a_graph_that_insists_on_its_batch_gives_the_same_rows(folder, pictures):
    path = save_residual_net(folder / "backbone.onnx")
    rows = []
    for batch in ("N", 3):
        model = onnx.load(str(path))
        for value in (*model.graph.input, *model.graph.output):
            value.type.tensor_type.shape.dim[0].Clear()
            first = value.type.tensor_type.shape.dim[0]
            setattr(first, "dim_value" if batch == 3 else "dim_param", batch)
        onnx.save(model, str(path))
        backbone = block_backbone(path)
        several = SeveralTaps(backbone, ["block0"])
        rows.append(several.embed_items(items_of(backbone, pictures)))
    np.testing.assert_allclose(*rows, atol=1e-6)


def test_maps_in_another_layout_than_the_cards_are_left_out_in_words(keras_net):
    backbone = block_backbone(
        keras_net, tap="features", layout="NHWC", pooling="mean", channel_axis=3
    )
    with pytest.warns(FeatxWarning, match="no rows can be made of a3, which are left out"):
        several = SeveralTaps(backbone, ["a3"])
    assert [view.tap for view in several.views] == ["features"]


def test_a_tensor_of_another_type_than_it_seems_is_left_out_in_words(folder, pictures):
    path = save_residual_net(folder / "backbone.onnx")
    model = onnx.load(str(path))
    # An operator that ONNX does not know: inference does not tell that it gives numbers of eight bits.
    scale = onnx.numpy_helper.from_array(np.float32(0.1), "scale")
    zero = onnx.numpy_helper.from_array(np.uint8(3), "zero")
    model.graph.initializer.extend([scale, zero])
    inputs = ["block0", "scale", "zero"]
    quantize = onnx.helper.make_node("QuantizeLinear", inputs, ["bits"], domain="com.microsoft")
    model.graph.node.append(quantize)
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    onnx.save(model, str(path))
    backbone = block_backbone(path)
    with pytest.warns(FeatxWarning, match="bits is left out"):
        several = SeveralTaps(backbone, ["block0", "bits"])
    assert [view.tap for view in several.views] == ["block0", "embedding"]
    check_views(backbone, several, pictures)


def test_a_tensor_that_is_not_there_is_refused_by_name(residual):
    with pytest.raises(UnknownTap, match="block9"):
        SeveralTaps(residual, ["block9"])


@pytest.mark.slow
def test_eight_bit_graphs_and_texts_give_the_rows_of_each_tap():
    from featx.catalog import verify_files

    for name, samples in (
        ("featx-text-nano", ["a cat", "it rained all day", "no"]),
        ("featx-image-nano", [np.full((40, 50, 3), value, np.uint8) for value in (10, 200)]),
    ):
        backbone = Backbone(name)
        every = stages(verify_files(backbone.card)[backbone.card.graph.name], ["embedding"])
        several = SeveralTaps(backbone, [tap.name for tap in every][-4:])
        check_views(backbone, several, samples, atol=1e-4)


@pytest.mark.slow
def test_real_backbones_give_the_rows_of_each_tap(shared_models, rng):
    picture = [rng.integers(0, 256, (230, 240, 3), dtype=np.uint8)]
    sound = [rng.normal(0, 0.1, 20_000).astype(np.float32)]
    for name, taps, samples in (
        ("vit-tiny-patch16-224", ["add_154"], picture),
        ("all-minilm-l6-v2", ["layernormalization_80"], ["a cat", "it rained all day long"]),
        ("yamnet", ["relu_32"], sound),
    ):
        backbone = Backbone(name)
        check_views(backbone, SeveralTaps(backbone, taps), samples)


def test_an_interrupted_pass_continues_from_the_cache(residual, pictures, tmp_path):
    several = SeveralTaps(residual, ["block0", "block1"])
    cache = RowCache(tmp_path / "rows.sqlite")
    engine = Engine(cache=cache, n_jobs=1, batch_size=2)
    samples = make_samples(pictures)
    first = Engine(n_jobs=1).embed(samples, several).embeddings
    engine.embed(samples[:4], several)
    assert cache.info().rows == 4
    np.testing.assert_allclose(engine.embed(samples, several).embeddings, first, atol=1e-6)
    assert cache.info().rows == 7
    # other taps are other rows
    assert SeveralTaps(residual, ["block0"]).cache_key != several.cache_key
    assert json.loads(json.dumps(several.name)) == "3 taps of mine"
    cache.close()
