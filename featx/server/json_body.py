"""JSON bodies: their values are counted before they are built, and many numbers are parsed a slice at a time.

``json.loads`` makes up to thirty bytes of memory out of one of the body, and holds Python's lock until it ends.
So depth and values of a large body are counted first, by NumPy, which lets other threads run. A long array of
numbers, as a tensor is written, is parsed in slices: no other thread waits longer than for one of them.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from featx.server.errors import HTTPError, wrong_inputs

__all__ = ["flatten", "parse_json"]

# Lists and objects within each other; a nested tensor of a request has seven at most.
MAX_DEPTH = 32
# Axes that a tensor may have.
_MAX_AXES = 8
# A body of fewer bytes holds so few values that they need not be counted.
_FEW_BYTES = 1 << 16
# Values that may stand beside the numbers of tensors, which are parsed in one piece.
_MAX_VALUES = 50_000
# Bytes that are counted, and numbers that are parsed, at a time.
_SCAN_BYTES, _SLICE_BYTES = 1 << 20, 1 << 17
_QUOTE, _BACKSLASH, _COMMA = b'"\\,'
_FLAT = bytes.maketrans(b"[]", b"  ")


@dataclass(frozen=True, slots=True)
class _Counts:
    """The counts of what a body holds outside its strings.

    Attributes
    ----------
    values : int
        Commas and openings of lists and objects: the number of values, or less than one more.
    stretches : tuple of pairs of int
        Start and end of each part longer than a slice that has numbers, brackets and commas only.
    """

    values: int
    stretches: tuple[tuple[int, int], ...]


def parse_json(body: bytes, *, max_values: int = _MAX_VALUES, max_numbers: int = 0) -> Any:
    """Return what a body says; a long array of numbers comes flat, whatever lists it is divided into.

    Parameters
    ----------
    body : bytes
    max_values : int, default=50000
        Values that it may hold beside the numbers of tensors.
    max_numbers : int, default=0
        Numbers that it may hold in arrays of nothing else.

    Raises
    ------
    HTTPError
        It is not JSON, or nested deeper than 32 levels (400), or it holds more values (413).
    """
    try:
        if len(body) <= _FEW_BYTES:
            return json.loads(body)
        encoding = json.detect_encoding(body)
        if encoding not in ("utf-8", "utf-8-sig"):
            body = body.decode(encoding).encode()
        counts = _count(body, max_values + max_numbers)
        if counts.values <= max_values:
            return json.loads(body)
        return _parse_slices(body, counts, max_values)
    # The last is what objects raise that are nested deeper than Python's stack.
    except (ValueError, RecursionError) as error:
        raise _not_json(str(error)) from error


def _not_json(words: str) -> HTTPError:
    return HTTPError(400, "bad_json", f"the body is not JSON: {words}")


def _count(body: bytes, max_values: int) -> _Counts:
    """Count values and depth; raise HTTPError as soon as there are too many."""
    values, depth, in_string, escaped = 1, 0, 0, False
    # Where quotes and braces stand, and whether a string begins there.
    borders, begins = [np.array([-1])], [np.array([0])]
    for start in range(0, len(body), _SCAN_BYTES):
        part = np.frombuffer(body, np.uint8, min(_SCAN_BYTES, len(body) - start), start)
        quotes, escaped = _quotes(part, escaped)
        strings = (np.cumsum(quotes, dtype=np.int32) + in_string) & 1
        in_string = int(strings[-1])
        outside = strings == 0
        # [ and { are 91 and 123, ] and } are 93 and 125: the second differs from the first by a bit.
        folded = part & 0xDF
        opens, closes = (folded == 0x5B) & outside, (folded == 0x5D) & outside
        commas = (part == _COMMA) & outside
        levels = np.cumsum(opens.view(np.int8) - closes.view(np.int8), dtype=np.int32) + depth
        if int(levels.max()) > MAX_DEPTH:
            raise _not_json(f"nested deeper than {MAX_DEPTH} levels")
        values += int(np.count_nonzero(opens)) + int(np.count_nonzero(commas))
        if values > max_values:
            raise HTTPError(
                413,
                "too_many_values",
                f"the body holds more than {max_values:,} values; send fewer",
            )
        depth = int(levels[-1])
        ends = quotes | ((part == 0x7B) | (part == 0x7D)) & outside
        found = _ends_of_stretches(np.flatnonzero(ends))
        borders.append(found + start)
        begins.append(strings[found])
    positions, in_strings = np.concatenate([*borders, [len(body)]]), np.concatenate(begins)
    long = np.flatnonzero((np.diff(positions) > _SLICE_BYTES) & (in_strings == 0))
    stretches = tuple((int(positions[k]) + 1, int(positions[k + 1])) for k in long)
    return _Counts(values, stretches)


def _ends_of_stretches(positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the first and the last position, and those around long gaps: the others are not needed."""
    if not len(positions):
        return positions
    gaps = np.flatnonzero(np.diff(positions) > _SLICE_BYTES)
    kept = np.unique(np.concatenate([[0, len(positions) - 1], gaps, gaps + 1]))
    ends: npt.NDArray[np.int64] = positions[kept]
    return ends


