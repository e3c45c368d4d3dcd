"""Small JSON tables that featx keeps for itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featx.errors import OutputFailed
from featx.storage.atomic import os_errors_in_words, replacing

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath

__all__ = ["read_json_table", "remember_entry", "write_json_table"]


def read_json_table(path: Path) -> dict[str, Any]:
    """Return a JSON table that featx keeps for itself; empty where there is none, or it is damaged."""
    try:
        table = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return table if isinstance(table, dict) else {}


def write_json_table(path: AnyPath, table: Mapping[str, Any]) -> None:
    """Write a JSON table in place of what ``path`` held; its folder is made where it is missing.

    Raises
    ------
    OutputFailed
        It cannot be written.
    """
    with os_errors_in_words(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(table, indent=1), encoding="utf-8")


def remember_entry(path: Path, key: str, value: Any, *, most: int) -> None:
    """Put an entry into a table of at most ``most``; a file that cannot be written stays as it is."""
    table = {name: known for name, known in read_json_table(path).items() if name != key}
    kept = [*table.items(), (key, value)][-most:]
    with suppress(OutputFailed):
        write_json_table(path, dict(kept))
