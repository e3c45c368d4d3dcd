"""Rows as ``.npz``: arrays ids, labels ('' for none), embeddings and fingerprint; no pickle."""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any, ClassVar, Self

import numpy as np

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

    def __init__(self, path: Path, *, fingerprint: str, dim: int, dtype: str) -> None:
        self._path = path
        self._fingerprint = fingerprint
        self._dim = dim
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
    )


def _write_texts(archive: zipfile.ZipFile, name: str, texts: list[str]) -> None:
    if any(text.endswith("\0") for text in texts):
        raise BadTable(f"{name}: one ends in NUL, which .npz cannot keep; write another format")
    kind = f"<U{max(map(len, texts), default=1) or 1}"
    with _member(archive, name, kind, (len(texts),)) as file:
        for start in range(0, len(texts), _CHUNK):
            file.write(np.array(texts[start : start + _CHUNK], kind).tobytes())


def _member(archive: zipfile.ZipFile, name: str, kind: str, shape: tuple[int, ...]) -> IO[bytes]:
    """Open a member for an array's bytes; its header is written, and no time of day."""
    header = io.BytesIO()
    described: dict[str, Any] = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    # Without a date it is of 1980, always.
    info = zipfile.ZipInfo(f"{name}.npy")
    file = archive.open(info, "w", force_zip64=True)
    file.write(header.getvalue())
    return file
