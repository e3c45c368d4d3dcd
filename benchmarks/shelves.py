"""Backbones for benchmarks: our cards of third-party ones, and the folders in which their bytes lie."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["CARDS", "listed", "stock"]

CARDS = Path(__file__).resolve().parents[1] / "tests" / "cards"


def listed(*folders: Path) -> str:
    """These shelves before those that FEATX_MODELS names, in its form."""
    named = os.environ.get("FEATX_MODELS")
    return os.pathsep.join([str(CARDS), *map(str, folders), *([named] if named else [])])


def stock(*folders: Path) -> None:
    """Put up these shelves, for this process and all that it starts."""
    os.environ["FEATX_MODELS"] = listed(*folders)
