"""Adding models of images: which tensor and pooling, layouts, types and batches of graphs, what is refused."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from PIL import Image

from featx.backbones.adding import add_backbone
from featx.backbones.backbone import Backbone
from featx.errors import BadModelFolder, FeatxWarning
from tests.support import hub_nets
from tests.support.nets import save_keras_net

pytestmark = pytest.mark.filterwarnings("ignore::featx.errors.FeatxNotice")


@pytest.fixture(autouse=True)
def directory(own_directory):
    """What is added lands in a model directory of the test's own."""


@pytest.fixture
def picture(rng):
    """Of the size that the folders ask for, so that nothing is resized."""
    return Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8))


@pytest.fixture
def folder(tmp_path):
    """A function that makes a folder of a ViTImageProcessor of 32 pixels; its graph is what is saved."""

    def make(save, model_type=None, **config):
        folder = tmp_path / "tiny-images"
        save(folder / "onnx" / "model.onnx")
        table = {
            "image_processor_type": "ViTImageProcessorFast",
            "size": {"height": 32, "width": 32},
            "image_mean": [0.5, 0.25, 0.75],
            "image_std": [0.5, 1.0, 0.25],
            "resample": 2,
        }
        hub_nets.write_json(folder, "preprocessor_config.json", table)
        if model_type:
            config["model_type"] = model_type
        hub_nets.write_json(folder, "config.json", config)
        return folder

    return make


def as_processed(picture):
    """What the processor of the folder makes of a picture of its size, by its documentation."""
    values = np.asarray(picture).astype(np.float32) / 255
    values = (values - [0.5, 0.25, 0.75]) / [0.5, 1.0, 0.25]
    return values.transpose(2, 0, 1)[None].astype(np.float32)


def outputs_of(folder, values):
    session = onnxruntime.InferenceSession(folder / "onnx" / "model.onnx")
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {session.get_inputs()[0].name: values}), strict=True))


POOLED = {
    "vit": lambda states: states[:, 0],
    "deit": lambda states: states[:, 0],
    "dinov2": lambda states: states[:, 0],
    "beit": lambda states: states[:, 1:].mean(axis=1),
    "swin": lambda states: states.mean(axis=1),
    "ijepa": lambda states: states.mean(axis=1),
}


@pytest.mark.parametrize("model_type", POOLED)
def test_a_row_is_what_the_model_is_known_by(folder, picture, model_type):
    made = folder(hub_nets.save_vit, model_type)
    card = add_backbone(made)
    states = outputs_of(made, as_processed(picture))["last_hidden_state"]
    row = Backbone(card).embed([picture])
    np.testing.assert_allclose(row, POOLED[model_type](states), rtol=1e-4, atol=1e-5)


def test_registers_are_no_patches(folder, picture):
    made = folder(lambda path: hub_nets.save_vit(path, registers=4), "beit", num_register_tokens=4)
    states = outputs_of(made, as_processed(picture))["last_hidden_state"]
    card = add_backbone(made)
    assert card.pooling == "patch-mean:5"
    expected = states[:, 5:].mean(axis=1)
    np.testing.assert_allclose(Backbone(card).embed([picture]), expected, rtol=1e-4, atol=1e-5)
    both = add_backbone(made, name="both", pooling="cls+mean:5")
    expected = np.concatenate([states[:, 0], expected], axis=1)
    np.testing.assert_allclose(Backbone(both).embed([picture]), expected, rtol=1e-4, atol=1e-5)


def test_what_a_convnext_gives_after_its_norm_is_taken(folder, picture):
    made = folder(lambda path: hub_nets.save_maps(path, pooler=True), "convnext")
    expected = outputs_of(made, as_processed(picture))["pooler_output"]
    row = Backbone(add_backbone(made)).embed([picture])
    np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-5)


