"""Sounds as arrays of numbers: which can be one, and which value is full scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._typing import FloatArray
from featx.errors import BadSample

__all__ = ["BLOCK", "CHANNELS", "Wave", "slices", "wave_of"]

# values, of all channels, that are decoded at a time
BLOCK = 1 << 16
# channels of one sound
CHANNELS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Wave:
    """A sound as numbers."""

    # (samples,) or (samples, channels)
    values: npt.NDArray[Any]
    # samples a second
    rate: int


def wave_of(values: npt.NDArray[Any], rate: Any) -> Wave:
    """Return an array as a sound of so many samples a second; raise BadSample where it is none."""
    fine = isinstance(rate, int | np.integer) and not isinstance(rate, bool)
    if not fine and not (isinstance(rate, float) and rate.is_integer()):
        raise BadSample(f"rate {rate!r}: expected samples a second, a whole number")
    shaped = values.ndim == 1 or (values.ndim == 2 and values.shape[1] > 0)
    if values.dtype.kind in "iu" and values.dtype.str[1:] not in _ZERO_AND_ONE:
        raise BadSample(
            f"array of {values.dtype}: its type does not say which value is full scale; expected one of int16, "
            "int32 or uint8, or of float32 (values / 32768 of sixteen bits)"
        )
    if values.dtype.str[1:] not in _ZERO_AND_ONE or not shaped:
        raise BadSample(
            f"array of shape {values.shape} and {values.dtype}: expected (samples,) or "
            f"(samples, channels) of {', '.join(np.dtype(kind).name for kind in _ZERO_AND_ONE)}"
        )
    if values.ndim == 2 and values.shape[1] > max(values.shape[0], 32):
        raise BadSample(
            f"array of shape {values.shape}: expected (samples, channels); transpose it"
        )
    if values.ndim == 2 and values.shape[1] > CHANNELS:
        raise BadSample(f"{values.shape[1]} channels: expected at most {CHANNELS}")
    return Wave(values, int(rate))


# of each kind of number: what silence is, and how far 1 is from it
_ZERO_AND_ONE = {
    "f4": (0, 1),
    "f8": (0, 1),
    "f2": (0, 1),
    "i2": (0, 1 << 15),
    "i4": (0, 1 << 31),
    "u1": (128, 128),
}


def slices(values: npt.NDArray[Any]) -> Iterator[FloatArray]:
    """Give the values as float32 of shape (samples, channels), a block at a time."""
    table = values[:, None] if values.ndim == 1 else values
    zero, one = _ZERO_AND_ONE[values.dtype.str[1:]]
    step = max(1, BLOCK // table.shape[1])
    for start in range(0, len(table), step):
        part = table[start : start + step]
        if one > 1:
            part = (part.astype(np.float64) - zero) / one
        # what is too large is told as not finite
        with np.errstate(over="ignore"):
            block: FloatArray = part.astype(np.float32)
        yield block
