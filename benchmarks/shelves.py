"""Backbones for benchmarks: our cards of third-party ones, and the folders in which their bytes lie."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["CARDS", "stock"]

CARDS = Path(__file__).resolve().parents[1] / "tests" / "cards"


def stock(*folders: Path) -> str:
    """Put these shelves before those that FEATX_MODELS names, for this process and all it starts."""
    named = os.environ.get("FEATX_MODELS")
    shelves = [str(CARDS), *map(str, folders), *([named] if named else [])]
    os.environ["FEATX_MODELS"] = os.pathsep.join(shelves)
    return os.environ["FEATX_MODELS"]
