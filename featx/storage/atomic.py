"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import errno
import glob
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from featx.errors import OutputFailed

__all__ = ["os_errors_in_words", "recover", "replacing", "replacing_folder"]

# The end of the name of a folder that was moved aside.
_ASIDE = "-old"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file beside ``path`` that takes its place when the block ends well.

    When the block fails, whatever stood at ``path`` still does and the temporary file is gone. What a
    killed process left behind is swept by the next one that writes the same path.

    Raises
    ------
    OutputFailed
        The folder is missing, not writable or full, or ``path`` is a folder.
    """
    path = Path(path)
    with os_errors_in_words(path):
        if path.is_dir():
            raise OutputFailed(f"{path}: is a folder, expected the name of a file to write")
        temporary = _temporary(path)
    try:
        with os_errors_in_words(path):
            temporary.touch()
            yield temporary
            os.replace(temporary, path)
    finally:
        _discard(temporary)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``path`` that takes its place when the block ends well.

    An old folder at ``path`` is moved aside first and removed last, so a reader finds the old one or
    the new one, whole; between two renames, for an instant, none.

    Raises
    ------
    OutputFailed
        The parent is missing, not writable or full, or ``path`` is a file.
    """
    path = Path(path)
    with os_errors_in_words(path):
        if path.exists() and not path.is_dir():
            raise OutputFailed(f"{path}: is a file, expected the name of a folder to write")
        temporary = _temporary(path)
    aside = temporary.with_name(temporary.name + _ASIDE)
    try:
        with os_errors_in_words(path):
            temporary.mkdir()
            yield temporary
            if path.exists():
                os.replace(path, aside)
            try:
                os.replace(temporary, path)
            except OSError:
                if aside.exists():
                    os.replace(aside, path)
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)


def recover(path: Path) -> None:
    """Undo what writers of ``path`` that were killed left behind.

    Their temporaries go; a folder that one of them had moved aside, and not yet replaced, comes back.
    """
    prefix, parent = _prefix(path), path.absolute().parent
    # On other systems a process cannot be asked harmlessly whether it lives.
    if os.name != "posix" or not os.access(parent, os.R_OK):
        return
    for leftover in sorted(parent.glob(f"{glob.escape(prefix)}*")):
        if _alive(leftover.name[len(prefix) :]):
            continue
        if leftover.name.endswith(_ASIDE) and not path.exists():
            # Where the folder cannot be written, what follows says so.
            with suppress(OSError):
                os.replace(leftover, path)
        else:
            _discard(leftover)


@contextmanager
def os_errors_in_words(path: Path) -> Iterator[None]:
    """Raise OutputFailed, with a reason in words, for any OSError of the block that writes ``path``."""
    try:
        yield
    except OutputFailed:
        raise
    except OSError as error:
        # Without a number it is one of ours, or a library's, that only borrows the name.
        if error.errno is None:
            raise
        parent = path.absolute().parent
        if error.errno in {errno.ENOENT, errno.ENOTDIR} and not os.path.exists(parent):  # noqa: PTH110
            reason = f"the folder {parent} does not exist; create it first"
        elif error.errno == errno.ENOTDIR:
            reason = f"{parent} is a file, not a folder"
        elif error.errno == errno.ENOENT:
            reason = f"no file can be made in {parent}"
        elif error.errno == errno.ENOSPC:
            reason = "the disk is full; free some space or write elsewhere"
        else:
            reason = os.strerror(error.errno).lower()
        raise OutputFailed(f"{path}: cannot be written: {reason}") from error


def _temporary(path: Path) -> Path:
    """Return a new name beside ``path``."""
    recover(path)
    return path.with_name(f"{_prefix(path)}{os.getpid()}-{secrets.token_hex(4)}")


def _prefix(path: Path) -> str:
    return f".{path.name}.featx-"


def _alive(tail: str) -> bool:
    pid = tail.partition("-")[0]
    if not pid.isdigit():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _discard(path: Path) -> None:
    """Remove what is there, if it can be: why not is no news beside what went wrong before."""
    with suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
