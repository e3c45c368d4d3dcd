"""Values of pictures with more than eight bits: which are black and white, and what is said of the others.

The range is that of the file's type: 0 to 65535 of 16 bits, -32768 to 32767 where they are signed.
Floating-point numbers are from 0 to 1, and integers of 32 bits from 0 to 65535, or they are refused. The
card's ``range`` comes before all of these. No picture is stretched by its own values, so that its row does
not depend on its company.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.ImageFile import ImageFile

from featx.errors import BadSample
from featx.modalities.remarks import Remark, remark

__all__ = ["ValueRange", "in_range", "is_deep", "of_array", "rescaled", "sixteen_bit_colors"]

Values = npt.NDArray[Any]
# The TIFF tags
_BITS_PER_SAMPLE, _SAMPLE_FORMAT, _SIGNED, _UNSIGNED = 258, 339, 2, 1
# Values that fill less of a range than this are told; 14 bits in 16 fill a quarter.
_SMALL = 0.25
# Values that are apart by less than this, wherever they lie.
_NARROW = 1 / 12
# Values that are worked on at a time, so that no copy of a whole picture is made in floating point.
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class ValueRange:
    """Which stored values are black and white.

    Attributes
    ----------
    low, high : float
        Black and white; others are clipped.
    source : str
        What says so, for messages.
    """

    low: float
    high: float
    source: str


_TYPES = {
    np.dtype(np.uint8): ValueRange(0, 255, "8 bits"),
    np.dtype(np.int8): ValueRange(-128, 127, "signed 8 bits"),
    np.dtype(np.uint16): ValueRange(0, 65535, "16 bits"),
    np.dtype(np.int16): ValueRange(-32768, 32767, "signed 16 bits"),
    np.dtype(np.bool_): ValueRange(0, 1, "truth values"),
}
_UNIT = ValueRange(0, 1, "floating-point numbers")
_WIDE = ValueRange(0, 65535, "32-bit integers")


def chosen(wanted: tuple[float, ...] | None) -> ValueRange | None:
    """Return the range that a card or ``--set`` gives; None where there is none."""
    return ValueRange(wanted[0], wanted[1], f"range={_pair(*wanted)}") if wanted else None


def is_deep(image: Image.Image) -> bool:
    """Return whether a picture's pixels are numbers of more than eight bits, of one channel."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def in_range(image: Image.Image, wanted: tuple[float, ...] | None) -> Image.Image:
    """Return a picture whose values are 0 to 255, whatever numbers it has; 8-bit pictures as they are.

    Parameters
    ----------
    image : Image
        A loaded picture.
    wanted : tuple of float, optional
        The values that are black and white; None is the rule of this module.

    Raises
    ------
    BadSample
        The range is not known, or there are values that are not finite.
    """
    if is_deep(image):
        values = np.asarray(image)
        tags = getattr(image, "tag_v2", {})
        signed = _first(tags.get(_SAMPLE_FORMAT, _UNSIGNED)) == _SIGNED
        bits = _first(tags.get(_BITS_PER_SAMPLE, 16))
        if image.mode == "F":
            natural = None
        elif image.mode == "I":
            natural = _TYPES[np.dtype(np.int16)] if signed and bits == 16 else None
            values = values.view(np.uint32) if tags and bits == 32 and not signed else values
        else:
            natural = ValueRange(0, 2**bits - 1, f"{bits} bits")
        return Image.fromarray(rescaled(values, chosen(wanted), natural))
    if image.mode == "L" and _first(getattr(image, "tag_v2", {}).get(_SAMPLE_FORMAT, 1)) == _SIGNED:
        # Pillow takes eight bits for unsigned ones
        values = np.asarray(image).view(np.int8)
        return Image.fromarray(rescaled(values, chosen(wanted), _TYPES[np.dtype(np.int8)]))
    return image if wanted is None else _colors_in_range(image, wanted)