def test_a_map_is_averaged(folder, picture):
    made = folder(hub_nets.save_maps, "resnet")
    expected = outputs_of(made, as_processed(picture))["last_hidden_state"].mean(axis=(2, 3))
    row = Backbone(add_backbone(made)).embed([picture])
    np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scores", ["logits", "output"])
def test_before_the_scores_of_classes_stands_the_embedding(folder, picture, scores):
    labels = {str(k): f"class {k}" for k in range(7)}
    made = folder(
        lambda path: hub_nets.save_classifier(path, scores=scores), "vit", id2label=labels
    )
    card = add_backbone(made)
    assert (card.output, card.dim) == ("penultimate", hub_nets.DIM)
    graph = onnx.load(made / "onnx" / "model.onnx").graph
    head, bias = (
        onnx.numpy_helper.to_array(next(t for t in graph.initializer if t.name == name))
        for name in ("head", "bias")
    )
    found = outputs_of(made, as_processed(picture))[scores]
    row = Backbone(card).embed([picture])
    np.testing.assert_allclose(row @ head + bias, found, rtol=1e-4, atol=1e-5)


def test_both_towers_in_one_graph_give_the_image_tower(folder, picture):
    made = folder(hub_nets.save_clip, "clip")
    with pytest.warns(FeatxWarning, match="two towers: image_embeds was taken; tap='text_embeds'"):
        card = add_backbone(made)
    assert (card.output, card.modality) == ("image_embeds", "image")
    assert Backbone(card).embed([picture]).shape == (1, hub_nets.DIM)


def test_weights_beside_a_graph_come_along(folder, picture):
    made = folder(hub_nets.save_vit, "vit")
    whole = Backbone(add_backbone(made, name="whole")).embed([picture])
    path = made / "onnx" / "model.onnx"
    options = {"save_as_external_data": True, "size_threshold": 100, "location": "model.onnx_data"}
    onnx.save(onnx.load(path), path, **options)
    card = add_backbone(made, name="split")
    assert [file.name for file in card.files] == ["model.onnx_data"]
    np.testing.assert_array_equal(Backbone(card).embed([picture]), whole)


@pytest.mark.parametrize("batch", [1, 4])
def test_a_batch_that_is_fixed_is_filled_up(folder, picture, batch):
    made = folder(lambda path: hub_nets.save_vit(path, batch=batch), "vit")
    backbone = Backbone(add_backbone(made))
    rows = backbone.embed([picture] * 3)
    assert rows.shape == (3, hub_nets.DIM)
    np.testing.assert_allclose(rows[1:], rows[:2], rtol=1e-6)


def test_a_graph_of_half_precision_is_fed_half_precision(folder, picture):
    made = folder(hub_nets.save_vit, "vit")
    whole = Backbone(add_backbone(made, name="whole")).embed([picture])
    path = made / "onnx" / "model_fp16.onnx"
    hub_nets.save_in_half(made / "onnx" / "model.onnx", path)
    card = add_backbone(made, name="half", file="onnx/model_fp16.onnx")
    assert card.input.dtype == "float16"
    np.testing.assert_allclose(Backbone(card).embed([picture]), whole, rtol=0.02, atol=0.01)


def test_channels_that_come_last_are_fed_so(folder, picture):
    """As Keras exports, beside a configuration of transformers."""

    def save(path):
        path.parent.mkdir(parents=True)
        return save_keras_net(path)

    made = folder(save, "resnet")
    table = {"image_processor_type": "ViTImageProcessor", "size": {"height": 16, "width": 16}}
    hub_nets.write_json(made, "preprocessor_config.json", table)
    card = add_backbone(made)
    assert (card.input.layout, card.output, card.pooling, card.dim) == (
        "NHWC",
        "features",
        "mean",
        5,
    )
    assert 'layout = "NHWC"  # the graph' in card.path.read_text(encoding="utf-8")
    values = np.asarray(picture.crop((0, 0, 16, 16)))
    processed = (values[None].astype(np.float32) / 255 - 0.5) / 0.5
    expected = outputs_of(made, processed)["features"].mean(axis=(1, 2))
    row = Backbone(card).embed([values])
    np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-5)


