"""External data: weights in files beside a graph, at the offsets that the graph says.

The graph of a stranger says what file is opened and how much of it is read, so all that it says is checked: a
plain file beside the graph, a stretch of it that is there, and as many bytes as the tensor has.
"""

from __future__ import annotations

import errno
import math
import re
import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from onnx import TensorProto

from featx.errors import BadGraph
from featx.storage.blob import Blob, describe_os_error, to_blob
from featx.storage.container import ZipMember, is_inner

__all__ = [
    "SMALL",
    "check_external",
    "copy_external",
    "external_bytes",
    "external_names",
    "is_external",
    "load_external",
    "size_of",
]

# Values of a tensor that may be numbers of a shape, or of a loop.
SMALL = 4096
# Bytes of all small tensors together.
_MOST_SMALL = 1 << 26
# Files beside one graph: some programs write one for each tensor.
_MOST_FILES = 4096
_LONGEST_NAME = 200
# How often the bytes of the files may be used, all tensors together: a few share theirs.
_SHARED = 4
# Digits of an offset or a length.
_DIGITS = 18
_KEYS = frozenset({"location", "offset", "length", "checksum"})
# Bits of a value where its type's name does not say them.
_BITS = {"FLOAT": 32, "BOOL": 8, "DOUBLE": 64}
_NUMBERED = re.compile(r"(?:U?INT|B?FLOAT|COMPLEX)(\d+)")


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The place of the bytes of a tensor."""

    file: str
    start: int
    size: int


def is_external(tensor: TensorProto) -> bool:
    """Return whether a tensor's values lie in a file beside its graph."""
    external: int = TensorProto.EXTERNAL
    return bool(tensor.data_location == external or len(tensor.external_data))


def external_names(tensors: Iterable[TensorProto]) -> set[str]:
    """Return the names of the files in which tensors lie, as the graph says them; none of them is checked."""
    return {
        entry.value
        for tensor in tensors
        for entry in tensor.external_data
        if entry.key == "location"
    }


def external_bytes(tensors: Iterable[TensorProto]) -> int:
    """Return how many bytes tensors have in files beside their graph.

    Raises
    ------
    BadGraph
        A tensor is of a type that has no number of bytes.
    """
    return sum(size_of(tensor) for tensor in tensors if is_external(tensor))


def check_external(
    tensors: Iterable[TensorProto], path: Blob | Path, files: Collection[str] | None = None
) -> set[str]:
    """Return the names of the files in which tensors lie, once each is one that ONNX Runtime may open.

    Parameters
    ----------
    path : Blob or path
        The graph.
    files : collection of str, default=None
        The names that its card lists; None is any that lies beside the graph.

    Raises
    ------
    BadGraph
        A name leads out of the graph's folder, is that of a link or of no file, or is not listed; or a tensor
        lies beyond the end of its file, or all together want far more bytes than the files have.
    """
    sizes: dict[str, int] = {}
    wanted = Counter[str]()
    for tensor in filter(is_external, tensors):
        stretch = _stretch(tensor)
        if files is not None and stretch.file not in files:
            raise BadGraph(
                f"keeps weights as external data in {stretch.file[:80]!r}, which its card does not list "
                "under [files]"
            )
        if stretch.file not in sizes:
            if len(sizes) >= _MOST_FILES:
                raise BadGraph(f"keeps weights as external data in more than {_MOST_FILES} files")
            sizes[stretch.file] = _size(_beside(path, stretch.file), stretch.file)
        _check_inside(tensor, stretch, sizes[stretch.file])
        wanted[stretch.file] += stretch.size
    for name, total in wanted.items():
        if total > _SHARED * sizes[name] + SMALL:
            raise BadGraph(
                f"external data {name[:80]!r}: its {sizes[name]} bytes are used for {total} bytes of weights"
            )
    return set(sizes)


def load_external(
    tensors: Iterable[TensorProto], path: Blob | Path, *, most: int | None = None
) -> None:
    """Put values that lie in files beside a graph into its tensors, in place.

    Parameters
    ----------
    path : Blob or path
        The graph.
    most : int, default=None
        Tensors of more values stay as they are; None is all.

    Raises
    ------
    BadGraph
        As ``check_external``, or a file cannot be read.
    """
    found: dict[str, list[tuple[TensorProto, _Stretch]]] = {}
    total = 0
    for tensor in filter(is_external, tensors):
        if most is not None and math.prod(tensor.dims) > most:
            continue
        stretch = _stretch(tensor)
        total += stretch.size
        if most is not None and total > _MOST_SMALL:
            raise BadGraph(f"keeps more than {_MOST_SMALL} bytes of small tensors as external data")
        found.setdefault(stretch.file, []).append((tensor, stretch))
    for name, wanted in found.items():
        _load_file(_beside(path, name), name, wanted)


