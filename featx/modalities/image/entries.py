"""Checks of the entries of an image card's table, which may hold whatever TOML and ``--set`` can say."""

from __future__ import annotations

from typing import Any

from featx.errors import BadCard
from featx.modalities import shown

__all__ = ["check_channels", "check_gain", "check_range", "check_sides", "is_number"]

# Pixels of a side: more than any backbone takes, and less than what a memory holds.
_LONGEST = 16_384
# Beyond this a float32 is not finite once it is scaled.
_LARGEST = 1e30


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number that a float32 can take."""
    # not a number is in no order, and an int of hundreds of digits does not become a float
    whole = isinstance(value, (int, float)) and not isinstance(value, bool)
    return whole and -_LARGEST <= value <= _LARGEST


def check_sides(name: str, value: Any) -> None:
    """Raise BadCard where a value is neither None, pixels of a side, nor a pair of them."""
    if value is None:
        return
    sides = value if isinstance(value, tuple) else (value,)
    whole = all(isinstance(side, int) and not isinstance(side, bool) for side in sides)
    if not whole or min(sides, default=0) < 1 or (isinstance(value, tuple) and len(value) != 2):
        raise BadCard(f"[image] {name} = {shown(value)}: expected pixels, or [height, width]")
    if max(sides) > _LONGEST:
        raise BadCard(f"[image] {name} = {shown(value)}: expected at most {_LONGEST} pixels a side")


def check_channels(name: str, value: Any, channels: int) -> None:
    """Raise BadCard where a value is neither empty nor a finite number for each channel."""
    numbers = isinstance(value, tuple) and all(map(is_number, value))
    if not numbers or len(value) not in (0, channels):
        raise BadCard(
            f"[image] {name} = {shown(value)}: expected {channels} numbers, one a channel"
        )


def check_gain(scale: float, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    """Raise BadCard where dividing by ``std`` gives what a float32 does not hold; ``std`` holds no 0."""
    least = min(map(abs, std), default=1)
    if max(map(abs, (scale, *mean))) / max(least, 1e-300) > _LARGEST:
        raise BadCard(f"[image] std = {shown(std)}: expected numbers further from 0")


def check_range(value: Any) -> None:
    """Raise BadCard where a value is neither empty nor a pair of numbers of which the second is larger."""
    numbers = isinstance(value, tuple) and all(map(is_number, value))
    if not numbers or len(value) not in (0, 2):
        raise BadCard(
            f"[image] range = {shown(value)}: expected the values that are black and white, such as 0,4095"
        )
    if value and not value[1] - value[0] > max(map(abs, value)) * 1e-6:
        raise BadCard(f"[image] range = {shown(value)}: expected the first value below the second")
