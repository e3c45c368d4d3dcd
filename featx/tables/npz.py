"""Rows as ``.npz``: arrays ids, labels ('' for none), embeddings and fingerprint; no pickle.

A further column of the samples is an array of its name: texts ('' for none) and truth values as text, numbers
as int64, or as float64 where one is a fraction or missing (NaN).
"""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from featx.embedding.rows import Rows
from featx.errors import BadTable

__all__ = ["NpzWriter", "read_npz"]

_ARRAYS = ("ids", "labels", "embeddings", "fingerprint")
_DAMAGES = (ValueError, KeyError, EOFError, OSError, MemoryError, zipfile.BadZipFile, zlib.error)
# How many texts are written at a time.
_CHUNK = 4096


class NpzWriter:
    """Writes an archive of arrays; the numbers wait on disk until it is known how many they are."""

    dtypes: ClassVar[frozenset[str]] = frozenset({"float32"})

    def __init__(
        self, path: Path, *, fingerprint: str, dim: int, dtype: str, columns: Mapping[str, type]
    ) -> None:
        self._path = path
        self._fingerprint = fingerprint
        self._dim = dim
        self._types = columns
        self._columns: dict[str, list[Any]] = {name: [] for name in columns}
        self._ids: list[str] = []
        self._labels: list[str] = []

    def __enter__(self) -> Self:
        """Open the file in which the numbers wait."""
        self._numbers = tempfile.TemporaryFile(dir=self._path.parent)
        return self

    def write(self, block: Rows) -> None:
        """Keep ids and labels, and write the numbers where they wait."""
        self._ids += block.ids
        self._labels += (label or "" for label in block.labels)
        for name, cells in self._columns.items():
            cells += block.columns[name]
        self._numbers.write(np.ascontiguousarray(block.embeddings, "<f4").tobytes())

    def __exit__(self, kind: object, *failure: object) -> None:
        """Write the archive, unless there was an error."""
        with self._numbers:
            if kind is None:
                self._assemble()

    def _assemble(self) -> None:
        self._numbers.seek(0)
        with zipfile.ZipFile(self._path, "w", zipfile.ZIP_STORED) as archive:
            _write_texts(archive, "ids", self._ids)
            _write_texts(archive, "labels", self._labels)
            with _member(archive, "embeddings", "<f4", (len(self._ids), self._dim)) as file:
                shutil.copyfileobj(self._numbers, file, 1 << 20)
            for name, cells in self._columns.items():
                _write_column(archive, name, cells, self._types[name])
            text = f"<U{max(1, len(self._fingerprint))}"
            with _member(archive, "fingerprint", text, ()) as file:
                file.write(np.array(self._fingerprint, text).tobytes())


def read_npz(path: Path) -> Rows:
    """Return the rows of a file that featx wrote; numpy reads it too."""
    try:
        with path.open("rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as arrays:
            missing = [name for name in _ARRAYS if name not in arrays]
            if missing:
                raise BadTable(f"{path}: expected arrays {', '.join(_ARRAYS)}; no {missing[0]!r}")
            ids, labels, embeddings, fingerprint = (arrays[name] for name in _ARRAYS)
            others = _other_columns(arrays, ids.size)
    except _DAMAGES as error:
        if isinstance(error, BadTable) or (isinstance(error, OSError) and error.errno):
            raise
        raise BadTable(f"{path}: not an .npz, or a damaged one: {error}") from error
    if ids.dtype.kind != "U" or labels.dtype.kind != "U" or embeddings.dtype.kind != "f":
        raise BadTable(f"{path}: expected ids and labels of text and embeddings of numbers")
    return Rows(
        tuple(np.atleast_1d(ids).tolist()),
        tuple(label or None for label in np.atleast_1d(labels).tolist()),
        np.ascontiguousarray(embeddings, np.float32),
        str(fingerprint),
        columns=others,
    )


def _other_columns(arrays: Any, n: int) -> dict[str, tuple[Any, ...]]:
    """Return the cells of the arrays that are columns of the samples; whatever else is there is left alone."""
    columns = {}
    for name in arrays.files:
        if name in _ARRAYS:
            continue
        # An array of objects is refused when it is read.
        with suppress(ValueError):
            values = arrays[name]
            if values.shape == (n,) and values.dtype.kind in "Uif":
                columns[name] = _cells(values)
    return columns


def _cells(values: npt.NDArray[Any]) -> tuple[Any, ...]:
    """Return the values of an array; None for an empty text and for NaN, which stand for it."""
    return tuple(
        None if value in ("", None) or value != value else value for value in values.tolist()
    )


def _write_column(archive: zipfile.ZipFile, name: str, cells: list[Any], kind: type) -> None:
    """Write a column of the samples; texts are deflated, since each takes as much room as the longest."""
    if kind in (str, bool):
        texts = ["" if cell is None else str(cell) for cell in cells]
        _write_texts(archive, name, texts, zipfile.ZIP_DEFLATED)
        return
    whole = kind is int and None not in cells
    values = cells if whole else [np.nan if cell is None else cell for cell in cells]
    with _member(archive, name, "<i8" if whole else "<f8", (len(cells),)) as file:
        file.write(np.array(values, "<i8" if whole else "<f8").tobytes())


def _write_texts(
    archive: zipfile.ZipFile, name: str, texts: list[str], compression: int = zipfile.ZIP_STORED
) -> None:
    if any(text.endswith("\0") for text in texts):
        raise BadTable(f"{name}: one ends in NUL, which .npz cannot keep; write another format")
    kind = f"<U{max(map(len, texts), default=1) or 1}"
    with _member(archive, name, kind, (len(texts),), compression) as file:
        for start in range(0, len(texts), _CHUNK):
            file.write(np.array(texts[start : start + _CHUNK], kind).tobytes())


def _member(
    archive: zipfile.ZipFile,
    name: str,
    kind: str,
    shape: tuple[int, ...],
    compression: int = zipfile.ZIP_STORED,
) -> IO[bytes]:
    """Open a member for an array's bytes; its header is written, and no time of day."""
    header = io.BytesIO()
    described: dict[str, Any] = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    # Without a date it is of 1980, always.
    info = zipfile.ZipInfo(f"{name}.npy")
    info.compress_type = compression
    file = archive.open(info, "w", force_zip64=True)
    file.write(header.getvalue())
    return file
