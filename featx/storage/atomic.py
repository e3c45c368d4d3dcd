"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import errno
import glob
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from featx.errors import OutputFailed

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath

__all__ = ["os_errors_in_words", "recover", "replace_text", "replacing", "replacing_folder"]

# What pathlib makes of an address.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:/[^/]")
# The end of the name of a folder that was moved aside.
_ASIDE = "-old"


@contextmanager
def replacing(path: AnyPath) -> Iterator[Path]:
    """Give a temporary file beside ``path`` that takes its place when the block ends well.

    That of an address lies on this machine, and is put there whole.

    When the block fails, whatever stood at ``path`` still does and the temporary file is gone. What a
    killed process left behind is swept by the next one that writes the same path.

    Raises
    ------
    OutputFailed
        The folder is missing, not writable or full, or ``path`` is a folder.
    """
    if not isinstance(path, Path):
        from featx.storage.remote_output import putting

        with putting(path) as temporary:
            yield temporary
        return
    path = Path(path)
    with os_errors_in_words(path):
        if path.is_dir():
            raise OutputFailed(f"{path}: is a folder, expected the name of a file to write")
        temporary, lock = _new_temporary(path, _create_file)
    try:
        with os_errors_in_words(path):
            yield temporary
            os.replace(temporary, path)
    finally:
        _discard(temporary)
        os.close(lock)


def replace_text(path: AnyPath, text: str) -> None:
    """Write a text in UTF-8 with its ends of lines as they are, in place of what stood at ``path``.

    Raises
    ------
    OutputFailed
        See ``replacing``.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


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
        temporary, lock = _new_temporary(path, _create_folder)
    aside = temporary.with_name(temporary.name + _ASIDE)
    try:
        with os_errors_in_words(path):
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
        os.close(lock)


def recover(path: Path) -> None:
    """Undo what writers of ``path`` that were killed left behind.

    Their temporaries go; a folder that one of them had moved aside, and not yet replaced, comes back.
    """
    prefix, parent = _prefix(path), path.absolute().parent
    # Other systems have no such locks, and leftovers stay.
    if os.name != "posix" or not os.access(parent, os.R_OK):
        return
    live: set[str] = set()
    # A temporary comes before what its writer moved aside, which has no lock of its own.
    for leftover in sorted(parent.glob(f"{glob.escape(prefix)}*")):
        if leftover.name.removesuffix(_ASIDE) in live:
            continue
        with _lock_of(leftover) as lock:
            if lock is None or _old_writer_lives(leftover.name[len(prefix) :]):
                live.add(leftover.name)
            elif leftover.name.endswith(_ASIDE) and not path.exists():
                # Where the folder cannot be written, what follows says so.
                with suppress(OSError):
                    os.replace(leftover, path)
            else:
                _discard(leftover)


@contextmanager
def os_errors_in_words(path: AnyPath) -> Iterator[None]:
    """Raise OutputFailed, with a reason in words, for any OSError of the block that writes ``path``."""
    if not isinstance(path, Path):
        from featx.storage.remote_output import words_of_failure

        with words_of_failure(path):
            yield
        return
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
            if _ADDRESS.match(str(path)):
                reason = "is an address; this is written to a path of this machine alone"
        elif error.errno == errno.ENOTDIR:
            reason = f"{parent} is a file, not a folder"
        elif error.errno == errno.ENOENT:
            reason = f"no file can be made in {parent}"
        elif error.errno == errno.ENOSPC:
            reason = "the disk is full; free some space or write elsewhere"
        else:
            reason = os.strerror(error.errno).lower()
        raise OutputFailed(f"{path}: cannot be written: {reason}") from error


def _new_temporary(path: Path, create: Callable[[Path], int]) -> tuple[Path, int]:
    """Return something new beside ``path``, and the descriptor that holds its lock while it is written.

    The lock says that its writer lives: to any process that sees the folder, in another container too, where
    the same number is another process.
    """
    recover(path)
    while True:
        # The letter makes earlier versions, which expect a number of a process, leave it alone.
        temporary = path.with_name(f"{_prefix(path)}w-{secrets.token_hex(6)}")
        descriptor = create(temporary)
        if _lock(descriptor) is not False and _is_at(descriptor, temporary):
            return temporary, descriptor
        # Another process took it for a leftover before it was locked.
        os.close(descriptor)
        _discard(temporary)


def _create_file(path: Path) -> int:
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)


def _create_folder(path: Path) -> int:
    path.mkdir()
    # A folder cannot be opened on every system, and has no lock there.
    return os.open(path if os.name == "posix" else os.devnull, os.O_RDONLY)


def _lock(descriptor: int) -> bool | None:
    """Lock an open file; False where another process has it locked, None where there are no locks."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@contextmanager
def _lock_of(leftover: Path) -> Iterator[int | None]:
    """Hold the lock of what a writer left; give None where the writer has it, or it cannot be had."""
    try:
        descriptor = os.open(leftover, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        yield None
        return
    try:
        fine = _lock(descriptor) is True and _is_at(descriptor, leftover)
        yield descriptor if fine else None
    finally:
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    """Return whether an open file is still what stands at a path."""
    if os.name != "posix":
        return True
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except OSError:
        return False


def _prefix(path: Path) -> str:
    return f".{path.name}.featx-"


def _old_writer_lives(tail: str) -> bool:
    """Return whether an earlier version may still write what is named for a process; it took no locks."""
    pid = tail.partition("-")[0]
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
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
