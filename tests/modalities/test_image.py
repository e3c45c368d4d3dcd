"""Images: what goes in, what comes out, and an oracle that shares no code with featx."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from featx.errors import BadCard, BadSample
from featx.modalities.image.settings import ImageSettings
from tests.support.files import png_of

IMAGENET = {
    "resize": 256,
    "crop": 224,
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}


def read(data, **table):
    images = ImageSettings.from_table(table)
    return images.read(images.load(data))


def encode(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(width, height, seed=0):
    """Smooth structure and some grain, as photos have."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    return Image.fromarray(
        np.clip(smooth + rng.integers(-20, 21, smooth.shape), 0, 255).astype(np.uint8)
    )


def by_torchvision(image, resize, crop, mean, std, resample):
    """torchvision's Resize, CenterCrop, ToTensor, Normalize, from its documentation, on a whole image."""
    width, height = image.size
    short, long = sorted((width, height))
    new_short, new_long = resize, int(resize * long / short)
    size = (new_short, new_long) if width <= height else (new_long, new_short)
    resized = image if size == image.size else image.resize(size, resample)
    left = round((size[0] - crop) / 2.0)
    top = round((size[1] - crop) / 2.0)
    values = np.asarray(resized.crop((left, top, left + crop, top + crop)), np.float64) / 255
    return ((values - mean) / std).transpose(2, 0, 1)


@given(
    width=st.integers(20, 700),
    height=st.integers(20, 700),
    resize=st.integers(32, 260),
    margin=st.integers(0, 31),
    kind=st.sampled_from(["bilinear", "bicubic", "lanczos", "hamming", "box", "nearest"]),
)
@settings(max_examples=100, deadline=None)
def test_one_pass_gives_what_resizing_and_then_cropping_gives(width, height, resize, margin, kind):
    image = picture(width, height)
    mean, std = np.array(IMAGENET["mean"]), np.array(IMAGENET["std"])
    table = {**IMAGENET, "resize": resize, "crop": resize - margin, "interpolation": kind}
    expected = by_torchvision(
        image, resize, resize - margin, mean, std, Image.Resampling[kind.upper()]
    )
    found = read(image, **table)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    assert np.abs(found - expected).mean() * std.min() < 1 / 255


def test_photos_come_out_as_torchvision_prepares_them(shared_data):
    mean, std = np.array(IMAGENET["mean"]), np.array(IMAGENET["std"])
    for path in sorted((shared_data / "cats_dogs" / "test" / "cats").iterdir())[:12]:
        expected = by_torchvision(
            Image.open(path).convert("RGB"), 256, 224, mean, std, Image.Resampling.BILINEAR
        )
        assert np.abs(read(path, **IMAGENET) - expected).mean() * std.min() < 1 / 255 / 4


def test_every_kind_of_source_gives_the_same_tensor(tmp_path):
    image = picture(90, 70)
    data = encode(image, "PNG")
    path = tmp_path / "a b.png"
    path.write_bytes(data)
    sources = [path, str(path), data, bytearray(data), io.BytesIO(data), image, np.asarray(image)]
    tensors = [read(source, **IMAGENET) for source in sources]
    for tensor in tensors[1:]:
        np.testing.assert_array_equal(tensor, tensors[0])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_as_its_exif_says(orientation):
    upright = picture(60, 40)
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = read(encode(stored, "PNG", exif=exif))
    np.testing.assert_array_equal(found, read(upright))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_broken_exif_block_does_not_cost_the_photo():
    image = picture(40, 30)
    found = read(encode(image, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12"))
    assert found.shape == (3, 30, 40)


def test_a_palette_is_looked_up():
    image = picture(40, 30).quantize(16)
    np.testing.assert_array_equal(read(encode(image, "PNG")), read(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_what_is_transparent_is_seen_on_white(mode):
    clear = Image.new("RGBA", (8, 8), (10, 20, 30, 0)).convert(mode)
    np.testing.assert_array_equal(read(clear), np.ones((3, 8, 8), np.float32))


def test_a_transparent_palette_colour_is_seen_on_white():
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 200, 0, 0])
    found = read(encode(image, "PNG", transparency=1))
    np.testing.assert_array_equal(found, np.ones((3, 8, 8), np.float32))


def test_grey_is_grey_in_every_channel():
    grey = picture(30, 20).convert("L")
    found = read(grey)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(read(grey, color="L")[0], found[0])
    assert read(grey, color="L").shape == (1, 20, 30)


def test_sixteen_bits_keep_their_contrast():
    values = np.linspace(0, 65535, 64 * 64).reshape(64, 64)
    found = read(encode(Image.fromarray(values.astype(np.uint16)), "PNG"))
    np.testing.assert_allclose(found[0], values / 65535, atol=1 / 255)


def test_floating_point_pictures_are_from_0_to_1_or_refused():
    values = np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10)
    np.testing.assert_allclose(read(Image.fromarray(values))[0], values, atol=1 / 255)
    with pytest.raises(BadSample, match="expected 0 to 1"):
        read(Image.fromarray(values * 300))


def test_cmyk_becomes_rgb():
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    red = read(encode(image, "JPEG"))
    assert red[0].mean() > 0.9
    assert red[1:].mean() < 0.1


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_an_animation_the_first_frame_counts(kind):
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "blue")]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
    found = read(data)
    assert found[0].mean() > 0.9
    assert found[2].mean() < 0.1


@pytest.mark.parametrize("kind", ["TIFF", "WEBP", "BMP", "PPM", "JPEG", "GIF"])
def test_common_formats_are_read(kind):
    image = picture(40, 30)
    found = read(encode(image, kind, **({"lossless": True} if kind == "WEBP" else {})))
    assert found.shape == (3, 30, 40)
    assert np.abs(found - read(image)).mean() < 0.1