def of_array(values: Values, wanted: tuple[float, ...] | None) -> Values:
    """Return the values of an array as uint8, by the rule of this module; uint8 without a range as it is.

    Raises
    ------
    BadSample
        The type has no range that anyone means, such as int64, and none is given; or values are not finite.
    """
    natural = _TYPES.get(values.dtype.newbyteorder("="))
    if wanted is None and values.dtype == np.uint8:
        return values
    if natural is None and wanted is None and values.dtype.kind != "f":
        raise BadSample(
            f"array of {values.dtype}: expected uint8 of shape (height, width, 3) or the like, uint16, int16, "
            "bool, floating-point numbers from 0 to 1, or range=LOW,HIGH, the values that are black and white"
        )
    return rescaled(values, chosen(wanted), natural)


def rescaled(values: Values, wanted: ValueRange | None, natural: ValueRange | None) -> Values:
    """Return values as uint8, where the range's low is 0 and its high 255.

    Parameters
    ----------
    values : ndarray
        Numbers; they are worked on in pieces.
    wanted, natural : ValueRange or None
        What is asked for, and what the type says; None of both is 0 to 1 of floating-point numbers and 0 to
        65535 of integers, and all others refused.

    Raises
    ------
    BadSample
        There are values that are not finite, or outside a range that was only assumed.
    """
    if not values.size:
        raise BadSample(f"image of shape {values.shape}: expected at least one pixel")
    low, high = values.min(), values.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise BadSample("image with values that are not finite: expected numbers")
    extent = wanted or natural
    if extent is None:
        extent = _UNIT if values.dtype.kind == "f" else _WIDE
        if low < extent.low or high > extent.high:
            kind = "floating-point" if extent is _UNIT else "integer"
            raise BadSample(
                f"{kind} image from {low:g} to {high:g}: expected {extent.low:g} to {extent.high:g}, "
                "or range=LOW,HIGH, the values that are black and white"
            )
    _comment(float(low), float(high), extent, given=wanted is not None)
    out = np.empty(values.shape, np.uint8)
    rows = max(1, _CHUNK // max(1, values[0].size))
    table = _table(values.dtype, extent)
    for start in range(0, len(values), rows):
        part = values[start : start + rows]
        if table is None:
            out[start : start + rows] = _levels(part, extent)
        else:
            native = part.astype(part.dtype.newbyteorder("="))
            out[start : start + rows] = table[native.view(f"u{native.dtype.itemsize}")]
    return out


def _table(kind: np.dtype[Any], extent: ValueRange) -> Values | None:
    """Return the level of each value of a type that has few; None of one that has many."""
    if kind.kind not in "iu" or kind.itemsize > 2:
        return None
    every = np.arange(1 << 8 * kind.itemsize, dtype=f"u{kind.itemsize}")
    return _levels(every.view(kind.newbyteorder("=")), extent)


def _levels(values: Values, extent: ValueRange) -> Values:
    """Return values as levels of 0 to 255: floating-point numbers in their own precision."""
    number = np.float64 if values.dtype.kind != "f" or values.dtype.itemsize > 4 else np.float32
    part: npt.NDArray[np.floating[Any]] = values.astype(number)
    np.clip(part, extent.low, extent.high, out=part)
    if extent.low:
        part -= number(extent.low)
    part *= number(255 / (extent.high - extent.low))
    return np.round(part, out=part).astype(np.uint8)


def _comment(low: float, high: float, extent: ValueRange, *, given: bool) -> None:
    """Say so where the values fill little of the range, or go out of one that was asked for."""
    size = extent.high - extent.low
    seen = f"{_number(low)} to {_number(high)} of {_number(extent.low)} to {_number(extent.high)}"
    seen = f"{seen} ({extent.source})"
    apart = (min(high, extent.high) - max(low, extent.low)) / size
    if given:
        # what someone asked for may well be dark, but hardly of a sixteenth of its levels
        fill = (min(high, extent.high) - extent.low) / size
        small = apart < 0 or (low != high and fill <= 1 / 16)
    else:
        signed = extent.low < 0
        fill = max(abs(low), abs(high)) / extent.high if signed else (high - extent.low) / size
        # a black page is one
        black = low == high == 0
        small = not black and (fill <= _SMALL or (low != high and apart < _NARROW))
    if small:
        what = "have values in a small part of their range, and are nearly one grey to the backbone"
        advice = f"; where it is another, say range=LOW,HIGH, such as range={_guess(low, high)}"
        remark(Remark(what, seen + advice, high))
    elif given and (low < extent.low - size * 1e-6 or high > extent.high + size * 1e-6):
        what = "have values outside the range that was given, which are clipped"
        remark(Remark(what, seen, max(high - extent.high, extent.low - low), again=False))


def _guess(low: float, high: float) -> str:
    """Return a range that is usual for such values: the bits that hold them, or round numbers."""
    if low >= 0 and high > 1:
        bits = max(int(high).bit_length(), 8)
        return _pair(0, 2 ** (bits + bits % 2) - 1)
    return _pair(low, high)


def _colors_in_range(image: Image.Image, wanted: tuple[float, ...]) -> Image.Image:
    """Return a picture of 8-bit colours with a range applied; what is transparent stays so."""
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    grey = image.mode in ("1", "L", "LA", "La")
    base = image.convert("L" if grey else "RGB")
    result = Image.fromarray(rescaled(np.asarray(base), chosen(wanted), None))
    if alpha is not None:
        result.putalpha(alpha)
    return result


def sixteen_bit_colors(
    image: ImageFile, reopen: Callable[[], ImageFile], wanted: tuple[float, ...] | None
) -> Callable[[Image.Image], Image.Image]:
    """Return what makes 8-bit colours of a picture once it is loaded; ``image`` is not loaded yet.

    Pillow keeps the upper half of 16-bit colours. With a range, the picture is decoded a second time for the
    lower half; without, values that fill little of the upper half are told.
    """
    rawmode = _rawmode(image)
    if ";16" not in rawmode or is_deep(image):
        return lambda loaded: in_range(loaded, wanted)
    if wanted is None:
        return _told
    other = _swapped(rawmode)
    if other is None:
        raise BadSample(
            f"16-bit picture of {rawmode.partition(';')[0]}: range= cannot be applied to it"
        )
    lower = reopen()
    lower.tile = [_with_rawmode(tile, other) for tile in lower.tile]
    lower.load()
    return lambda loaded: _joined(loaded, lower, wanted)


def _told(image: Image.Image) -> Image.Image:
    """Return a picture of which Pillow kept the upper eight of sixteen bits; dark ones are remarked upon."""
    bands = [band for band in image.getbands() if band not in "AaX"]
    extremes = image.getextrema()
    pairs = [extremes] if isinstance(extremes[0], int | float) else list(extremes)
    high = max(pair[1] for pair, band in zip(pairs, image.getbands(), strict=True) if band in bands)
    if image.mode != "CMYK" and high:
        _comment(0.0, float(high * 257), _TYPES[np.dtype(np.uint16)], given=False)
    return image


def _joined(upper: Image.Image, lower: Image.Image, wanted: tuple[float, ...]) -> Image.Image:
    """Return a picture of the upper and the lower half of its 16-bit values, in a range."""
    alpha = upper.getchannel("A") if "A" in upper.getbands() else None
    high, low = np.asarray(upper)[..., :3], np.asarray(lower)[..., :3]
    values = high.astype(np.uint16)
    values <<= 8
    values |= low
    result = Image.fromarray(rescaled(values, chosen(wanted), None))
    if alpha is not None:
        result.putalpha(alpha)
    return result


def _rawmode(image: Image.Image) -> str:
    """Return how the bytes of a picture that is not loaded are laid out, as Pillow calls it."""
    tiles = getattr(image, "tile", None)
    args = tiles[0][3] if tiles else ""
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _with_rawmode(tile: Any, rawmode: str) -> Any:
    """Return a part of a picture that is to be decoded, read in another layout."""
    args = (rawmode, *tile[3][1:]) if isinstance(tile[3], tuple) else rawmode
    return tile._replace(args=args) if hasattr(tile, "_replace") else (*tile[:3], args)


def _swapped(rawmode: str) -> str | None:
    """Return the layout in which the lower byte stands where the upper one does; None where there is none."""
    base, _, order = rawmode.partition(";16")
    if base not in ("RGB", "RGBA", "RGBX"):
        return None
    if order == "N":
        order = "L" if sys.byteorder == "little" else "B"
    return f"{base};16{'B' if order == 'L' else 'L'}"


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) and value else value


def _number(value: float) -> str:
    return f"{value:.6g}"


def _pair(low: float, high: float) -> str:
    return f"{_number(low)},{_number(high)}"
