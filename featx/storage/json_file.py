"""Small JSON tables that featx keeps for itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from featx.storage.atomic import os_errors_in_words, replacing

__all__ = ["read_json_table", "write_json_table"]


def read_json_table(path: Path) -> dict[str, Any]:
    """Return a JSON table that featx keeps for itself; empty where there is none, or it is damaged."""
    try:
        table = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return table if isinstance(table, dict) else {}


def write_json_table(path: Path, table: Mapping[str, Any]) -> None:
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