def copy_external(
    tensors: Iterable[TensorProto], graph: Path, folder: Path, *, taken: Collection[str] = ()
) -> list[str]:
    """Copy the files in which a graph's weights lie into a folder, and return their names, sorted.

    Parameters
    ----------
    graph : path
        The graph beside which they lie.
    folder : path
        Where they go, under the names that the graph says.
    taken : collection of str, default=()
        Names that stand for something else there, such as the graph's own.

    Raises
    ------
    BadGraph
        As ``check_external``, or a name is taken.
    OSError
        A file cannot be written, or there is too little room for all.
    """
    names = sorted(check_external(tensors, graph))
    others = {name.casefold() for name in (*taken, graph.name)}
    for name in names:
        if PurePosixPath(name).parts[0].casefold() in others:
            raise BadGraph(
                f"keeps weights as external data in {name!r}, which is the name of another file of its "
                "backbone; export it with another location"
            )
    needed = sum(_size(_beside(graph, name), name) for name in names)
    if needed > shutil.disk_usage(folder).free:
        raise OSError(errno.ENOSPC, "too little room for the weights beside a graph", str(folder))
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with _beside(graph, name).open() as source, target.open("xb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
    return names


def size_of(tensor: TensorProto) -> int:
    """Return how many bytes a tensor has, by its type and dimensions.

    Raises
    ------
    BadGraph
        It is of a type that has no number of bytes.
    """
    kind = _kind(tensor)
    numbered = _NUMBERED.match(kind)
    bits = int(numbered[1]) if numbered else _BITS.get(kind, 0)
    if not bits or any(dim < 0 for dim in tensor.dims):
        raise BadGraph(
            f"external data of {tensor.name[:80]!r}: a tensor of {kind.lower()} and of dimensions "
            f"{list(tensor.dims)[:8]} is none that a file can hold"
        )
    return (int(math.prod(tensor.dims)) * bits + 7) // 8


def _kind(tensor: TensorProto) -> str:
    try:
        return str(TensorProto.DataType.Name(tensor.data_type))
    except ValueError:
        return f"type {tensor.data_type}"


def _stretch(tensor: TensorProto) -> _Stretch:
    """Return where a tensor says that it lies; what is there is not looked at."""
    entries = _entries(tensor)
    name = entries.get("location", "")
    plain = is_inner(name) and PurePosixPath(name).as_posix() == name
    if not plain or len(name) > _LONGEST_NAME or not name.isprintable():
        raise BadGraph(
            f"keeps weights as external data in {name[:80]!r}: expected the name of a file beside the graph"
        )
    numbers = {}
    for key in ("offset", "length"):
        text = entries.get(key) or "0"
        if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
            raise BadGraph(
                f"external data of {tensor.name[:80]!r}: offset and length are no numbers"
            )
        numbers[key] = int(text)
    size = size_of(tensor)
    if numbers["length"] not in (0, size):
        raise BadGraph(
            f"external data of {tensor.name[:80]!r}: has {numbers['length']} bytes, its type and "
            f"dimensions need {size}"
        )
    return _Stretch(name, numbers["offset"], size)


def _entries(tensor: TensorProto) -> Mapping[str, str]:
    """Return what a tensor says of its file, each key once."""
    entries: dict[str, str] = {}
    for entry in tensor.external_data:
        if not isinstance(entry.key, str) or not isinstance(entry.value, str):
            # protobuf gives as bytes what is no UTF-8
            raise BadGraph("keeps weights as external data in a file whose name is not text")
        if entry.key in entries or entry.key not in _KEYS:
            raise BadGraph(
                f"external data of {str(tensor.name)[:80]!r}: expected location, offset, length and "
                f"checksum, each once; found {entry.key[:40]!r}"
            )
        entries[entry.key] = entry.value
    return entries


def _beside(path: Blob | Path, name: str) -> Blob:
    """Return the file of that name beside a graph; the name is an inner one."""
    blob = to_blob(path)
    if blob.path is not None:
        folder = blob.path.parent
        file = folder / name
        for part in (file, *file.parents[: len(PurePosixPath(name).parts) - 1]):
            if part.is_symlink():
                raise BadGraph(
                    f"external data {name[:80]!r}: expected a file beside the graph, found a symbolic link, "
                    "which ONNX Runtime refuses (cp -L copies the file itself)"
                )
        return Blob.of_path(file)
    if isinstance(blob.location, ZipMember):
        inner = (PurePosixPath(blob.location.name).parent / name).as_posix()
        return Blob(name, ZipMember(blob.location.archive, inner))
    raise BadGraph("keeps weights as external data, which a graph in memory cannot")


def _size(blob: Blob, name: str) -> int:
    try:
        return blob.size
    except OSError as error:
        raise _missing(name, error) from error


def _missing(name: str, error: OSError) -> BadGraph:
    return BadGraph(
        f"external data {name[:80]!r}: expected a file beside the graph: {describe_os_error(error)}"
    )


def _check_inside(tensor: TensorProto, stretch: _Stretch, size: int) -> None:
    if stretch.start + stretch.size > size:
        raise BadGraph(
            f"external data of {tensor.name[:80]!r}: lies beyond the {size} bytes of its file"
        )


def _load_file(blob: Blob, name: str, wanted: Iterable[tuple[TensorProto, _Stretch]]) -> None:
    size = _size(blob, name)
    try:
        with blob.open() as file:
            for tensor, stretch in wanted:
                _check_inside(tensor, stretch, size)
                file.seek(stretch.start)
                tensor.raw_data = _read(file, stretch.size)
                _check_inside(tensor, stretch, stretch.start + len(tensor.raw_data))
                del tensor.external_data[:]
                tensor.data_location = TensorProto.DEFAULT
    except OSError as error:
        raise _missing(name, error) from error


def _read(file: IO[bytes], size: int) -> bytes:
    """Return so many bytes of a file, or all that are left; a raw one may give fewer at a time."""
    data = file.read(size)
    while len(data) < size and (part := file.read(size - len(data))):
        data += part
    return data
