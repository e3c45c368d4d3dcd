"""Maps: what pooling would swallow, and where in the sample each position of it is."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from featx.backbones.backbone import Backbone
from featx.errors import BadGraph, BadOption, BadSample, BadSource
from featx.graphs.pooling import read_pooling
from featx.modalities.image.settings import ImageSettings
from featx.sources import Sample


@pytest.fixture
def mapped():
    return Backbone("featx-image-nano", tap="last-map", pooling="mean")


def test_the_pooled_map_is_the_row(mapped, rng):
    pictures = [rng.integers(0, 256, (70 + k, 90, 3), dtype=np.uint8) for k in range(5)]
    rows = mapped.embed(pictures)
    for row, found in zip(rows, mapped.embed_maps(pictures, batch_size=2), strict=True):
        [features] = found.maps
        assert features.shape == (7, 7, 512)
        np.testing.assert_allclose(features.mean((0, 1)), row, atol=1e-5)


@pytest.mark.slow
def test_tokens_come_without_padding_and_their_mean_is_the_row(shared_models):
    backbone = Backbone("all-minilm-l6-v2")
    texts = ["a", "It rained all day, and the streets were empty.", "the cat"]
    tokens = [found.maps for found in backbone.embed_maps(texts)]
    counts = [len(backbone.reader.tokenizer.encode(text).ids) for text in texts]
    assert [len(first) for [first] in tokens] == counts
    for [first], row in zip(tokens, backbone.embed(texts), strict=True):
        pooled = read_pooling(backbone.card.pooling).rows(first[None], None, None)[0]
        if backbone.card.normalize:
            pooled /= np.linalg.norm(pooled)
        np.testing.assert_allclose(pooled, row, atol=1e-5)


def test_windows_of_a_text_come_in_the_order_of_the_text(shared_models):
    backbone = Backbone("all-minilm-l6-v2", options={"long": "chunk-mean", "max_length": 9})
    text = "one two three four five six seven eight nine ten eleven twelve thirteen"
    [found] = backbone.embed_maps([text])
    spans = [
        [found.geometry.locate((k,), (len(tokens),), window) for k in range(len(tokens))]
        for window, tokens in enumerate(found.maps)
    ]
    assert len(spans) > 1
    starts = [span[0] for window in spans for span in window if span is not None]
    assert starts == sorted(starts)
    words = [text[span[0] : span[1]] for window in spans for span in window if span is not None]
    assert "".join(words) == text.replace(" ", "")


def test_a_tap_that_gives_rows_has_no_maps(rng):
    picture = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    with pytest.raises(BadGraph, match="the tap gives rows, not a map; choose another tap"):
        list(Backbone("featx-image-nano").embed_maps([picture]))


def stored_as(picture, orientation, form):
    """The bytes of a file that shows ``picture`` once its EXIF orientation is followed."""
    undo = {
        1: lambda image: image,
        2: ImageOps.mirror,
        3: lambda image: image.rotate(180),
        4: ImageOps.flip,
        5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
        6: lambda image: image.transpose(Image.Transpose.ROTATE_90),
        7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
        8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    undo(Image.fromarray(picture)).save(file, form, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("shape", "table", "form"),
    [
        ((400, 600), {"resize": 64, "crop": 64}, "PNG"),
        ((600, 400), {"resize": 80, "crop": (48, 64)}, "PNG"),
        ((400, 600), {"resize": (64, 64)}, "PNG"),
        ((300, 300), {"crop": 160, "interpolation": "nearest"}, "PNG"),
        ((400, 600), {"resize": 64, "crop": 64, "interpolation": "box"}, "PNG"),
        # decoded smaller by the JPEG decoder, to a part of a pixel at the right and below
        ((1003, 1501), {"resize": 64, "crop": 64, "draft": 1.0}, "JPEG"),
    ],
)
def test_a_square_of_the_picture_is_where_its_position_of_the_map_says(
    orientation, shape, table, form
):
    """Light up one position's box on the picture as it is stored: that position alone lights up."""
    reader = ImageSettings(**table)
    rows, columns, row, column = 4, 4, 1, 2
    blank = stored_as(np.zeros((*shape, 3), np.uint8), orientation, form)
    item, geometry = reader.read_with_geometry(blank)
    np.testing.assert_array_equal(item, reader.read(blank))
    left, top, right, bottom = geometry.locate((row, column), (rows, columns))
    with Image.open(io.BytesIO(blank)) as image:
        stored = np.array(image)
        exif = image.getexif()
    assert (geometry.height, geometry.width) == stored.shape[:2]
    assert 0 <= left < right <= geometry.width
    assert 0 <= top < bottom <= geometry.height
    stored[round(top) : round(bottom), round(left) : round(right)] = 255
    file = io.BytesIO()
    Image.fromarray(stored).save(file, form, exif=exif)
    seen = reader.read(file.getvalue())[0]
    height, width = seen.shape
    cells = seen.reshape(rows, height // rows, columns, width // columns).mean((1, 3))
    expected = np.zeros((rows, columns))
    expected[row, column] = 1
    np.testing.assert_allclose(cells, expected, atol=0.12)


def test_the_upright_box_is_that_of_the_turned_picture():
    turned = stored_as(np.zeros((100, 200, 3), np.uint8), 6, "PNG")
    _, geometry = ImageSettings(resize=50, crop=50).read_with_geometry(turned)
    assert geometry.locate_upright((0, 0), (1, 1)) == (50, 0, 150, 100)
    assert geometry.locate((0, 0), (1, 1)) == (0, 50, 100, 150)


def test_anything_that_is_a_sample_is_embedded(tmp_path, rng):
    backbone = Backbone("featx-image-nano")
    pixels = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    path = tmp_path / "photo.png"
    picture.save(path)
    content = path.read_bytes()
    rows = backbone.embed(
        [path, str(path), content, io.BytesIO(content), picture, pixels, Sample("x", pixels, "cat")]
    )
    assert rows.shape == (7, 384)
    np.testing.assert_allclose(rows, np.repeat(rows[:1], 7, axis=0), atol=1e-5)
    np.testing.assert_allclose(backbone.embed(np.stack([pixels, pixels])), rows[:2], atol=1e-5)
    assert backbone.embed([]).shape == (0, 384)


def test_texts_and_sounds_are_embedded_as_they_come(rng):
    texts = Backbone("featx-text-nano").embed(["It rained.", "a", "It rained."])
    np.testing.assert_array_equal(texts[0], texts[2])
    sound = rng.normal(size=8000).astype(np.float32)
    assert Backbone("featx-audio-mel").embed([sound, (sound, 8000)]).shape == (2, 320)


@pytest.mark.parametrize(
    ("name", "samples", "error", "words"),
    [
        ("featx-image-nano", "photo.jpg", BadSource, "found one str; put it in a list"),
        ("featx-image-nano", ["no-such.jpg"], BadSample, "no-such.jpg: .*file not found"),
        ("featx-image-nano", [b"no image"], BadSample, "0: not an image"),
        ("featx-image-nano", [np.zeros((3, 64, 64), np.float32)], BadSample, "expected uint8"),
        ("featx-image-nano", [None], BadSample, "NoneType"),
        ("featx-text-nano", [3], BadSample, "the number 3: expected a text"),
        ("featx-audio-mel", [np.zeros(0, np.float32)], BadSample, "no samples"),
    ],
)
def test_what_is_no_sample_is_refused_in_words(name, samples, error, words):
    with pytest.raises(error, match=words):
        Backbone(name).embed(samples)


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("featx-image-nano", "photo.jpg"),
        ("featx-image-nano", np.zeros((64, 64, 3), np.uint8)),
        ("featx-text-nano", "a text"),
        ("featx-audio-mel", np.zeros(800, np.float64)),
    ],
)
def test_what_is_no_item_is_refused_with_the_way_to_embed_it(name, item):
    with pytest.raises(BadOption, match=r"item 0 is a .*embed takes paths"):
        Backbone(name).embed_items([item])


def test_a_picture_of_another_size_than_the_graph_takes_is_refused_in_our_words(shared_models, rng):
    backbone = Backbone("resnet8-cifar10", options={"resize": 40, "crop": 40})
    with pytest.raises(BadGraph, match=r"the graph takes 'input' of .*32 × 32.*makes 3 × 40 × 40"):
        backbone.embed([rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)])


def test_a_batch_size_that_is_none_is_refused(rng):
    with pytest.raises(BadOption, match="batch_size = -1: expected 1 or more"):
        Backbone("featx-image-nano").embed([np.zeros((9, 9, 3), np.uint8)], batch_size=-1)