# -- what Keras calls torch, tf and caffe --------------------------------------------------------


def test_the_torch_way_divides_by_255_then_standardises(rng):
    pixels = rng.integers(0, 256, (9, 7, 3), dtype=np.uint8)
    mean, std = np.array(IMAGENET["mean"]), np.array(IMAGENET["std"])
    found = read(pixels, mean=IMAGENET["mean"], std=IMAGENET["std"])
    np.testing.assert_allclose(found, ((pixels / 255 - mean) / std).transpose(2, 0, 1), atol=1e-5)


def test_the_tf_way_scales_to_minus_one_and_one(rng):
    pixels = rng.integers(0, 256, (9, 7, 3), dtype=np.uint8)
    found = read(pixels, scale=1 / 127.5, mean=[1, 1, 1], layout="NHWC")
    np.testing.assert_allclose(found, pixels / 127.5 - 1, atol=1e-6)


def test_the_caffe_way_is_bgr_less_the_mean_of_imagenet(rng):
    pixels = rng.integers(0, 256, (9, 7, 3), dtype=np.uint8)
    mean = [103.939, 116.779, 123.68]
    found = read(pixels, scale=1, mean=mean, color="BGR", layout="NHWC")
    np.testing.assert_allclose(found, pixels[:, :, ::-1] - np.array(mean), atol=1e-4)


def test_a_pair_stretches_to_height_and_width():
    assert read(picture(90, 40), resize=[24, 32]).shape == (3, 24, 32)


def test_a_graph_that_takes_bytes_is_given_bytes(rng):
    pixels = rng.integers(0, 256, (9, 7, 3), dtype=np.uint8)
    found = read(pixels, dtype="uint8", layout="NHWC")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, pixels)


# -- draft ---------------------------------------------------------------------------------------


def test_draft_decodes_a_large_jpeg_smaller_and_keeps_what_is_seen():
    data = encode(picture(1600, 1200), "JPEG", quality=92)
    exact = read(data, resize=72, crop=64)
    draft = read(data, resize=72, crop=64, draft=2)
    assert draft.shape == exact.shape
    assert np.abs(draft - exact).mean() < 2 / 255
    assert np.abs(draft - exact).max() > 0  # it did something


def test_draft_leaves_alone_what_is_not_large_enough():
    data = encode(picture(460, 400), "JPEG")
    np.testing.assert_array_equal(read(data, resize=256, draft=2), read(data, resize=256))


# -- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"this is a text file", "not an image"),
        (b"", "empty"),
        (encode(picture(64, 64), "JPEG")[:700], "damaged image"),
        (encode(picture(64, 64), "PNG")[:700], "damaged image"),
        (png_of(50_000, 50_000), "too large"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "not an image|damaged"),
        (b"GIF89a" + b"\xff" * 40, "not an image|damaged"),
        (b"II*\0" + b"\xff" * 40, "not an image|damaged"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "not an image|damaged"),
    ],
)
def test_broken_bytes_are_refused_in_words(data, words):
    with pytest.raises(BadSample, match=words):
        read(data)


def test_more_pixels_than_the_limit_are_refused_before_they_are_decoded():
    with pytest.raises(BadSample, match="more than the limit of 1000"):
        read(picture(40, 30), max_pixels=1000)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 3), complex),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros(4, np.uint8),
    ],
)
def test_an_array_that_is_no_picture_is_refused_with_its_shape(array):
    with pytest.raises(BadSample, match="expected uint8 of shape"):
        read(array)


def test_an_image_smaller_than_the_crop_is_refused_when_nothing_resizes_it():
    with pytest.raises(BadSample, match="smaller than the crop"):
        read(picture(20, 20), crop=32)


@given(
    st.binary(max_size=300),
    st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"]),
    st.data(),
)
@settings(max_examples=150, deadline=None)
def test_no_bytes_make_anything_but_a_tensor_or_a_refusal(noise, kind, data):
    good = bytearray(encode(picture(20, 16), kind))
    at = data.draw(st.integers(0, len(good)))
    good[at : at + len(noise)] = noise
    with contextlib.suppress(BadSample):
        assert read(bytes(good), resize=16, crop=16).shape == (3, 16, 16)


@pytest.mark.parametrize(
    "table",
    [
        {"resize": 0},
        {"resize": [1, 2, 3]},
        {"resize": 64, "crop": 72},
        {"interpolation": "magic"},
        {"color": "HSV"},
        {"layout": "CHWN"},
        {"mean": [1, 2]},
        {"std": [0, 1, 1]},
        {"colour": "RGB"},
        {"scale": "1/255"},
        {"draft": "yes"},
        {"draft": 0.5},
        {"max_pixels": 0},
    ],
)
def test_a_table_that_cannot_be_is_refused(table):
    with pytest.raises(BadCard, match=r"\[image\]"):
        ImageSettings.from_table(table)


def test_a_whole_number_and_a_float_are_the_same_setting():
    assert ImageSettings.from_table(
        {"scale": 1, "mean": [1, 2, 3], "draft": 2}
    ) == ImageSettings.from_table({"scale": 1.0, "mean": [1.0, 2.0, 3.0], "draft": 2.0})
    assert isinstance(ImageSettings.from_table({"scale": 1}).scale, float)


def test_equal_content_has_an_equal_digest_and_other_content_another(rng):
    images = ImageSettings()
    pixels = rng.integers(0, 256, (9, 7, 3), dtype=np.uint8)
    same = images.digest(pixels)
    assert len(same) == 32
    assert images.digest(pixels.copy()) == images.digest(Image.fromarray(pixels)) == same
    assert images.digest(pixels.reshape(7, 9, 3)) != same
    assert images.digest(pixels[:, :, ::-1]) != same
