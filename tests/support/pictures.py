"""Pictures that are written by hand, honest ones and such as are made to cost much."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

from featx.modalities.image.settings import ImageSettings


def read(data, **table):
    """Return the tensor of a picture, by the settings of a card's table."""
    images = ImageSettings.from_table(table)
    return images.read(images.load(data))


def encode(image, kind, **options):
    """Return a Pillow image, or an array, as the bytes of a file."""
    buffer = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def photo(width=64, height=48, seed=0):
    """Return a smooth picture with some grain."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    grain = rng.integers(-20, 21, smooth.shape)
    return Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8))


def tiff(values, *, format_, bits=None, extra=()):
    """Return an array as an uncompressed TIFF; ``format_`` is 1 for unsigned, 2 for signed, 3 for float."""
    channels = values.shape[2] if values.ndim == 3 else 1
    bits = bits or values.dtype.itemsize * 8
    pixels = values.astype(values.dtype.newbyteorder("<")).tobytes()
    tags = {
        256: (4, [values.shape[1]]),
        257: (4, [values.shape[0]]),
        258: (3, [bits] * channels),
        259: (3, [1]),
        262: (3, [2 if channels == 3 else 1]),
        273: (4, [8]),
        277: (3, [channels]),
        278: (4, [values.shape[0]]),
        279: (4, [len(pixels)]),
        339: (3, [format_] * channels),
    }
    return tiff_of(tags | dict(extra), pixels)


def tiff_of(tags, pixels=b""):
    """Return a little-endian TIFF of tags, each (type, values), with ``pixels`` from byte 8 on."""
    kinds = {1: "B", 3: "H", 4: "I"}
    body = pixels + bytes(len(pixels) % 2)
    entries = b""
    for tag, (kind, values) in sorted(tags.items()):
        packed = struct.pack(f"<{len(values)}{kinds[kind]}", *values)
        if len(packed) <= 4:
            entries += struct.pack("<HHI4s", tag, kind, len(values), packed)
        else:
            entries += struct.pack("<HHII", tag, kind, len(values), 8 + len(body))
            body += packed + bytes(len(packed) % 2)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return struct.pack("<2sHI", b"II", 42, 8 + len(body)) + body + directory


def png_with(chunks, *, image=None):
    """Return a PNG with further chunks, pairs of name and content, after its header."""
    data = encode(image or Image.new("RGB", (16, 16)), "PNG")
    further = [
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    ]
    return data[:33] + b"".join(further) + data[33:]


def jpeg_of_scans(scans, side=4000):
    """Return a progressive JPEG whose last scan stands there so many times."""
    data = encode(Image.new("L", (side, side), 128), "JPEG", progressive=True)
    last = data.rfind(b"\xff\xda")
    return data[:-2] + data[last:-2] * scans + b"\xff\xd9"


def gif_of_comments(blocks):
    """Return a GIF with a comment of so many blocks of one byte before its frame."""
    data = encode(Image.new("P", (16, 16)), "GIF")
    frame = data.index(b",", 13)
    return data[:frame] + b"!\xfe" + b"\x01a" * blocks + b"\0" + data[frame:]


def tiff_of_strips(strips):
    """Return a TIFF that says it has so many strips."""
    one = {256: (4, [1000]), 257: (4, [1000]), 258: (3, [8]), 259: (3, [1]), 262: (3, [1])}
    return tiff_of(one | {273: (4, [8] * strips), 278: (4, [1]), 279: (4, [8] * strips)}, bytes(64))


def tiff_of_tile(side):
    """Return a TIFF of 10 × 10 pixels in one tile of ``side`` × ``side``."""
    pixels = zlib.compress(bytes(1 << 20))
    one = {256: (4, [10]), 257: (4, [10]), 258: (3, [8]), 259: (3, [8]), 262: (3, [1])}
    tile = {322: (4, [side]), 323: (4, [side]), 324: (4, [8]), 325: (4, [len(pixels)])}
    return tiff_of(one | tile, pixels)


def dicom(values, *, compressed=None, syntax="1.2.840.10008.1.2.1", **elements):
    """Return an array as a DICOM file with further elements."""
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import UID

    one = Dataset()
    one.Rows, one.Columns = values.shape[:2]
    one.SamplesPerPixel = values.shape[2] if values.ndim == 3 else 1
    one.PhotometricInterpretation = "RGB" if values.ndim == 3 else "MONOCHROME2"
    if values.ndim == 3:
        one.PlanarConfiguration = 0
    one.BitsAllocated = one.BitsStored = values.dtype.itemsize * 8
    one.PixelRepresentation = int(values.dtype.kind == "i")
    for name, value in elements.items():
        setattr(one, name, value)
    one.HighBit = one.BitsStored - 1
    one.PixelData = encapsulate([compressed]) if compressed else values.tobytes()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = UID(syntax)
    one.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.7")
    one.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, one, enforce_file_format=True)
    return buffer.getvalue()