def _quotes(part: npt.NDArray[np.uint8], escaped: bool) -> tuple[npt.NDArray[np.bool_], bool]:
    """Return where quotes stand that no backslash escapes, and whether the next byte is escaped."""
    quotes = part == _QUOTE
    if escaped:
        part = part.copy()
        part[0], quotes[0] = 0, False
    slashes = np.flatnonzero(part == _BACKSLASH)
    if not len(slashes):
        return quotes, False
    # Every second one of a run of backslashes is escaped itself.
    first = np.diff(slashes, prepend=-2) != 1
    starts = np.maximum.accumulate(np.where(first, np.arange(len(slashes)), 0))
    after = slashes[(np.arange(len(slashes)) - starts) % 2 == 0] + 1
    quotes[after[after < len(part)]] = False
    return quotes, bool(after[-1] == len(part))


def _parse_slices(body: bytes, counts: _Counts, max_values: int) -> Any:
    """Return what a body of many values says: its long arrays of numbers a slice at a time, then the rest."""
    rest, end, arrays = [], 0, dict[str, list[Any]]()
    for start, stop in counts.stretches:
        first, last = body.find(b"[", start, stop), body.rfind(b"]", start, stop)
        if first < 0 or body[start:first].strip() != b":" or not _is_whole(body[first : last + 1]):
            continue
        name = secrets.token_hex(16)
        arrays[name] = list(chain.from_iterable(_numbers(body, first + 1, last)))
        rest += [body[end:first], b'"', name.encode(), b'"']
        end = last + 1
    remaining = b"".join([*rest, body[end:]])
    _count(remaining, max_values)

    def fill(table: dict[str, Any]) -> dict[str, Any]:
        return {
            key: arrays.get(value, value) if isinstance(value, str) else value
            for key, value in table.items()
        }

    return json.loads(remaining, object_hook=fill)


def _is_whole(array: bytes) -> bool:
    """Tell whether the last bracket closes the first, and none before it does."""
    part = np.frombuffer(array, np.uint8)
    levels = np.cumsum((part == 0x5B).view(np.int8) - (part == 0x5D).view(np.int8), dtype=np.int32)
    return bool(len(part) and levels[-1] == 0 and levels[:-1].min(initial=1) > 0)


def _numbers(body: bytes, start: int, stop: int) -> Iterator[list[Any]]:
    """Yield the values between two positions, a slice at a time; brackets between them are left out."""
    while start < stop:
        end = stop
        if stop - start > _SLICE_BYTES:
            end = body.rfind(b",", start, start + _SLICE_BYTES)
        piece = body[start:end].translate(_FLAT)
        # An end below the start: there is no comma in a slice.
        if end < start or end == stop - 1 or not piece.strip():
            raise ValueError(f"expected numbers from byte {start} on")
        try:
            yield json.loads(b"[" + piece + b"]")
        except ValueError as error:
            raise ValueError(f"expected numbers from byte {start} on: {error}") from error
        start = end + 1


def flatten(values: list[Any]) -> list[Any]:
    """Return nested lists, as tensors are also written, as one; raise HTTPError (422) for too deep ones."""
    flat: list[Any] = []
    # Each value is looked at once, however deep it lies.
    waiting = [iter(values)]
    while waiting:
        for value in waiting[-1]:
            if isinstance(value, list):
                if len(waiting) > _MAX_AXES:
                    raise wrong_inputs(f"data: lists within more than {_MAX_AXES} others")
                waiting.append(iter(value))
                break
            flat.append(value)
        else:
            waiting.pop()
    return flat
