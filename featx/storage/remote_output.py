"""Outputs at addresses: written on this machine and put whole when done; and copies of what is there."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from featx.errors import BadArtifact, OutputFailed
from featx.storage.address import blob_at
from featx.storage.blob import describe_os_error
from featx.storage.container import is_inner
from featx.storage.remote import AnyPath, RemotePath

__all__ = [
    "check_remote_output",
    "local_container",
    "local_copy",
    "local_name",
    "put_container",
    "putting",
    "words_of_failure",
]

# The most files of a predictor, or of a folder of rows, and their bytes.
_MOST_FILES = 10_000
_MOST_BYTES = 16 << 30
# The ends of the names of copies that are one file, and no folder.
_SINGLE = frozenset({".zip", ".npz", ".npy", ".parquet", ".csv", ".jsonl"})
# What keeps copies of predictors, whose files are read when they are needed, until the process ends.
_COPIES: list[tempfile.TemporaryDirectory[str]] = []


@contextmanager
def words_of_failure(path: RemotePath) -> Iterator[None]:
    """Raise OutputFailed, with a reason in words, for what a store says of writing ``path``."""
    try:
        yield
    except OutputFailed:
        raise
    except OSError as error:
        reason = describe_os_error(error)
        raise OutputFailed(f"{path}: cannot be written: {reason}") from error


@contextmanager
def putting(path: RemotePath) -> Iterator[Path]:
    """Give a temporary file of this machine that is put at an address when the block ends well.

    Stores let an object appear whole or not at all, so that what stood there stands until then.

    Raises
    ------
    OutputFailed
        The store refuses it, or nothing can be written to the folder for temporary files.
    """
    if path.uri.endswith("/") or not path.key:
        raise OutputFailed(f"{path}: is a folder, expected the name of an object to write")
    with words_of_failure(path), tempfile.TemporaryDirectory(prefix="featx-") as folder:
        # Formats are told by the end of a name.
        temporary = Path(folder, f"output{_plain_suffix(path)}")
        yield temporary
        path.put(temporary)


def check_remote_output(path: RemotePath, *, overwrite: bool = True) -> None:
    """Refuse an address that cannot be written, before the work; a small object is put beside it and removed.

    Raises
    ------
    OutputFailed
        The store refuses it, or something stands there that is not to be replaced.
    """
    with words_of_failure(path.check_readable()):
        if not overwrite and path.exists():
            raise OutputFailed(f"{path}: exists; choose another name, or overwrite=True")
        probe = path.with_name(f".{path.name}.featx-{secrets.token_hex(4)}")
        with tempfile.TemporaryDirectory(prefix="featx-") as folder:
            small = Path(folder, "probe")
            small.write_bytes(b"featx")
            probe.put(small)
        try:
            probe.unlink(missing_ok=True)
        except OSError:
            # Who may write need not have the right to remove.
            return


@contextmanager
def local_copy(path: AnyPath) -> Iterator[Path]:
    """Give a path as it is, and of an address a copy on this machine while the block runs; raise OSError."""
    if not isinstance(path, RemotePath):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="featx-") as folder:
        copy = Path(folder, f"copy{_plain_suffix(path)}")
        _copy(path, copy)
        yield copy


def local_name(path: RemotePath) -> str:
    """Return the name of a predictor's address where a file of this machine can have it, else another."""
    name = path.name
    return name if is_inner(name) and "/" not in name else f"predictor{_plain_suffix(path)}"


def _plain_suffix(path: RemotePath) -> str:
    return path.suffix if path.suffix[1:].isalnum() else ""


def _copy(path: RemotePath, target: Path) -> None:
    path = path.pinned()
    size, free = path.size(), shutil.disk_usage(target.parent).free
    if size > free:
        raise OSError(
            errno.ENOSPC, f"{size:,} bytes, and {free:,} are free in {tempfile.gettempdir()}"
        )
    with blob_at(path).open() as source, target.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)


def local_container(path: AnyPath) -> Path:
    """Return the path of a predictor, or of rows; of those at an address a copy, kept until the process ends.

    Raises
    ------
    BadArtifact
        There is none, or it cannot be read.
    """
    if not isinstance(path, RemotePath):
        return path
    folder = tempfile.TemporaryDirectory(prefix="featx-")
    target = Path(folder.name, local_name(path))
    try:
        if path.check_readable().suffix in _SINGLE:
            _copy(path, target)
        else:
            _copy_folder(path, target)
    except OSError as error:
        folder.cleanup()
        reason = describe_os_error(error)
        raise BadArtifact(f"{path}: cannot be read: {reason}") from error
    _COPIES.append(folder)
    return target


def _copy_folder(path: RemotePath, target: Path) -> None:
    left = _MOST_BYTES
    number = 0
    for number, file in enumerate(path.walk(), start=1):
        name = "/".join(path.below(file))
        file = file.pinned()
        left -= file.size()
        if not is_inner(name):
            raise OSError(errno.EINVAL, f"holds {name!r:.60}: expected relative names without '..'")
        if number > _MOST_FILES or left < 0:
            raise OSError(errno.EFBIG, "holds too much to be copied")
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        _copy(file, place)
    if not number:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def put_container(source: Path, path: RemotePath, last: str) -> None:
    """Put a folder, or the one file that it is, at an address; ``last`` names the file that vouches for others.

    Whoever reads meanwhile finds an old ``last``, or files that do not fit it, and refuses these. Files of an
    earlier one that the new one does not have are removed at the end.

    Raises
    ------
    OutputFailed
        The store refuses it.
    """
    with words_of_failure(path):
        if source.is_file():
            path.put(source)
            return
        names = sorted(
            file.relative_to(source).as_posix() for file in source.rglob("*") if file.is_file()
        )
        old = {"/".join(path.below(file)): file for file in path.walk()} if path.is_dir() else {}
        for name in sorted(names, key=lambda name: name == last):
            (path / name).put(source / name)
        for name in old.keys() - set(names):
            old[name].unlink(missing_ok=True)
