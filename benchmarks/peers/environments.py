"""The peers' environments, made where they are missing: one each, because their needs differ."""

from __future__ import annotations

import os
import subprocess
import venv
from pathlib import Path

# what to install, and what instead where that cannot be had
WANTED = {
    "fastembed": (["fastembed"],),
    "torch": (["torch==2.13.0", "onnx", "pillow"],),
    "keras": (["tensorflow-cpu"], ["tensorflow"]),
}


class Unavailable(Exception):
    """A peer cannot be had here; the message says why."""


def prepare(name: str, folder: Path) -> Path:
    """The Python of a peer's environment in ``folder``; raises Unavailable."""
    home = folder / name
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not (home / "ready").exists():
        venv.create(home, with_pip=True, clear=True)
        for packages in WANTED[name]:
            said = install(python, packages)
            if said is None:
                break
        else:
            raise Unavailable(f"pip install {' '.join(packages)}: {said}")
        (home / "ready").write_text(" ".join(packages), encoding="utf-8")
    return python


def install(python: Path, packages: list[str]) -> str | None:
    """None where it worked, else the last line that pip said."""
    command = [str(python), "-m", "pip", "install", "--quiet", *packages]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("ERROR")]
    return (lines or ["failed"])[-1] if done.returncode else None


def versions(python: Path, names: list[str]) -> dict[str, str]:
    """What is installed of ``names``."""
    code = (
        "import json, sys\n"
        "from importlib.metadata import distributions\n"
        "held = {d.metadata['Name'].lower(): d.version for d in distributions()}\n"
        "print(json.dumps({n: held[n] for n in sys.argv[1:] if n in held}))"
    )
    import json

    done = subprocess.run([str(python), "-c", code, *names], stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))
