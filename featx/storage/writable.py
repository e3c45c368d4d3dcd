"""Whether an output can be written, found out before the work that makes it."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from featx.errors import OutputFailed
from featx.storage.address import to_path
from featx.storage.atomic import os_errors_in_words

if TYPE_CHECKING:
    from featx.storage.remote import RemotePath

__all__ = ["check_apart", "check_writable"]

# Bytes that are written for a try: a disk that is full takes an empty file.
_TRY = 4096


def check_writable(
    path: str | os.PathLike[str] | RemotePath,
    *,
    overwrite: bool = True,
    folder: bool = False,
    parents: bool = False,
) -> None:
    """Refuse a path that ``replacing`` or ``replacing_folder`` could not write; leave nothing there.

    A small file is written beside it and removed, since rights, read-only file systems and full disks show
    themselves in no other way to every user on every system; at an address, a small object.

    Parameters
    ----------
    overwrite : bool, default=True
        Whether something that is there already may be replaced.
    folder : bool, default=False
        Whether a folder is to be written there, not a file.
    parents : bool, default=False
        Whether folders above it that are missing will be made.

    Raises
    ------
    OutputFailed
        The folder is missing, not writable or full, or something stands at ``path`` that is of another kind
        or not to be replaced.
    """
    path = to_path(path)
    if not isinstance(path, Path):
        from featx.storage.remote_output import check_remote_output

        check_remote_output(path, overwrite=overwrite)
        return
    try:
        parent = path.absolute().parent
        while parents and not os.path.lexists(parent):
            parent = parent.parent
        with os_errors_in_words(parent / path.name if parents else path):
            _check_kind(path, folder=folder)
            if not overwrite and os.path.lexists(path):
                raise OutputFailed(f"{path}: exists; choose another name, or overwrite=True")
            _try_to_write(parent, path.name)
            _check_ownership(path, parent)
    except ValueError as error:
        raise OutputFailed(f"{str(path)!r}: not a name that a file can have") from error


def check_apart(
    path: str | os.PathLike[str] | RemotePath, source: str | os.PathLike[str] | RemotePath
) -> None:
    """Refuse an output that would replace what is read, or lie within it as one of its files.

    Raises
    ------
    OutputFailed

    Examples
    --------
    >>> check_apart("rows/all.parquet", "rows")
    Traceback (most recent call last):
    featx.errors.OutputFailed: rows/all.parquet: lies in rows, which is read; name another place
    """
    output, given = to_path(path), to_path(source)
    if isinstance(output, Path) and isinstance(given, Path):
        # Links lead to the same file as its own name.
        target, read = Path(os.path.realpath(output)), Path(os.path.realpath(given))
        same, within = target == read, target.is_relative_to(read)
    elif isinstance(output, Path) or isinstance(given, Path):
        return
    else:
        same, within = output.uri == given.uri, output.is_relative_to(given)
    if same or within:
        verb = "is" if same else "lies in"
        raise OutputFailed(f"{output}: {verb} {given}, which is read; name another place")


def _check_kind(path: Path, *, folder: bool) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except OSError:
        # A part of the way is no folder, or is closed to us: the try will say which.
        return
    if folder and not stat.S_ISDIR(mode):
        raise OutputFailed(f"{path}: is a file, expected the name of a folder to write")
    if not folder and stat.S_ISDIR(mode):
        raise OutputFailed(f"{path}: is a folder, expected the name of a file to write")
    if not folder and not stat.S_ISREG(mode):
        raise OutputFailed(f"{path}: is a device or a pipe, expected the name of a file to write")


def _try_to_write(parent: Path, name: str) -> None:
    """Write a file that is named like the temporaries of ``replacing``, as long a name included."""
    temporary = parent / f".{name}.featx-{os.getpid()}-{secrets.token_hex(4)}"
    with temporary.open("xb", buffering=0) as file:
        try:
            file.write(bytes(_TRY))
        finally:
            temporary.unlink(missing_ok=True)


def _check_ownership(path: Path, parent: Path) -> None:
    """Refuse another user's file in a folder such as /tmp, where only its owner may replace it."""
    if os.name != "posix" or not os.path.lexists(path):
        return
    above, user = parent.stat(), os.geteuid()
    if above.st_mode & stat.S_ISVTX and user not in (0, above.st_uid, path.lstat().st_uid):
        raise OutputFailed(f"{path}: cannot be replaced: another user's, in a folder shared by all")
