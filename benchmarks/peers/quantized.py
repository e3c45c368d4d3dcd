"""The int8 twin of a backbone, where the installed featx can make one."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

from peers.environments import Unavailable


def int8_twin(backbone: str, data: Path, home: Path, environment: Mapping[str, str]) -> str:
    """The name of the card that ``featx optimize`` made in ``home``; raises Unavailable."""
    command = [sys.executable, "-m", "featx", "optimize"]
    given = {**os.environ, **environment, "FEATX_DATA_DIR": str(home)}
    if not (home / "ready").exists():
        known = subprocess.run([*command, "--help"], env=given, capture_output=True)
        if known.returncode:
            raise Unavailable("not available: this featx has no `featx optimize`")
        home.mkdir(parents=True, exist_ok=True)
        made = subprocess.run(
            [*command, backbone, "--calibrate", str(data)],
            env=given,
            capture_output=True,
            text=True,
        )
        if made.returncode:
            said = made.stderr.strip().splitlines() or ["it said nothing"]
            raise Unavailable(f"not available: {said[-1]}")
        (home / "ready").touch()
    cards = sorted(home.rglob("card.toml"))
    if not cards:
        raise Unavailable(f"not available: `featx optimize` wrote no card below {home.name}")
    return str(tomllib.loads(cards[-1].read_text(encoding="utf-8"))["name"])
