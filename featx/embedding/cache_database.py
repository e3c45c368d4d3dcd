"""The cache's database: one SQLite file that several threads and processes share.

A damaged file is renamed and a fresh one begun; one that cannot be used is ignored. Both are a
FeatxWarning, and neither is an error.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TypeVar

from featx.errors import FeatxNotice, FeatxWarning

__all__ = ["Database", "pragma", "transaction"]

_Answer = TypeVar("_Answer")

# 'feat', in the header of the file
_APPLICATION = 0x66656174
# Seconds after which a wait for another process is told.
_PATIENCE = 2.0
# Tries: with the file, with the one that another process put there instead, with a fresh one.
_TRIES = 3
# The bits of an error code that name its kind, without details.
_FAMILY = 0xFF
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        # A table or column of ours is missing.
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_NOTADB,
    }
)


class Database:
    """A file with a schema of ours, opened at the first use and again after a fork or a failure.

    Parameters
    ----------
    path : Path
        The file, made with its folders when first used.
    schema : tuple of str
        Statements that make its tables.
    version : int
        The version of the schema; a file of another version is left alone and done without.
    timeout : float
        Seconds to wait for another process that is writing. Each wait that is longer than two seconds is
        told, once; after the timeout the file is done without.
    """

    def __init__(self, path: Path, schema: tuple[str, ...], version: int, timeout: float) -> None:
        self.path = path
        self.files = tuple(path.with_name(path.name + end) for end in ("", "-wal", "-shm"))
        self._schema = schema
        self._version = version
        self._timeout = timeout
        # SQLite waits for so long, and is asked again until the timeout.
        self._turn = min(timeout, _PATIENCE)
        self._told = False
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        # The identity of the file to which the connection belongs.
        self._opened: tuple[int, int] | None = None
        self._off = False

    def run(self, work: Callable[[sqlite3.Connection], _Answer]) -> _Answer | None:
        """Return what ``work`` gives, or None where the file cannot be used; it may be called again."""
        with self._lock:
            deadline = time.monotonic() + self._timeout
            tries = 0
            while tries < _TRIES:
                if self._off:
                    return None
                try:
                    if self._connection is None:
                        self._connection = self._connect()
                    return work(self._connection)
                except (sqlite3.Error, OSError) as error:
                    if not self._wait_on(error, deadline):
                        self._recover(error)
                        tries += 1
            self._give_up("it is damaged again and again")
            return None

    def _wait_on(self, error: sqlite3.Error | OSError, deadline: float) -> bool:
        """Return whether to ask again for a file that another process has locked; tell of it once."""
        if getattr(error, "sqlite_errorcode", 0) & _FAMILY not in _BUSY:
            return False
        if time.monotonic() >= deadline:
            return False
        if not self._told:
            self._told = True
            text = (
                f"cache {self.path}: another process has it locked; waiting up to {self._timeout:.0f} s, "
                "then going on without it"
            )
            warnings.warn(text, FeatxNotice, stacklevel=2)
        return True

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                with suppress(sqlite3.Error):
                    connection.close()

    def _connect(self) -> sqlite3.Connection:
        _guard_forks()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._opened = _identity(self.path)
        connection = sqlite3.connect(
            self.path, timeout=self._turn, isolation_level=None, check_same_thread=False
        )
        try:
            # Text is damage: do not trip over it.
            connection.text_factory = bytes
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._opened = _identity(self.path)
        _OPEN.add(self)
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        # A database of someone else is not to be touched.
        with transaction(connection, "DEFERRED"):
            empty = self._is_empty(connection)
        _log_ahead(connection, self._turn)
        connection.execute("PRAGMA synchronous = NORMAL")
        if empty:
            with transaction(connection):
                # Another process may have been faster.
                if self._is_empty(connection):
                    for statement in self._schema:
                        connection.execute(statement)
                    connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                    connection.execute(f"PRAGMA user_version = {self._version}")

    def _is_empty(self, connection: sqlite3.Connection) -> bool:
        """Return whether the file is empty; OSError where it belongs to something else."""
        owner, version = (pragma(connection, name) for name in ("application_id", "user_version"))
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if owner == version == tables == 0:
            return True
        if owner != _APPLICATION:
            raise OSError(0, "it is a database of something else")
        if version != self._version:
            raise OSError(0, f"it has format {version}, expected {self._version}")
        return False

    def _recover(self, error: sqlite3.Error | OSError) -> None:
        """Make ready for another try, or for none."""
        self.close()
        code = getattr(error, "sqlite_errorcode", 0)
        if self._opened is not None and _identity(self.path) != self._opened:
            # The file was removed, or set aside by another process.
            return
        if code & _FAMILY not in _DAMAGED and code != sqlite3.SQLITE_IOERR_SHORT_READ:
            self._give_up((isinstance(error, OSError) and error.strerror) or str(error))
            return
        try:
            aside = self._set_aside()
        except OSError as refused:
            self._give_up(f"{error}, and it cannot be renamed: {refused.strerror}")
            return
        if aside is not None:
            _warn(f"{self.path}: damaged ({error}); now called {aside.name}, and a fresh one begun")

    def _set_aside(self) -> Path | None:
        """Rename the file and its log; None where another process has done so meanwhile."""
        with _locked(self.path.parent):
            if _identity(self.path) != self._opened:
                return None
            n = 1
            while (aside := self.path.with_name(f"{self.path.name}.damaged-{n}")).exists():
                n += 1
            # The log goes first: a fresh file must not find it.
            for path in reversed(self.files):
                if path.exists():
                    path.rename(aside.with_name(aside.name + path.name[len(self.path.name) :]))
            return aside

    def _give_up(self, reason: str) -> None:
        self._off = True
        _warn(f"{self.path}: cannot be used ({reason}); going on without it")

    def _hold(self) -> None:
        self._lock.acquire()
        self.close()

    def _release(self) -> None:
        self._lock.release()


@contextmanager
def transaction(connection: sqlite3.Connection, kind: str = "IMMEDIATE") -> Iterator[None]:
    """Write all of the block, or nothing; nobody writes between what is read in it."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # The transaction may have been undone already.
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _log_ahead(connection: sqlite3.Connection, timeout: float) -> None:
    """Let readers and a writer work at once; SQLite itself does not wait for its turn to say so."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & _FAMILY not in _BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def pragma(connection: sqlite3.Connection, name: str) -> int:
    """Return what SQLite answers to ``PRAGMA name``, where that is a number."""
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; where the system has no such locks, nobody waits."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _warn(message: str) -> None:
    warnings.warn(f"cache {message}", FeatxWarning, stacklevel=2)


# SQLite forbids to carry a connection into a forked process, even to close it there. So before each
# fork all are closed, and nobody opens one until it is done.

_OPEN: weakref.WeakSet[Database] = weakref.WeakSet()
_FORK = threading.Lock()
_HELD: list[Database] = []


def _before_fork() -> None:
    _FORK.acquire()
    _HELD.extend(_OPEN)
    for database in _HELD:
        database._hold()


def _after_fork() -> None:
    while _HELD:
        _HELD.pop()._release()
    _FORK.release()


@cache
def _guard_forks() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
        )
