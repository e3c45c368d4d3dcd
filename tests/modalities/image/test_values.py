"""Values out of eight bits: the range is in the type, in the card, or it is refused or told by name."""

import warnings

import numpy as np
import pytest
from PIL import Image

from featx import Backbone, Engine, FeatxWarning, make_samples
from featx.errors import BadSample
from featx.modalities.image.settings import ImageSettings
from tests.support.pictures import encode, read, tiff

# level of each pixel of 8 × 32, from 0 to 1
RAMP = np.linspace(0, 1, 256).reshape(8, 32)


def ramp_of(low, high, kind):
    return np.round(low + RAMP * (high - low)).astype(kind)


def assert_ramp(found):
    """The tensor shows the ramp, to one level of 255."""
    np.testing.assert_allclose(found[0], RAMP, atol=0.51 / 255)


@pytest.mark.parametrize("bits", [9, 10, 12, 14, 16])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "numpy", "Pillow"])
def test_a_range_brings_the_bits_of_a_sensor_to_black_and_white(bits, kind):
    values = ramp_of(0, 2**bits - 1, np.uint16)
    image = Image.fromarray(values)
    data = {"numpy": values, "Pillow": image}.get(kind)
    data = encode(image, kind) if data is None else data
    assert_ramp(read(data, range=[0, 2**bits - 1]))


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_few_bits_in_sixteen_are_told_with_the_option(bits, kind):
    data = encode(Image.fromarray(ramp_of(0, 2**bits - 1, np.uint16)), kind)
    with pytest.warns(FeatxWarning, match=rf"small part of their range.*range=0,{2**bits - 1}"):
        read(data)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_few_bits_in_sixteen_of_colour_are_told_and_a_range_brings_them_back(kind):
    colors = np.stack([ramp_of(0, 4095, np.uint16)] * 3, axis=2)
    data = _png_of_colors(colors) if kind == "PNG" else tiff(colors, format_=1)
    with pytest.warns(FeatxWarning, match="small part of their range"):
        read(data)
    assert_ramp(read(data, range=[0, 4095]))


