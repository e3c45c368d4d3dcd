"""Read tensors of a ``.safetensors`` file: a header in JSON, and the numbers as they lie in memory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from featx._typing import FloatArray
from featx.errors import BadModelFolder, FeatxError
from featx.storage.json_text import parse_json_text

__all__ = ["read_tensors"]

# bytes of a header, and of all tensors that are asked for
_LONGEST = 1 << 20
_LARGEST = 1 << 30
_SIZE = 8
_KINDS: Mapping[str, str] = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "BF16": "<u2"}


def read_tensors(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, FloatArray]:
    """Return tensors by name, as float32.

    Parameters
    ----------
    path : Path
    shapes : mapping of str to tuple of int
        The names that are wanted, each with the shape that it must have.

    Raises
    ------
    BadModelFolder
        The file is no such file or damaged, lacks a tensor, or has one of another shape, of integers, or with
        values that are not finite.

    Examples
    --------
    >>> import tempfile
    >>> header = b'{"bias": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}'
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "model.safetensors"
    ...     size = len(header).to_bytes(8, "little")
    ...     _ = file.write_bytes(size + header + np.array([1, 2], np.float32).tobytes())
    ...     read_tensors(file, {"bias": (2,)})
    {'bias': array([1., 2.], dtype=float32)}
    """
    bits = sum(8 * math.prod(shape) for shape in shapes.values())
    if bits > _LARGEST:
        raise BadModelFolder(f"{path}: expected tensors of at most {_LARGEST:,} bytes together")
    try:
        with path.open("rb") as file:
            header, start = _header(file, path)
            whole = file.seek(0, 2)
            tensors = {}
            for name, shape in shapes.items():
                entry = _entry(header, name, shape, path)
                tensors[name] = _values(file, start, whole, entry, path)
    except OSError as error:
        raise BadModelFolder(f"{path}: cannot be read: {error.strerror}") from error
    for name, values in tensors.items():
        if not np.isfinite(values).all():
            raise BadModelFolder(f"{path}: {name} has values that are not finite")
    return tensors


def _header(file: BinaryIO, path: Path) -> tuple[Mapping[str, Any], int]:
    """Return the header, and where the numbers begin."""
    size = int.from_bytes(file.read(_SIZE), "little")
    if not 2 <= size <= _LONGEST:
        raise BadModelFolder(
            f"{path}: not a safetensors file: its header has {size:,} bytes; expected 2 to {_LONGEST:,}"
        )
    data = file.read(size)
    if len(data) < size:
        raise BadModelFolder(f"{path}: not a safetensors file: it ends within its header")
    try:
        header = parse_json_text(data, str(path), limit=_LONGEST)
    except FeatxError as error:
        raise BadModelFolder(str(error)) from error
    if not isinstance(header, dict):
        raise BadModelFolder(f"{path}: not a safetensors file: its header is no table")
    return header, _SIZE + size


def _entry(
    header: Mapping[str, Any], name: str, shape: tuple[int, ...], path: Path
) -> tuple[str, tuple[int, ...], int, int]:
    """Return the type, shape, start and end of a tensor."""
    entry = header.get(name)
    if not isinstance(entry, dict):
        known = ", ".join(key for key in header if key != "__metadata__")
        raise BadModelFolder(f"{path}: has no tensor {name!r}; it has {known:.200}")
    kind, found, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if kind not in tuple(_KINDS):
        raise BadModelFolder(
            f"{path}: {name} is of {kind!r:.40}; expected one of {', '.join(_KINDS)}"
        )
    if found != list(shape) or any(isinstance(side, bool) for side in found):
        raise BadModelFolder(
            f"{path}: {name} has shape {found!r:.60}; its config.json says {list(shape)}"
        )
    first, last = offsets if isinstance(offsets, list) and len(offsets) == 2 else (-1, -1)
    length = math.prod(shape) * np.dtype(_KINDS[kind]).itemsize
    whole = type(first) is int and type(last) is int
    if not whole or first < 0 or last - first != length:
        raise BadModelFolder(
            f"{path}: {name} lies at {offsets!r:.60}; expected {length:,} bytes from one number to another"
        )
    return kind, shape, first, last


def _values(
    file: BinaryIO,
    start: int,
    whole: int,
    entry: tuple[str, tuple[int, ...], int, int],
    path: Path,
) -> FloatArray:
    kind, shape, first, last = entry
    if start + last > whole:
        raise BadModelFolder(f"{path}: ends before its tensors do: it is not whole")
    file.seek(start + first)
    values = np.frombuffer(file.read(last - first), _KINDS[kind]).reshape(shape)
    if kind == "BF16":
        # the upper half of a float32
        return (values.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(over="ignore"):
        return values.astype(np.float32)
