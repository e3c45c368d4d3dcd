"""DICOM: the first frame of a medical picture, as a viewer shows it, read by pydicom.

Grey values are rescaled to their unit (of computed tomography Hounsfield's), then the window of the file, its
first one, says which are black and white; a card's ``range``, in the same unit, comes before it. MONOCHROME1
is turned, so that bright is bright.
"""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from featx._extras import require
from featx.errors import BadSample, MissingExtra
from featx.modalities.image.bounds import check_bytes, check_picture, check_size
from featx.modalities.image.formats import format_of, open_picture
from featx.modalities.image.values import ValueRange, chosen, rescaled
from featx.modalities.remarks import Remark, remark

__all__ = ["dicom_size", "read_dicom"]

_DEFLATED = b"1.2.840.10008.1.2.1.99"
_PIXEL_DATA = (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10")
# Elements before the pixels are read in Python, some microseconds each.
_MOST_HEADER = 4 << 20
_MOST_BITS = 32
# Pixels that are rescaled at a time.
_CHUNK = 1 << 18
# Syntaxes whose frames Pillow decodes: their own size is looked at before.
_NESTED = {"JPEG", "JPEG2000"}


def read_dicom(content: bytes, wanted: tuple[float, ...] | None, max_pixels: int) -> Image.Image:
    """Return the first frame of a DICOM file in 8 bits: grey, or in colour.

    Raises
    ------
    BadSample
        pydicom or the codec of the pixels is not installed, there are no pixels, or more than ``max_pixels``.
        Whatever else pydicom says is for the caller to catch.
    """
    try:
        pydicom = require("pydicom", extra="dicom")
    except MissingExtra as error:
        raise BadSample(f"DICOM picture: {error}") from None
    _check_header(content)
    dataset = pydicom.dcmread(io.BytesIO(content), force=content[128:132] != b"DICM")
    if "PixelData" not in dataset:
        raise BadSample("DICOM without pixels: expected a picture")
    _check_pixels(dataset, max_pixels)
    frames = _integer(dataset, "NumberOfFrames", 1)
    if frames > 1:
        remark(
            Remark("have several frames, of which the first is read", f"{frames} frames", frames)
        )
    try:
        values = require("pydicom.pixels").pixel_array(dataset, index=0)
    except (RuntimeError, NotImplementedError) as error:
        syntax = getattr(dataset.file_meta, "TransferSyntaxUID", "")
        name = getattr(syntax, "name", str(syntax))
        raise BadSample(
            f"DICOM in {name}: the codec is not installed; run: "
            "pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg"
        ) from error
    return _picture(np.asarray(values), dataset, wanted)


def dicom_size(content: bytes) -> tuple[int, int]:
    """Return width and height of a DICOM picture; (0, 0) where pydicom is not installed.

    Whatever pydicom says is for the caller to catch.
    """
    try:
        pydicom = require("pydicom", extra="dicom")
    except MissingExtra:
        return 0, 0
    _check_header(content)
    dataset = pydicom.dcmread(
        io.BytesIO(content),
        force=content[128:132] != b"DICM",
        stop_before_pixels=True,
        specific_tags=["Rows", "Columns"],
    )
    return _integer(dataset, "Columns", 0), _integer(dataset, "Rows", 0)


def _picture(
    values: npt.NDArray[Any], dataset: Any, wanted: tuple[float, ...] | None
) -> Image.Image:
    kind = str(dataset.get("PhotometricInterpretation", "MONOCHROME2"))
    bits = _integer(dataset, "BitsStored", 8)
    if kind == "PALETTE COLOR":
        values = np.asarray(require("pydicom.pixels").apply_color_lut(values, dataset))[..., :3]
        bits = 8 * values.dtype.itemsize
    if values.ndim == 3:
        if values.dtype == np.uint8 and wanted is None:
            return Image.fromarray(np.ascontiguousarray(values[..., :3]))
        depth = ValueRange(0, 2**bits - 1, f"{bits} bits")
        return Image.fromarray(rescaled(values[..., :3], chosen(wanted), depth))
    levels, natural = _grey(values, dataset, bits, plain=wanted is None)
    grey = rescaled(levels, chosen(wanted), natural) if natural or wanted else levels
    return Image.fromarray(255 - grey if kind == "MONOCHROME1" else grey)


def _grey(
    values: npt.NDArray[Any], dataset: Any, bits: int, *, plain: bool
) -> tuple[npt.NDArray[Any], ValueRange | None]:
    """Return grey values in their unit and the range of their type; as uint8 where the file windows them."""
    window = plain and ("WindowCenter" in dataset or "VOILUTSequence" in dataset)
    signed = _integer(dataset, "PixelRepresentation", 0) == 1
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    levels = np.empty(values.shape, np.uint8 if window else np.float32)
    # in pieces, for pydicom's numbers have 64 bits
    rows = max(1, _CHUNK // values.shape[1])
    for start in range(0, len(values), rows):
        part = values[start : start + rows]
        unit = np.asarray(require("pydicom.pixels").apply_modality_lut(part, dataset))
        if not np.isfinite(unit).all():
            raise BadSample("DICOM whose values are not finite once rescaled: expected numbers")
        levels[start : start + rows] = _windowed(unit, dataset) if window else unit
    if window:
        return levels, None
    slope, intercept = (float(dataset.get(f"Rescale{name}", usual)) for name, usual in _RESCALE)
    ends = sorted((low * slope + intercept, high * slope + intercept))
    if "ModalityLUTSequence" in dataset or not ends[0] < ends[1]:
        ends = [0.0, 65535.0]
    return levels, ValueRange(ends[0], ends[1], f"{bits} bits of the file")


_RESCALE = (("Slope", 1), ("Intercept", 0))


def _windowed(levels: npt.NDArray[Any], dataset: Any) -> npt.NDArray[np.uint8]:
    """Return values as the first window of the file, or its table, shows them."""
    if "WindowCenter" not in dataset:
        table = require("pydicom.pixels").apply_voi(levels, dataset, index=0)
        depth = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        return _bytes(np.asarray(table, np.float64) * (255 / (2**depth - 1)))
    center, width = (_first_number(dataset, f"Window{name}") for name in ("Center", "Width"))
    function = str(dataset.get("VOILUTFunction", "LINEAR") or "LINEAR").upper()
    if not (math.isfinite(center) and math.isfinite(width)) or width < 1 or abs(center) > 1e9:
        raise BadSample(
            f"DICOM with a window of {width:g} at {center:g}: expected a width of 1 or more"
        )
    if function == "SIGMOID":
        grey = 255 / (1 + np.exp(np.clip(-4 * (levels - center) / width, -700, 700)))
    elif function == "LINEAR_EXACT":
        grey = ((levels - center) / width + 0.5) * 255
    else:
        grey = ((levels - (center - 0.5)) / max(width - 1, 1e-9) + 0.5) * 255
    return _bytes(grey)


def _bytes(grey: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    rounded: npt.NDArray[np.uint8] = np.round(np.clip(grey, 0, 255)).astype(np.uint8)
    return rounded


def _check_header(content: bytes) -> None:
    if _DEFLATED in content[:4096]:
        raise BadSample(
            "DICOM whose data set is deflated: expected one that is not; save it inflated"
        )
    found = [at for tag in _PIXEL_DATA if (at := content.find(tag)) >= 0]
    if min(found, default=len(content)) > _MOST_HEADER:
        raise BadSample(
            f"DICOM with more than {_MOST_HEADER >> 20} MB before its pixels: expected a picture"
        )


def _check_pixels(dataset: Any, max_pixels: int) -> None:
    """Check how much there is to decode, of a frame within a JPEG by its own header."""
    rows, columns = _integer(dataset, "Rows", 0), _integer(dataset, "Columns", 0)
    check_size((columns, rows), max_pixels)
    samples, bits = _integer(dataset, "SamplesPerPixel", 1), _integer(dataset, "BitsAllocated", 8)
    if samples not in (1, 3) or not 1 <= bits <= _MOST_BITS:
        raise BadSample(
            f"DICOM of {samples} channels of {bits} bits: expected 1 or 3 of at most 32"
        )
    syntax = dataset.file_meta.get("TransferSyntaxUID") if hasattr(dataset, "file_meta") else None
    if syntax is None or not syntax.is_compressed:
        return
    fragments = require("pydicom.encaps").generate_fragments(dataset.PixelData)
    # the first is the table of offsets in what generate_fragments leaves out
    for fragment in fragments:
        name = format_of(fragment)
        if name not in _NESTED:
            continue
        check_bytes(fragment, name, max_pixels)
        try:
            inner = open_picture(fragment, name)
        except (SyntaxError, OSError, ValueError):
            # a codec other than Pillow's may read it; its bound is that of rows and columns
            return
        check_picture(inner, name, max_pixels)
        if inner.size != (columns, rows):
            raise BadSample(
                f"DICOM of {columns} × {rows} pixels that holds a picture of "
                f"{inner.size[0]} × {inner.size[1]}"
            )
        return


def _integer(dataset: Any, name: str, usual: int) -> int:
    value = dataset.get(name, usual)
    return usual if value is None or value == "" else int(value)


def _first_number(dataset: Any, name: str) -> float:
    """Return a number, or the first of several."""
    value = dataset.get(name)
    if value is None or value == "":
        raise BadSample(f"DICOM without {name}: expected the width and centre of its window")
    return float(value if isinstance(value, (str, int, float)) else next(iter(value)))