def _png_of_colors(values):
    """A 16-bit PNG in colour, which Pillow does not write: filter 0 before each line."""
    import struct
    import zlib

    height, width, _ = values.shape
    lines = values.astype(">u2").reshape(height, -1)
    raw = b"".join(b"\0" + line.tobytes() for line in lines)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))]
    chunks += [(b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def test_sixteen_full_bits_are_read_without_a_word():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_ramp(read(encode(Image.fromarray(ramp_of(0, 65535, np.uint16)), "PNG")))
        read(np.full((8, 8), 40_000, np.uint16))
        read(np.zeros((8, 8), np.uint16))


@pytest.mark.parametrize("order", ["<", ">"])
def test_signed_sixteen_bits_go_from_their_least_to_their_largest(order):
    values = ramp_of(-32768, 32767, np.int16)
    assert_ramp(read(values.astype(f"{order}i2")))
    assert_ramp(read(tiff(values, format_=2)))


def test_scans_with_negative_values_have_rows_of_their_own():
    scans = [np.full((16, 16), level, np.int16) for level in range(-1000, -200, 100)]
    files = [tiff(scan, format_=2) for scan in scans]
    tensors = {read(file, range=[-1024, 3071]).tobytes() for file in files}
    assert len(tensors) == 8
    with pytest.warns(FeatxWarning, match="small part of their range"):
        read(files[0])


def test_signed_eight_bits_are_no_unsigned_ones():
    assert_ramp(read(tiff(ramp_of(-128, 127, np.int8), format_=2)))
    assert_ramp(read(ramp_of(-128, 127, np.int8)))


def test_32_bit_integers_are_taken_for_sixteen_or_refused():
    assert_ramp(read(tiff(ramp_of(0, 65535, np.int32), format_=2)))
    assert_ramp(read(tiff(ramp_of(0, 65535, np.uint32), format_=1)))
    for values, format_ in [
        (ramp_of(0, 2**31 - 1, np.int32), 2),
        (ramp_of(-1000, 3000, np.int32), 2),
        (ramp_of(0, 2**32 - 1, np.uint32), 1),
    ]:
        with pytest.raises(BadSample, match="expected 0 to 65535, or range=LOW,HIGH"):
            read(tiff(values, format_=format_))
        assert_ramp(
            read(tiff(values, format_=format_), range=[int(values.min()), int(values.max())])
        )


@pytest.mark.parametrize(
    ("low", "high"), [(0, 255), (-1, 1), (-1000, 3000), (0, 1.5), (-0.2, 0.9), (0, 65535)]
)
@pytest.mark.parametrize("kind", ["TIFF", "float32", "float64", "Pillow"])
def test_floating_point_numbers_outside_0_to_1_are_refused_unless_a_range_is_given(low, high, kind):
    values = (low + RAMP * (high - low)).astype("float64" if kind == "float64" else "float32")
    data = {"TIFF": tiff(values, format_=3), "Pillow": Image.fromarray(values)}.get(kind, values)
    if kind == "float64":
        data = values
    with pytest.raises(BadSample, match=r"floating-point image .*expected 0 to 1, or range"):
        read(data)
    assert_ramp(read(data, range=[low, high]))


def test_floating_point_numbers_from_0_to_1_are_what_eight_bits_are():
    eight = ramp_of(0, 255, np.uint8)
    for values in (eight / 255, (eight / 255).astype(np.float32), (eight / 255).astype(np.float16)):
        np.testing.assert_allclose(read(values), read(eight), atol=0.5 / 255)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(odd):
    values = RAMP.astype(np.float32)
    values[3, 3] = odd
    for table in ({}, {"range": [0, 1]}):
        with pytest.raises(BadSample, match="not finite"):
            read(tiff(values, format_=3), **table)
        with pytest.raises(BadSample, match="not finite"):
            read(values, **table)


@pytest.mark.parametrize("kind", ["int64", "int32", "uint32", "uint64"])
def test_an_array_of_integers_whose_range_nobody_means_is_refused_by_name(kind):
    values = ramp_of(0, 255, kind)
    with pytest.raises(BadSample, match=f"array of {kind}: expected uint8 .*range=LOW,HIGH"):
        read(values)
    assert_ramp(read(values, range=[0, 255]))


def test_truth_values_are_black_and_white():
    mask = RAMP > 0.5
    np.testing.assert_array_equal(read(mask)[0], mask.astype(np.float32))
    np.testing.assert_array_equal(read(Image.fromarray(mask))[0], mask.astype(np.float32))


def test_how_opaque_a_pixel_is_has_no_range():
    values = np.dstack([np.full((4, 4), 63, np.uint8)] * 3 + [np.full((4, 4), 255, np.uint8)])
    for data in (values, Image.fromarray(values), encode(values, "PNG")):
        np.testing.assert_array_equal(read(data, range=[0, 63]), np.ones((3, 4, 4), np.float32))


def test_a_range_counts_for_eight_bits_too_and_unfitting_ones_are_told():
    dark = ramp_of(0, 63, np.uint8)
    np.testing.assert_allclose(read(encode(dark, "PNG"), range=[0, 63])[0], RAMP, atol=2 / 255)
    with pytest.warns(FeatxWarning, match="small part of their range"):
        read(encode(dark, "PNG"), range=[0, 4095])


def test_what_is_outside_a_range_is_clipped_and_told():
    with pytest.warns(FeatxWarning, match="outside the range that was given, which are clipped"):
        found = read(ramp_of(0, 2000, np.uint16), range=[0, 1000])
    assert found.max() == 1


@pytest.mark.parametrize("largest", [1, 3, 100, 255, 1000, 4095, 40_000, 65535])
@pytest.mark.parametrize("digits", [True, False])
def test_the_largest_value_of_a_netpbm_picture_is_white(largest, digits):
    values = ramp_of(0, largest, np.uint16)
    if digits:
        body = b"# a comment\n" + b" ".join(b"%d" % value for value in values.ravel())
    else:
        body = values.astype(">u2" if largest > 255 else "u1").tobytes()
    found = read(b"P%d 32 8\n%d\n" % (2 if digits else 5, largest) + body)
    np.testing.assert_allclose(found[0], values / largest, atol=0.6 / 255)


def test_the_canary_of_a_card_with_a_range_is_the_same_picture_and_nothing_is_said_of_it():
    plain = ImageSettings()
    settings = ImageSettings.from_table({"range": [-1000, 3000]})
    np.testing.assert_allclose(
        settings.read(settings.canary()), plain.read(plain.canary()), atol=1.01 / 255
    )


def test_a_run_tells_of_many_pictures_at_once_and_again_the_next_time(tmp_path):
    dark = [ramp_of(0, 4000 + index, np.uint16) for index in range(5)]
    samples = list(make_samples([*dark, np.full((8, 8, 3), 9, np.uint8)]))
    backbone = Backbone("featx-image-nano")
    for _ in range(2):
        with pytest.warns(FeatxWarning) as told:
            rows = Engine(cache=tmp_path / "rows.db").embed(samples, backbone)
        [message] = [str(one.message) for one in told if one.category is FeatxWarning]
        assert message.startswith("5 of 6 samples have values in a small part of their range")
        assert "such as" in message
        assert "0 to 4004 of 0 to 65535 (16 bits)" in message
    [alone] = Engine().embed(samples[-1:], backbone).embeddings
    np.testing.assert_array_equal(rows.embeddings[-1], alone)
