"""How a backbone runs best on this host: what was measured once and is remembered in the user's data folder."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from featx.errors import OutputFailed
from featx.storage.dirs import data_dir
from featx.storage.json_file import read_json_table, write_json_table

__all__ = ["RunSettings", "forget", "place", "remember", "remembered_settings"]


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What an engine does where nobody says otherwise; it changes how fast rows are made, not which."""

    batch_size: int
    workers: int
    cores: int  # that were usable when it was made; with others its workers are not the best


def remember(cache_key: str, plan: RunSettings) -> Path:
    """Keep a plan for a backbone on this host; the file that it is in.

    Raises
    ------
    OutputFailed
        The user's data folder cannot be written.
    """
    write_json_table(place(), read_json_table(place()) | {_key(cache_key): asdict(plan)})
    return place()


def remembered_settings(cache_key: str) -> RunSettings | None:
    """The plan that was kept for a backbone, if there is one that makes sense for this host."""
    if not place().exists():
        return None
    entry = read_json_table(place()).get(_key(cache_key))
    if not isinstance(entry, dict):
        return None
    values: list[Any] = [entry.get(field.name) for field in fields(RunSettings)]
    return RunSettings(*values) if all(type(v) is int and v > 0 for v in values) else None


def forget() -> None:
    """Forget every plan.

    Raises
    ------
    OutputFailed
        The file cannot be removed.
    """
    try:
        place().unlink(missing_ok=True)
    except OSError as error:
        raise OutputFailed(f"{place()}: cannot be removed: {error.strerror}") from error


def place() -> Path:
    """The file of all plans; it may not exist yet."""
    return data_dir() / "plans.json"


def _key(cache_key: str) -> str:
    import platform

    return f"{platform.node()} {cache_key[:16]}"  # a home may be shared by several hosts
