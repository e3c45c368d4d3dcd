"""Damaged samples whose size is asked for before they are decoded, and damaged tables in xz."""

import io
import lzma

import numpy as np
import pytest
from PIL import Image

import featx
from featx import FeatxError
from tests.support.fuzzing import mutated

FORMATS = ("png", "jpeg", "gif", "bmp", "tiff", "webp", "ppm", "jpeg2000", "avif")


@pytest.mark.parametrize("format", FORMATS)
def test_the_pixels_of_a_damaged_picture_are_a_number(format):
    file = io.BytesIO()
    Image.new("RGB", (64, 48), (9, 99, 200)).save(file, format)
    reader = featx.get_card("featx-image-nano").input
    assert reader.extent(file.getvalue()) == 64 * 48
    for data in mutated(file.getvalue(), 20261128, 200):
        assert reader.extent(data) >= 0


@pytest.mark.parametrize("format", ["WAV", "FLAC", "OGG", "AIFF"])
def test_the_seconds_of_a_damaged_sound_are_a_number(format):
    soundfile = pytest.importorskip("soundfile")
    file = io.BytesIO()
    soundfile.write(file, np.zeros((8000, 2), np.float32), 16_000, format=format)
    reader = featx.get_card("featx-audio-mel").input
    assert reader.extent(file.getvalue()) == 0.5
    for data in mutated(file.getvalue(), 4242, 200):
        assert reader.extent(data) >= 0


def test_a_damaged_table_in_xz_is_refused_in_words(tmp_path):
    path = tmp_path / "t.csv.xz"
    whole = lzma.compress(b"text,label\n" + b"one,a\ntwo,b\n" * 50)
    refused = 0
    for data in mutated(whole, 99, 300):
        path.write_bytes(data)
        try:
            featx.read_samples(path, modality="text")
        except FeatxError:
            refused += 1
    assert refused > 250
