"""The cache of cut graphs, so that a start need not cut them again.

Each is named for what it was cut from and for its own digest, which is verified when it is read. A folder
that cannot be written is ignored, and a file that was changed is cut again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from featx.errors import OutputFailed
from featx.storage.atomic import replacing
from featx.storage.dirs import cache_dir

__all__ = ["cached_cut", "clear_cuts", "store_cut"]

# raised when featx cuts otherwise
_VERSION = 2
# cuts that are kept; the one that was used least lately goes
_MOST = 8
# bytes of one
_LARGEST = 1 << 29


def cached_cut(key: str) -> bytes | None:
    """Return the bytes stored under ``key``; None where there are none, or not the same any more."""
    for path in _files(_name(key)):
        try:
            data = path.read_bytes()
        except OSError:
            continue
        if path.name == f"{_name(key)}.{hashlib.sha256(data).hexdigest()}.onnx":
            with suppress(OSError):
                path.touch()
            return data
    return None


def store_cut(key: str, data: bytes) -> None:
    """Store a cut graph under ``key``, in place of what was there."""
    if len(data) > _LARGEST:
        return
    name = f"{_name(key)}.{hashlib.sha256(data).hexdigest()}.onnx"
    try:
        _folder().mkdir(parents=True, exist_ok=True)
        for path in _files(_name(key)):
            path.unlink(missing_ok=True)
        with replacing(_folder() / name) as temporary:
            temporary.write_bytes(data)
        old = sorted(_files(""), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in old[_MOST:]:
            path.unlink(missing_ok=True)
    except (OutputFailed, OSError):
        return


def clear_cuts() -> int:
    """Remove all that is stored, and return how many there were."""
    paths = list(_files(""))
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)
    return len(paths)


def _folder() -> Path:
    return cache_dir() / "cuts"


def _name(key: str) -> str:
    return hashlib.sha256(f"{_VERSION}\0{key}".encode()).hexdigest()[:32]


def _files(name: str) -> Iterator[Path]:
    try:
        yield from _folder().glob(f"{name}*.onnx")
    except OSError:
        return
