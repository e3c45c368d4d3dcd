"""The directories where featx keeps what it can make again, and what the user added."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["cache_dir", "data_dir"]


def cache_dir() -> Path:
    """Where featx keeps what it can make again: ``$FEATX_CACHE_DIR``, else the user's cache folder."""
    if named := os.environ.get("FEATX_CACHE_DIR"):
        return Path(named)
    if sys.platform == "win32":
        return _home("LOCALAPPDATA", "AppData/Local") / "featx" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "featx"
    return _home("XDG_CACHE_HOME", ".cache") / "featx"


def data_dir() -> Path:
    """Where featx keeps what the user added: ``$FEATX_DATA_DIR``, else the user's data folder."""
    if named := os.environ.get("FEATX_DATA_DIR"):
        return Path(named)
    if sys.platform == "win32":
        return _home("LOCALAPPDATA", "AppData/Local") / "featx"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "featx"
    return _home("XDG_DATA_HOME", ".local/share") / "featx"


def _home(variable: str, otherwise: str) -> Path:
    named = Path(os.environ.get(variable, ""))
    return named if named.is_absolute() else Path.home() / otherwise
