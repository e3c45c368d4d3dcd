"""The directories where featx keeps what it can make again, and what the user added."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_dir", "data_dir"]


def cache_dir() -> Path:
    """Return where featx keeps what it can make again: ``$FEATX_CACHE_DIR``, else the user's cache folder."""
    if named := os.environ.get("FEATX_CACHE_DIR"):
        return Path(named)
    # It takes 5 ms to import, which who names the folder need not wait for.
    import platformdirs

    return platformdirs.user_cache_path("featx", appauthor=False)


def data_dir() -> Path:
    """Return where featx keeps what the user added: ``$FEATX_DATA_DIR``, else the user's data folder."""
    if named := os.environ.get("FEATX_DATA_DIR"):
        return Path(named)
    import platformdirs

    return platformdirs.user_data_path("featx", appauthor=False)
