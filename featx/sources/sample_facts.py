"""What a table says of a sample besides its content and its target: how often it counts, and when it was."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

from featx.errors import BadSource
from featx.storage.blob import to_text

__all__ = ["read_time", "read_weight"]

_SHOWN = 60


def read_weight(cell: Any, where: str) -> float:
    """Return how often a sample counts, from 0 on.

    Raises
    ------
    BadSource
        The cell is no such number.

    >>> read_weight("0.5", "a.csv: line 2")
    0.5
    """
    number = _number(cell)
    if number is None or not 0 <= number < math.inf:
        raise BadSource(f"{where}: weight: expected a number from 0 on, found {_show(cell)}")
    return number


def read_time(cell: Any, where: str) -> float:
    """Return a time as a number: one is taken as it is, a date or time as its seconds since 1970.

    Raises
    ------
    BadSource
        The cell is neither a number nor a date as ISO 8601 has it.

    >>> read_time("1970-01-02", "a.csv: line 2"), read_time("17", "a.csv: line 3")
    (86400.0, 17.0)
    """
    number = _number(cell)
    if number is not None and math.isfinite(number):
        return number
    try:
        moment = cell if isinstance(cell, date) else datetime.fromisoformat(str(cell).strip())
        if not isinstance(moment, datetime):
            moment = datetime(moment.year, moment.month, moment.day)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.timestamp()
    except (ValueError, OverflowError) as error:
        raise BadSource(
            f"{where}: time: expected a number, or a date such as 2024-05-31, found {_show(cell)}"
        ) from error


def _number(cell: Any) -> float | None:
    if isinstance(cell, bool) or cell is None:
        return None
    try:
        return float(cell.strip() if isinstance(cell, str) else cell)
    except (TypeError, ValueError, OverflowError):
        return None


def _show(cell: Any) -> str:
    return to_text(repr(cell)[:_SHOWN])
