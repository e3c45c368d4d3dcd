"""DICOM: rescaled, windowed and turned as a viewer shows it, or refused in words."""

import numpy as np
import pytest
from PIL import Image

from featx import FeatxWarning
from featx.errors import BadSample
from tests.support.pictures import dicom, encode, photo, read

pydicom = pytest.importorskip("pydicom")

RAMP = np.linspace(0, 1, 256).reshape(16, 16)


def assert_ramp(found, low=0.0, high=1.0):
    expected = np.clip((RAMP - low) / (high - low), 0, 1)
    np.testing.assert_allclose(found[0], expected, atol=1.5 / 255)


def test_the_bits_that_are_stored_are_the_range_where_there_is_no_window():
    assert_ramp(read(dicom(np.round(RAMP * 4095).astype(np.uint16), BitsStored=12)))
    assert_ramp(read(dicom(np.round(RAMP * 65535 - 32768).astype(np.int16))))


def test_few_of_the_bits_are_told_and_a_range_is_taken():
    data = dicom(np.round(RAMP * 1000).astype(np.uint16))
    with pytest.warns(FeatxWarning, match=r"small part of their range.*range=0,1023"):
        read(data)
    assert_ramp(read(data, range=[0, 1000]))


def test_the_window_is_in_rescaled_units_and_the_first_of_several():
    values = np.round(RAMP * 4095).astype(np.uint16)
    rescaled = {"RescaleSlope": 1, "RescaleIntercept": -1024}
    data = dicom(values, WindowCenter=[1024, 40], WindowWidth=[2048, 400], **rescaled)
    assert_ramp(read(data), 1024 / 4095, 3072 / 4095)
    # a range is in the same units and comes before the window
    with pytest.warns(FeatxWarning, match="clipped"):
        assert_ramp(read(data, range=[-1024, 1024]), 0, 2048 / 4095)


def test_the_window_is_that_of_the_standard():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    found = read(dicom(values, WindowCenter=100, WindowWidth=50), dtype="uint8", color="L")
    # PS3.3 C.11.2.1.2.1, over its own table of cases
    x = values.astype(float)
    expected = np.where(x <= 100 - 0.5 - 24.5, 0, ((x - 99.5) / 49 + 0.5) * 255)
    expected = np.where(x > 100 - 0.5 + 24.5, 255, expected)
    np.testing.assert_array_equal(found[0], np.round(expected).astype(np.uint8))


def test_monochrome1_is_turned_so_that_bright_is_bright():
    values = np.round(RAMP * 255).astype(np.uint8)
    plain, turned = dicom(values), dicom(values, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_allclose(read(turned), 1 - read(plain), atol=1e-6)


def test_colours_are_read_and_those_of_another_space_converted():
    image = photo(16, 16)
    np.testing.assert_array_equal(read(dicom(np.asarray(image))), read(image))
    other = dicom(np.asarray(image.convert("YCbCr")), PhotometricInterpretation="YBR_FULL")
    assert np.abs(read(other) - read(image)).mean() < 0.01


def test_a_jpeg_within_is_read():
    image = photo(64, 48)
    data = dicom(
        np.asarray(image),
        compressed=encode(image, "JPEG", quality=95),
        syntax="1.2.840.10008.1.2.4.50",
        PhotometricInterpretation="YBR_FULL_422",
    )
    assert np.abs(read(data) - read(image)).mean() < 0.05


def test_of_several_frames_the_first_is_read_and_that_is_told():
    frames = np.stack([np.full((8, 8), 200, np.uint8), np.zeros((8, 8), np.uint8)])
    with pytest.warns(
        FeatxWarning, match="has several frames, of which the first is read: 2 frames"
    ):
        found = read(_two_frames(frames))
    np.testing.assert_allclose(found, 200 / 255, atol=1 / 255)


def _two_frames(frames):
    both = frames.reshape(-1, frames.shape[2])
    return dicom(both, NumberOfFrames=2, Rows=frames.shape[1])


def test_a_codec_that_is_not_installed_is_named():
    values = np.zeros((8, 8), np.uint16)
    data = dicom(
        values, compressed=b"\xff\xd8\xff\xc3" + bytes(40), syntax="1.2.840.10008.1.2.4.70"
    )
    with pytest.raises(BadSample, match=r"JPEG Lossless.*pip install pylibjpeg"):
        read(data)


@pytest.mark.parametrize(
    ("elements", "words"),
    [
        ({"Rows": 60_000, "Columns": 60_000}, "too large"),
        ({"WindowCenter": 5, "WindowWidth": 0}, "window of 0 at 5"),
        ({"WindowCenter": 5}, "without WindowWidth"),
        ({"SamplesPerPixel": 2}, "2 channels"),
        ({"BitsAllocated": 64}, "64 bits"),
        ({"RescaleSlope": "1E+300", "RescaleIntercept": "1E+308"}, "."),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_elements_that_make_no_picture_are_refused_in_words(elements, words):
    with pytest.raises(BadSample, match=words):
        read(dicom(np.zeros((8, 8), np.uint8), **elements))


def test_a_large_picture_within_a_small_one_is_refused():
    inner = encode(Image.new("L", (3000, 3000)), "JPEG")
    data = dicom(np.zeros((8, 8), np.uint8), compressed=inner, syntax="1.2.840.10008.1.2.4.50")
    with pytest.raises(BadSample, match="8 × 8 pixels that holds a picture of 3000 × 3000"):
        read(data)


def test_a_file_without_pixels_or_with_a_deflated_data_set_is_refused():
    plain = dicom(np.zeros((8, 8), np.uint8))
    with pytest.raises(BadSample, match="without pixels"):
        read(plain[: plain.index(b"\xe0\x7f\x10\x00")])
    uid = b"1.2.840.10008.1.2.1\0"
    assert uid in plain
    with pytest.raises(BadSample, match="deflated"):
        read(plain.replace(uid, b"1.2.840.10008.1.2.1.99"))
