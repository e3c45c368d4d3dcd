"""Arrays of a saved predictor, read without running any code and bounded before they are built."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from featx.errors import BadArtifact
from featx.storage.archive import ArchiveMembers, open_members
from featx.storage.border import library_border

__all__ = ["read_array", "read_arrays", "write_arrays"]

# The most characters of a header: NumPy's own bound for files of strangers.
_MOST_HEADER = 10_000
# The longest axis, and the most of them: what scikit-learn's estimators hold has up to four.
_LONGEST_AXIS, _MOST_AXES = 1 << 40, 8


def write_arrays(arrays: Mapping[str, npt.NDArray[Any]], *, compressed: bool = False) -> bytes:
    """Return the bytes of an ``.npz`` that holds arrays in their order; equal arrays give equal bytes.

    >>> read_arrays(write_arrays({"x": np.arange(3)}), "numbers", ["x"])["x"].tolist()
    [0, 1, 2]
    """
    stream = io.BytesIO()
    # mypy takes the arrays for NumPy's option beside them.
    save: Any = np.savez_compressed if compressed else np.savez
    save(stream, **arrays)
    return stream.getvalue()


def read_arrays(
    data: bytes,
    content: str,
    required: Sequence[str],
    optional: Sequence[str] = (),
    *,
    compressed_limit: int = 0,
) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an ``.npz``, by name; nothing in it can be code.

    Parameters
    ----------
    data : bytes
    content : str
        What the arrays should be, for the message, such as "a head".
    required, optional : sequences of str
        Names that must and that may be there; a file with others is refused before any array is read.
    compressed_limit : int, default=0
        Where arrays may be compressed: the most bytes that all of them together may have. With 0 they are
        stored as they are.

    Raises
    ------
    BadArtifact
        The bytes are no such file, it is damaged, or it has other names.
    """
    try:
        with open_members(data, compressed_limit=compressed_limit) as members:
            names = {name.removesuffix(".npy") for name in members.infos}
            if set(required) - names or names - {*required, *optional}:
                found = ", ".join(sorted(names))
                raise BadArtifact(f"expected {', '.join(required)}, found {found:.200}")
            return {name: read_array(members, f"{name}.npy") for name in sorted(names)}
    except BadArtifact as error:
        raise BadArtifact(f"not the arrays of {content}: {error}") from error


def read_array(members: ArchiveMembers, name: str) -> npt.NDArray[Any]:
    """Return the array of one ``.npy``, aligned, writable and in this machine's order of bytes.

    Its header is read first: what it promises must be what the member has.

    Raises
    ------
    BadArtifact
        The member is no array, holds objects, or is not of the size that its header says.
    """
    with library_border(f"{name!r:.60} is not an array"), members.open(name) as file:
        shape, fortran_order, dtype = _read_header(file)
        n_items = math.prod(shape)
        rest = members.size(name) - file.tell()
        if n_items * dtype.itemsize != rest:
            raise BadArtifact(
                f"{name!r:.60}: an array of {shape} {dtype} has "
                f"{n_items * dtype.itemsize:,} bytes, found {rest:,}"
            )
        array: npt.NDArray[Any] = np.empty(n_items, dtype)
        content = file.read(rest + 1)
        if len(content) != rest:
            raise BadArtifact(f"{name!r:.60}: ends before its array does")
        if rest:
            array[:] = np.frombuffer(content, dtype)
        if not dtype.isnative and dtype.names is None:
            array = array.astype(dtype.newbyteorder("="))
        return array.reshape(shape, order="F" if fortran_order else "C")


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, whether columns come first, and dtype; refuse what no estimator holds."""
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise BadArtifact(f"an array of version {version}, expected 1.0 or 2.0")
    shape, fortran_order, dtype = readers[version](file, max_header_size=_MOST_HEADER)
    if dtype.hasobject or dtype.subdtype is not None or not dtype.itemsize:
        raise BadArtifact(f"an array of {dtype!s:.40}: expected numbers or texts")
    sizes = all(type(size) is int and 0 <= size <= _LONGEST_AXIS for size in shape)
    if len(shape) > _MOST_AXES or not sizes:
        raise BadArtifact(f"an array of shape {shape!s:.60}")
    return shape, fortran_order, dtype
