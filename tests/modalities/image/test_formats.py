"""Formats: those that are named are opened, whatever a file is called; all others are refused by name."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from featx.errors import BadSample
from featx.modalities.image.formats import SUFFIXES, format_of
from featx.modalities.image.jxl import jxl_size
from tests.support.pictures import encode, photo, read

NAMED = ["JPEG", "MPO", "PNG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF"]
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\nshowpage\n"


@pytest.mark.parametrize("kind", NAMED)
def test_a_named_format_is_read(kind):
    found = read(encode(photo(), kind))
    assert found.shape == (3, 48, 64)
    assert np.abs(found - read(photo())).mean() < 0.1


@pytest.mark.parametrize("kind", ["ICO", "ICNS", "PCX", "TGA", "SGI", "DDS", "EPS", "PDF", "QOI"])
def test_other_formats_that_pillow_writes_are_refused(kind):
    data = encode(photo(64, 64), kind)
    with pytest.raises(BadSample, match="not an image in a format that featx reads: expected JPEG"):
        read(data)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (POSTSCRIPT, "PostScript"),
        (b"\xc5\xd0\xd3\xc6" + bytes(26) + POSTSCRIPT, "PostScript"),
        (b"%PDF-1.7\n", "PDF"),
        (b"8BPS\0\1" + bytes(40), "Photoshop"),
        (b"<svg xmlns='x'/>", "SVG"),
        (b"\n\n%!PS-Adobe", "PostScript"),
        (b"SIMPLE  =                    T", "FITS"),
        (b"just words", "text"),
    ],
)
def test_what_is_no_picture_is_named(data, name):
    with pytest.raises(BadSample, match=f"expected JPEG.*found .*{name}"):
        read(data)


_WATCHED = """
import sys
from featx import BadSample
from featx.modalities.image.settings import ImageSettings

def told(event, args):
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
        print("started", args)

sys.addaudithook(told)
try:
    ImageSettings().read(sys.stdin.buffer.read())
except BadSample:
    pass
print(sorted(name for name in sys.modules if name.startswith("PIL.Eps")))
"""


@pytest.mark.parametrize("data", [POSTSCRIPT, b"\xc5\xd0\xd3\xc6" + bytes(26) + POSTSCRIPT])
def test_no_program_is_started_and_no_other_plugin_loaded_for_postscript(data):
    command = [sys.executable, "-c", _WATCHED]
    done = subprocess.run(command, input=data, capture_output=True, check=True)
    assert done.stdout.decode().strip() == "[]"


def test_a_heic_is_read_and_turned():
    heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    heif.from_pillow(photo()).save(buffer, quality=95)
    found = read(buffer.getvalue())
    assert found.shape == (3, 48, 64)
    assert np.abs(found - read(photo())).mean() < 0.05


@pytest.mark.parametrize("size", [(64, 48), (33, 7), (1, 1), (300, 200), (256, 256), (1000, 3)])
def test_the_size_of_a_jpeg_xl_is_known_before_it_is_decoded(size):
    pytest.importorskip("pillow_jxl")
    data = encode(photo(*size), "JXL")
    assert jxl_size(data) == size
    assert read(data).shape == (3, size[1], size[0])
    if size != (1, 1):
        with pytest.raises(BadSample, match="too large"):
            read(data, max_pixels=max(1, size[0] * size[1] // 2))


_WITHOUT = r"""
import sys

for name in ("pillow_heif", "pillow_jxl", "pydicom"):
    sys.modules[name] = None
from featx import BadSample
from featx.modalities.image.settings import ImageSettings

heic, jxl, dicom = b"\0\0\0\x18ftypheic" + bytes(40), b"\xff\x0a\x4f" + bytes(40), bytes(128) + b"DICM"
for data in (heic, jxl, dicom):
    try:
        ImageSettings().read(data)
    except BadSample as error:
        print(error)
"""


def test_a_format_whose_extra_is_not_installed_is_refused_with_the_command():
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT], capture_output=True, text=True, check=True
    )
    heic, jxl, dicom = done.stdout.splitlines()
    assert "pip install 'featx[heif]'" in heic
    assert "pip install 'featx[heif]'" in jxl
    assert "pip install 'featx[dicom]'" in dicom


def test_each_suffix_is_said_to_need_its_extra():
    assert SUFFIXES[".jpg"] is None
    assert SUFFIXES[".avif"] is None
    assert {SUFFIXES[suffix] for suffix in (".heic", ".heif", ".jxl")} == {"heif"}
    assert SUFFIXES[".dcm"] == "dicom"


def test_content_tells_a_format_and_not_the_order_of_bytes_before_it():
    assert format_of(b"II*\0" + bytes(124) + b"DICM") == "DICOM"
    assert format_of(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf") == "AVIF"
    assert format_of(b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf") == "HEIF"
    assert format_of(b"") is None


def test_of_several_pictures_in_a_file_the_first_is_read():
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "blue")]
    for kind in ("MPO", "AVIF"):
        found = read(encode(frames[0], kind, save_all=True, append_images=frames[1:]))
        assert found[0].mean() > 0.9
        assert found[2].mean() < 0.1