def test_a_graph_that_takes_bytes_is_fed_bytes(folder, picture):
    def save(path):
        hub_nets.save_maps(path)
        model = onnx.load(path)
        image = model.graph.input[0]
        image.type.tensor_type.elem_type = TensorProto.UINT8
        model.graph.node.insert(0, helper.make_node("Cast", [image.name], ["floats"], to=1))
        model.graph.node[1].input[0] = "floats"
        onnx.save(model, path)

    made = folder(save, "resnet")
    card = add_backbone(made)
    assert (card.input.dtype, card.input.mean, card.input.std) == ("uint8", (), ())
    values = np.asarray(picture).transpose(2, 0, 1)[None]
    expected = outputs_of(made, values)["last_hidden_state"].mean(axis=(2, 3))
    np.testing.assert_allclose(Backbone(card).embed([picture]), expected, rtol=1e-4)


def test_a_size_that_the_graph_does_not_take_is_refused_with_both(folder):
    made = folder(lambda path: hub_nets.save_vit(path, size=(48, 48)), "vit", image_size=32)
    with pytest.raises(BadModelFolder) as caught:
        add_backbone(made)
    said = str(caught.value)
    assert "takes images of 48 × 48 pixels, the folder's recipe makes 32 × 32" in said
    assert "preprocessor_config.json: size" in said
    assert "say crop= or resize=" in said
    assert add_backbone(made, options={"resize": (48, 48)}).input.resize == (48, 48)


def test_a_key_that_changes_the_numbers_is_refused_by_name(folder):
    made = folder(hub_nets.save_vit, "vit")
    table = {"image_processor_type": "ViTImageProcessor", "do_solarize": True, "size": 32}
    hub_nets.write_json(made, "preprocessor_config.json", table)
    with pytest.raises(BadModelFolder, match="do_solarize"):
        add_backbone(made)


def test_patches_of_any_number_are_refused_by_name(folder):
    def save(path):
        shapes = {"pixel_values": ["N", "P", 768], "pixel_attention_mask": ["N", "P"]}
        nodes = [
            helper.make_node("Unsqueeze", ["pixel_attention_mask", "two"], ["column"]),
            helper.make_node("Mul", ["pixel_values", "column"], ["last_hidden_state"]),
        ]
        path.parent.mkdir(parents=True)
        inputs = [(name, 1, shape) for name, shape in shapes.items()]
        outputs = [("last_hidden_state", 1, ["N", "P", 768])]
        hub_nets.save(path, nodes, inputs, outputs, [hub_nets.ints("two", 2)])

    made = folder(save, "siglip2")
    with pytest.raises((BadModelFolder, ValueError), match="pixel_values"):
        add_backbone(made)


def test_rows_that_nearly_coincide_are_said(folder):
    """Pixels that are divided by 255 twice are nearly grey, all of them."""
    made = folder(hub_nets.save_vit, "vit")
    table = {"image_processor_type": "ViTImageProcessor", "size": 32, "rescale_factor": 1 / 255**2}
    hub_nets.write_json(made, "preprocessor_config.json", table)
    with pytest.warns(
        FeatxWarning, match="nearly the same .* preprocessing or its tap is probably"
    ):
        add_backbone(made)


def test_a_pooler_that_nobody_trained_is_taken_where_it_is_asked_for_alone(folder, picture):
    made = folder(hub_nets.save_vit, "vit")
    card = add_backbone(made, tap="pooler_output")
    assert (card.output, card.pooling) == ("pooler_output", "none")
    expected = outputs_of(made, as_processed(picture))["pooler_output"]
    np.testing.assert_allclose(Backbone(card).embed([picture]), expected, rtol=1e-4, atol=1e-5)
