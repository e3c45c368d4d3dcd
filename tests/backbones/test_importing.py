"""Adopting a graph of one's own: what the graph tells, what must be said, and Keras' own features."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from featx.backbones.backbone import Backbone
from featx.backbones.importing import LIKE, import_model, questions
from featx.catalog import get_card, user_directory
from featx.embedding.engine import Engine
from featx.errors import BadGraph, BadOption, UnknownTap
from featx.sources import make_samples
from tests.support.nets import FLOAT, save, save_keras_classifier

RESIZE = {"resize": (16, 16)}


@pytest.fixture(autouse=True)
def directory(own_directory):
    """What is added lands in a model directory of the test's own."""


def one_node(path, shape, kind=FLOAT, outputs=("y",)):
    """A graph that adds nothing of its own, but for its input's form."""
    nodes = [helper.make_node("Cast", ["x"], [name], to=FLOAT) for name in outputs]
    return save(path, nodes, [("x", kind, shape)], [(name, FLOAT, shape) for name in outputs])


@pytest.fixture
def photo(rng):
    coarse = Image.fromarray(rng.integers(0, 256, (6, 9, 3), dtype=np.uint8))
    return coarse.resize((45, 30), Image.Resampling.BICUBIC)


def as_keras_would(photo, mode):
    """keras.utils.load_img and imagenet_utils.preprocess_input, written from their documentation."""
    values = np.asarray(photo.resize((16, 16), Image.Resampling.NEAREST)).astype(np.float32)
    if mode == "tf":
        return values / 127.5 - 1
    if mode == "torch":
        return (values / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return values[..., ::-1] - [103.939, 116.779, 123.68]


@pytest.mark.parametrize("mode", ["torch", "tf", "caffe"])
@pytest.mark.parametrize("pooling", ["flatten", "mean"])
def test_an_export_from_keras_gives_the_features_of_keras(keras_net, photo, mode, pooling):
    options = {"resize": (16, 16), "interpolation": "nearest"}
    card = import_model(keras_net, name="vgg", like=mode, options=options, pooling=pooling)
    session = onnxruntime.InferenceSession(keras_net)
    [features] = session.run(None, {"images": as_keras_would(photo, mode)[None].astype(np.float32)})
    expected = features.reshape(1, -1) if pooling == "flatten" else features.mean(axis=(1, 2))
    backbone = Backbone("vgg")
    row = backbone.embed_items([backbone.reader.read(photo)])
    assert card.dim == row.shape[1] == expected.shape[1]
    assert np.abs(row - expected).max() < 1e-4 * np.abs(expected).max()


def test_what_the_graph_tells_is_in_the_card(keras_net):
    card = import_model(keras_net, name="net", like="tf")
    assert get_card("net") == card
    assert card.path == user_directory() / "net" / "card.toml"
    assert (card.input.layout, card.input.resize, card.input.dtype) == ("NHWC", (16, 16), "float32")
    assert (card.output, card.pooling, card.dim, card.channel_axis) == ("features", "mean", 5, -1)
    assert sorted(path.name for path in card.path.parent.iterdir()) == [
        "backbone.onnx",
        "card.toml",
    ]


def test_inside_an_export_from_keras_channels_come_first(keras_net, photo):
    import_model(keras_net, name="outside", like="tf")
    assert (
        import_model(keras_net, name="inside", like="tf", tap="map", pooling="mean").channel_axis
        is None
    )
    inside, outside = Backbone("inside"), Backbone("outside")
    np.testing.assert_allclose(
        inside.embed_items([inside.reader.read(photo)]),
        outside.embed_items([outside.reader.read(photo)]),
        rtol=1e-5,
    )


def test_options_win_over_what_is_usual(torch_net):
    options = {"resize": 20, "crop": 16, "mean": (0.5,), "color": "BGR", "interpolation": "bicubic"}
    card = import_model(torch_net, name="net", like="torch", options=options, tap="embedding")
    assert (card.input.mean, card.input.std) == ((0.5,) * 3, (0.229, 0.224, 0.225))
    assert (card.input.resize, card.input.crop, card.input.color) == (20, 16, "BGR")
    assert (card.output, card.pooling, card.dim) == ("embedding", "none", 5)


def test_a_short_side_is_cropped_to_what_the_graph_takes(keras_net):
    card = import_model(keras_net, name="net", like="torch")
    assert (card.input.resize, card.input.crop) == (18, (16, 16))


def test_the_layer_before_the_last_needs_no_name(torch_net):
    card = import_model(
        torch_net, name="net", like="torch", options={"resize": 16}, tap="penultimate"
    )
    assert (card.output, card.pooling, card.dim) == ("penultimate", "none", 5)


def test_what_is_lacking_is_said_in_one_line_with_its_options(torch_net):
    with pytest.raises(BadOption) as caught:
        import_model(torch_net, name="net")
    message = str(caught.value)
    assert "\n" not in message
    for option in ("like=", "scale=", "resize=", "tap= (", "logits, embedding, penultimate"):
        assert option in message
    assert not user_directory().exists()


def test_questions_end_when_all_is_said(torch_net):
    said = {}
    answers = {
        "like": "torch",
        "resize": 16,
        "interpolation": "box",
        "tap": "map",
        "pooling": "max",
    }
    asked = []
    while found := questions(torch_net, said):
        asked.append(found[0].option)
        said[asked[-1]] = answers[asked[-1]]
    assert asked == list(answers)


def test_a_graph_of_bytes_is_fed_bytes(tmp_path):
    path = one_node(tmp_path / "net.onnx", ["N", 4, 4, 3], TensorProto.UINT8)
    card = import_model(path, name="net", pooling="flatten")
    assert (card.input.dtype, card.dim) == ("uint8", 48)
    with pytest.raises(BadOption, match="takes pixels as they are"):
        import_model(path, name="other", like="torch", pooling="flatten")


def test_a_grey_graph_is_fed_grey(tmp_path):
    path = one_node(tmp_path / "net.onnx", ["N", 1, 4, 4])
    card = import_model(path, name="net", like="raw", pooling="flatten")
    assert (card.input.color, card.input.layout, card.dim) == ("L", "NCHW", 16)


def test_a_layout_that_the_graph_hides_must_be_said(tmp_path):
    path = one_node(tmp_path / "net.onnx", ["N", None, None, None])
    with pytest.raises(BadOption, match="layout="):
        import_model(path, name="net", like="raw", options=RESIZE, pooling="flatten")
    options = {**RESIZE, "layout": "NHWC"}
    assert import_model(path, name="net", like="raw", options=options, pooling="flatten").dim == 768


def test_a_graph_for_a_batch_of_eight_is_given_eight(tmp_path, rng):
    """Fewer would be filled up with copies, and their work thrown away."""
    path = one_node(tmp_path / "net.onnx", [8, 4, 4, 3])
    backbone = Backbone(import_model(path, name="net", like="raw", pooling="flatten"))
    assert backbone.batch_size == 8
    pictures = [rng.integers(0, 256, (4, 4, 3), dtype=np.uint8) for _ in range(11)]
    rows = Engine().embed(make_samples(pictures), backbone).embeddings
    np.testing.assert_array_equal(rows, np.stack(pictures).reshape(11, 48))


def test_a_sequence_needs_a_pooling(tmp_path):
    node = helper.make_node("Reshape", ["x", "shape"], ["tokens"])
    shape = numpy_helper.from_array(np.array([-1, 16, 3]), "shape")
    path = tmp_path / "vit.onnx"
    save(path, [node], [("x", FLOAT, ["N", 4, 4, 3])], [("tokens", FLOAT, ["N", 16, 3])], [shape])
    with pytest.raises(BadOption, match="pooling="):
        import_model(path, name="vit", like="tf")
    assert import_model(path, name="vit", like="tf", pooling="cls").dim == 3


@pytest.mark.parametrize("shape", [["N", 3], ["N", 3, 4], ["N", 3, 4, 4, 4]])
def test_a_graph_that_takes_no_images_is_refused(tmp_path, shape):
    with pytest.raises(BadGraph, match=r"expected an input \[N, 3, H, W\]"):
        import_model(one_node(tmp_path / "net.onnx", shape), name="net")


def test_a_graph_with_two_inputs_is_refused(tmp_path):
    node = helper.make_node("Add", ["x", "y"], ["z"])
    one, two, sum_ = ((name, FLOAT, ["N", 3, 4, 4]) for name in "xyz")
    with pytest.raises(BadGraph, match="expected one input, a batch of images; found x, y"):
        import_model(save(tmp_path / "net.onnx", [node], [one, two], [sum_]), name="net")


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\x08\x08\x00"])
def test_a_file_that_is_not_a_graph_is_refused(tmp_path, content):
    (tmp_path / "net.onnx").write_bytes(content)
    with pytest.raises(BadGraph, match=r"net\.onnx: not an ONNX graph"):
        import_model(tmp_path / "net.onnx", name="net")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadGraph, match="no such file"):
        import_model(tmp_path / "net.onnx", name="net")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"resize": (17, 16)}, "takes images of 16 × 16 pixels, the options make 17 × 16"),
        ({"resize": 20, "crop": 18}, "the options make 18 × 18"),
        ({"resize": (16, 16), "color": "CMYK"}, "color = 'CMYK'"),
        ({"resize": (16, 16), "std": (1.0, 2.0)}, "expected 3 numbers"),
        ({"resize": (16, 16), "zoom": 2}, "unknown key 'zoom'"),
    ],
)
def test_options_that_do_not_fit_are_refused_and_leave_nothing(keras_net, options, words):
    with pytest.raises(BadOption, match=words):
        import_model(keras_net, name="net", like="tf", options=options)
    assert not user_directory().exists()


