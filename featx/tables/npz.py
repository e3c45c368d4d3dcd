"""Rows as ``.npz``: arrays ids, labels ('' for none), embeddings and fingerprint; no pickle."""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np

from featx.embedding.rows import Rows
from featx.errors import BadTable

__all__ = ["read_npz", "write_npz"]

_ARRAYS = ("ids", "labels", "embeddings", "fingerprint")
_DAMAGES = (ValueError, KeyError, EOFError, OSError, MemoryError, zipfile.BadZipFile, zlib.error)
_CHUNK = 4096  # texts written at a time


def write_npz(path: Path, blocks: Iterable[Rows], *, fingerprint: str, dim: int) -> None:
    """Write the blocks; their numbers wait on disk until it is known how many they are."""
    ids: list[str] = []
    labels: list[str] = []
    with tempfile.TemporaryFile(dir=path.parent) as raw:
        for block in blocks:
            ids += block.ids
            labels += (label or "" for label in block.labels)
            raw.write(np.ascontiguousarray(block.embeddings, "<f4").tobytes())
        raw.seek(0)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            _write_texts(archive, "ids", ids)
            _write_texts(archive, "labels", labels)
            with _member(archive, "embeddings", "<f4", (len(ids), dim)) as file:
                shutil.copyfileobj(raw, file, 1 << 20)
            with _member(archive, "fingerprint", f"<U{max(1, len(fingerprint))}", ()) as file:
                file.write(np.array(fingerprint, f"<U{max(1, len(fingerprint))}").tobytes())


def read_npz(path: Path) -> Rows:
    """The rows of a file that featx wrote; numpy reads it too."""
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
    """A member to write an array's bytes to; its header is written, and no time of day."""
    header = io.BytesIO()
    described: dict[str, Any] = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    info = zipfile.ZipInfo(f"{name}.npy")  # of 1980, always
    file = archive.open(info, "w", force_zip64=True)
    file.write(header.getvalue())
    return file
