"""README.md and the blocks of code in it."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["BLOCKS", "README", "ROOT"]

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, flags=re.M | re.S)
"""The language and the text of each block."""
