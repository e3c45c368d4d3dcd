"""Run settings: how a backbone runs best on this host, as ``featx bench`` remembers it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from featx.errors import OutputFailed
from featx.storage.dirs import data_dir
from featx.storage.json_file import read_json_table, write_json_table
from featx.storage.writable import check_writable

__all__ = [
    "RunSettings",
    "check_settings",
    "forget",
    "remember_settings",
    "remembered_settings",
    "settings_file",
]


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The defaults of an engine for a backbone on this host; they change how fast rows are made, not which.

    Attributes
    ----------
    batch_size : int
        Samples that go through the graph together.
    workers : int
        Worker threads.
    cores : int
        Cores that were usable when it was measured; with others its workers are not the best.
    """

    batch_size: int
    workers: int
    cores: int


def remember_settings(cache_key: str, settings: RunSettings) -> Path:
    """Keep settings for a backbone on this host, and return the file that they are in.

    Raises
    ------
    OutputFailed
        The user's data folder cannot be written.
    """
    path = settings_file()
    write_json_table(path, read_json_table(path) | {_key(cache_key): asdict(settings)})
    return path


def check_settings() -> None:
    """Raise OutputFailed where ``remember_settings`` could not write, before anything is measured."""
    check_writable(settings_file(), parents=True)


def remembered_settings(cache_key: str) -> RunSettings | None:
    """Return the settings that were kept for a backbone, if they make sense for this host."""
    path = settings_file()
    if not path.exists():
        return None
    entry = read_json_table(path).get(_key(cache_key))
    if not isinstance(entry, dict):
        return None
    values: list[Any] = [entry.get(field.name) for field in fields(RunSettings)]
    return RunSettings(*values) if all(type(v) is int and v > 0 for v in values) else None


def forget() -> None:
    """Forget the settings of every backbone.

    Raises
    ------
    OutputFailed
        The file cannot be removed.
    """
    path = settings_file()
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputFailed(f"{path}: cannot be removed: {error.strerror}") from error


def settings_file() -> Path:
    """Return the path of the file of all settings; it may not exist yet."""
    return data_dir() / "run-settings.json"


def _key(cache_key: str) -> str:
    # It is imported only where there is a file to look into.
    import platform

    # A home may be shared by several hosts.
    return f"{platform.node()} {cache_key[:16]}"
