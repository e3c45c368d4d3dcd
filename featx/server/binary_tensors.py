"""The binary tensor data extension of the Open Inference Protocol: tensors beside the JSON, not inside it.

A request or an answer whose header ``Inference-Header-Content-Length`` is N begins with N bytes of JSON; the
data of tensors that have the parameter ``binary_data_size`` follow, in the order of the tensors. Numbers are
little-endian; each element of a BYTES tensor is its length as four such bytes, and then itself. Source:
https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/extension_binary_tensor.md
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from featx.server.errors import HTTPError

__all__ = ["HEADER", "NUMBERS", "join_answer", "pack", "split_body", "split_bytes", "take_tensors"]

HEADER = "inference-header-content-length"
NUMBERS = {"FP32": "<f4", "FP64": "<f8", "INT32": "<i4", "INT64": "<i8"}
"""The names NumPy has for the protocol's types of numbers."""


def split_body(body: bytes, length: str | None) -> tuple[bytes, memoryview]:
    """Return the JSON of a body and the binary data behind it; without the header it is all JSON.

    Raises
    ------
    HTTPError
        The header is no number, or more than the body has (400).
    """
    if length is None:
        return body, memoryview(b"")
    if not length.isascii() or not length.isdigit() or len(length) > 12 or int(length) > len(body):
        raise HTTPError(
            400,
            "bad_header",
            f"Inference-Header-Content-Length: expected the bytes of the JSON, at most the "
            f"{len(body)} of the body, found {length[:40]!r}",
        )
    return body[: int(length)], memoryview(body)[int(length) :]


def take_tensors(tensors: Sequence[Mapping[str, Any]], data: memoryview) -> list[memoryview | None]:
    """Return the binary data of each tensor; None for those that hold theirs in the JSON.

    Parameters
    ----------
    tensors : sequence of mapping
        The ``parameters`` of each input.
    data : memoryview
        What follows the JSON.

    Raises
    ------
    HTTPError
        A size is no number of bytes, or the sizes are not those of the data (400).
    """
    taken: list[memoryview | None] = []
    start = 0
    for parameters in tensors:
        size = parameters.get("binary_data_size")
        if size is None:
            taken.append(None)
            continue
        if (
            isinstance(size, bool)
            or not isinstance(size, int)
            or not 0 <= size <= len(data) - start
        ):
            raise HTTPError(
                400,
                "bad_tensor",
                f"binary_data_size: expected at most the {len(data) - start} bytes that are left "
                f"behind the JSON, found {str(size)[:40]}",
            )
        taken.append(data[start : start + size])
        start += size
    if start != len(data):
        raise HTTPError(
            400,
            "bad_tensor",
            f"{len(data) - start} bytes behind the JSON belong to no tensor: expected a "
            f"binary_data_size for them",
        )
    return taken


def split_bytes(data: memoryview, count: int) -> list[bytes]:
    """Return the elements of a BYTES tensor; raise ValueError where they are not ``count``."""
    elements: list[bytes] = []
    start = 0
    while start < len(data):
        # One element more than expected is enough to know that they are too many.
        if len(elements) > count or len(data) - start < 4:
            break
        [size] = struct.unpack_from("<I", data, start)
        start += 4
        if size > len(data) - start:
            raise ValueError(f"an element of {size} bytes, where {len(data) - start} are left")
        elements.append(bytes(data[start : start + size]))
        start += size
    if start != len(data) or len(elements) != count:
        raise ValueError(f"expected {count} elements, each behind its length in four bytes")
    return elements


def pack(values: Sequence[Any], datatype: str) -> bytes:
    """Return the values of a tensor as binary data."""
    if datatype == "BYTES":
        encoded = [str(value).encode() for value in values]
        return b"".join(struct.pack("<I", len(each)) + each for each in encoded)
    return np.asarray(values, NUMBERS[datatype]).tobytes()


def join_answer(head: bytes, data: Sequence[bytes]) -> tuple[bytes, dict[str, str]]:
    """Return the body of an answer with binary data, and the headers that say so."""
    return b"".join([head, *data]), {HEADER: str(len(head))}
