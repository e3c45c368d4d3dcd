"""Limits as people write them: times such as "5ms", sizes such as "20MB"."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from numbers import Real
from types import MappingProxyType

import numpy as np

from featx.errors import BadOption
from featx.modalities import shown

__all__ = ["is_whole_number", "read_milliseconds", "read_seconds", "read_size"]

_WRITTEN = re.compile(
    r"\s*((?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*([A-Za-zµμ]*)\s*"
)
# Seconds of each unit of time, bytes of each unit of size.
_TIMES: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("us", "µs", "μs"), 1e-6),
        **dict.fromkeys(("ms",), 1e-3),
        **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
        **dict.fromkeys(("m", "min", "minute", "minutes"), 60.0),
        **dict.fromkeys(("h", "hour", "hours"), 3600.0),
    }
)
_SIZES: Mapping[str, float] = MappingProxyType(
    {
        "b": 1,
        "kb": 1e3,
        "mb": 1e6,
        "gb": 1e9,
        "kib": 2**10,
        "mib": 2**20,
        "gib": 2**30,
    }
)


def is_whole_number(value: object, least: int, most: int | None = None) -> bool:
    """Return whether a value is a whole number within bounds.

    >>> [is_whole_number(value, 1, 9) for value in (1, np.int64(9), 10, True, 2.0)]
    [True, True, False, False, False]
    """
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
        return False
    return int(value) >= least and (most is None or int(value) <= most)


def read_milliseconds(value: float | str | None, name: str) -> float | None:
    """Return a time in milliseconds; a number without a unit is of milliseconds.

    Parameters
    ----------
    value : float, str or None
    name : str
        The argument that messages name.

    Raises
    ------
    BadOption
        It is no time above 0.

    Examples
    --------
    >>> read_milliseconds("5ms", "max_latency"), read_milliseconds("0.5 s", "max_latency")
    (5.0, 500.0)
    """
    seconds = _read(value, name, _TIMES, "ms", 'a time above 0, such as "5ms"')
    return None if seconds is None else 1e3 * seconds


def read_seconds(value: float | str | None, name: str) -> float | None:
    """Return a time in seconds; a number without a unit is of seconds.

    >>> read_seconds("2min", "time_limit"), read_seconds(90, "time_limit")
    (120.0, 90.0)
    """
    return _read(value, name, _TIMES, "s", 'a time above 0, such as "60s" or "5min"')


def read_size(value: float | str | None, name: str) -> float | None:
    """Return a size in bytes; a number without a unit is of bytes.

    >>> read_size("20MB", "max_size"), read_size("1.5 GiB", "max_size")
    (20000000.0, 1610612736.0)
    """
    return _read(value, name, _SIZES, "b", 'a size above 0, such as "20MB"')


def _read(
    value: object, name: str, units: Mapping[str, float], unit: str, expected: str
) -> float | None:
    if value is None:
        return None
    number = math.nan
    if isinstance(value, str):
        if match := _WRITTEN.fullmatch(value):
            number = float(match[1]) * units.get((match[2] or unit).lower(), math.nan)
    # True is a number to Python, and no limit.
    elif not isinstance(value, bool) and isinstance(value, Real):
        # A whole number may be larger than any float.
        with suppress(OverflowError):
            number = float(value) * units[unit]
    if not (math.isfinite(number) and number > 0):
        raise BadOption(f"{name} = {shown(value)}: expected {expected}")
    return number