def test_an_unknown_way_is_refused(keras_net):
    with pytest.raises(BadOption, match=f"expected one of {', '.join(LIKE)}"):
        import_model(keras_net, name="net", like="pytorch")


def test_an_unknown_tensor_is_refused_with_the_nearest(keras_net):
    with pytest.raises(UnknownTap, match="did you mean 'map'"):
        import_model(keras_net, name="net", like="tf", tap="maps")
    assert not user_directory().exists()


@pytest.mark.parametrize("name", ["", "../net", "a b", ".net"])
def test_a_name_that_cannot_be_a_folder_is_refused(keras_net, name):
    with pytest.raises(BadOption, match="expected letters, digits"):
        import_model(keras_net, name=name, like="tf")


def test_a_name_that_is_taken_is_refused(keras_net):
    import_model(keras_net, name="net", like="tf")
    for name in ("net", "featx-image-nano"):
        with pytest.raises(BadOption, match="choose another name"):
            import_model(keras_net, name=name, like="tf")


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (("Mul", [1 / 255]), None),
        (("Mul", [1 / 127.5]), ("Add", [-1.0])),
        (("Div", [255.0]), None),
        (("Mul", [1 / 255] * 3), ("Sub", [0.485, 0.456, 0.406])),
        (("Sub", [103.939, 116.779, 123.68]), None),
        (("Add", [-123.68, -116.779, -103.939]), ("Mul", [0.017] * 3)),
    ],
)
def test_a_graph_that_makes_numbers_of_pixels_itself_is_asked_nothing(first, then, tmp_path, photo):
    net = save_keras_classifier(tmp_path / "m.onnx", first=first, then=then)
    assert [one.option for one in questions(net, {}) if one.default is None] == []
    card = import_model(net, name="own")
    assert (card.input.scale, card.input.mean, card.input.std) == (1.0, (), ())
    assert "pixels of 0 to 255 itself" in card.note
    pixels = np.asarray(photo.resize((16, 16), Image.Resampling.BILINEAR), np.float32)
    [scores] = onnxruntime.InferenceSession(net).run(None, {"keras_tensor": pixels[None]})
    np.testing.assert_allclose(Backbone("own").embed([photo]), scores, atol=1e-6)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (None, None),
        (("Mul", [2.0]), ("Add", [-1.0])),
        (("Sub", [0.485, 0.456, 0.406]), ("Div", [0.229, 0.224, 0.225])),
    ],
)
def test_a_graph_that_takes_other_numbers_is_asked_about_them(first, then, tmp_path):
    net = save_keras_classifier(tmp_path / "m.onnx", first=first, then=then)
    with pytest.raises(BadOption, match=r"say also like= \(how pixels become numbers"):
        import_model(net, name="own")


def test_another_tap_of_a_graph_has_its_channels_where_the_map_has_them(tmp_path, photo, keras_net):
    import_model(save_keras_classifier(tmp_path / "m.onnx"), name="last")
    deep = Backbone(get_card("last").variant(tap="map", pooling="mean"))
    assert (deep.dim, deep.card.channel_axis) == (5, -1)
    by_name = Backbone(get_card("last").variant(tap="pooled"))
    np.testing.assert_allclose(deep.embed([photo]), by_name.embed([photo]), atol=1e-6)
    import_model(keras_net, name="outside", like="tf")
    inside = Backbone("outside", tap="map", pooling="mean")
    assert (inside.dim, inside.card.channel_axis) == (5, None)
    np.testing.assert_allclose(inside.embed([photo]), Backbone("outside").embed([photo]), rtol=1e-5)
    assert inside.fingerprint != Backbone("outside").fingerprint
