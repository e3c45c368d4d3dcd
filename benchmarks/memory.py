"""Peak memory of ``featx extract``: at 20 000 photos beside 1 000, with the cache of rows and without.

    python benchmarks/memory.py                          # mobilenetv1-0.25-128 on cats_dogs; minutes
    python benchmarks/memory.py --large 5000 --output rows.npz --json memory.json

Each run is the whole command, on a folder of its own. The photos are those of cats_dogs, again and again under
other names, each with four more bytes at its end: a JPEG ends where it says, but to the cache they are all
different. The peak is the largest resident set of the process, as the system counts it; the time is of no
account here, so the machine may be busy. 20 000 photos take 600 MB of disk while it runs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from itertools import cycle, islice
from pathlib import Path

from shelves import stock

ROOT = Path(__file__).resolve().parent.parent
SHARED = (ROOT / "../shared").resolve()
UNIT = 1 if sys.platform == "darwin" else 1024  # bytes of ru_maxrss


def fill(folder: Path, photos: list[Path], n: int) -> None:
    """So many photos, all different, in folders of a thousand."""
    contents = [photo.read_bytes() for photo in photos]
    for number, content in enumerate(islice(cycle(contents), n)):
        inner = folder / f"{number // 1000:03}"
        inner.mkdir(parents=True, exist_ok=True)
        (inner / f"{number:06}.jpg").write_bytes(content + number.to_bytes(4, "big"))


def peak_of(words: list[str], environment: dict[str, str]) -> int:
    """The largest resident set of a command, in bytes."""
    child = subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(words)}: ended with {child.returncode}")
    return usage.ru_maxrss * UNIT


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="mobilenetv1-0.25-128")
    parser.add_argument("--data", type=Path, default=SHARED / "data" / "cats_dogs")
    parser.add_argument("--models", type=Path, default=SHARED / "models")
    parser.add_argument("--small", type=int, default=1000)
    parser.add_argument("--large", type=int, default=20000)
    parser.add_argument("--output", default="rows.parquet", help="name, whose suffix is the format")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args()
    photos = sorted(given.data.rglob("*.jpg"))
    stock(given.models)
    peaks: dict[str, list[int]] = {"--no-cache": [], "--cache": []}
    with tempfile.TemporaryDirectory() as work:
        for n in (given.small, given.large):
            folder = Path(work) / str(n)
            fill(folder, photos, n)
            for how, found in peaks.items():
                cache = str(Path(work) / f"cache{n}")
                environment = {**os.environ, "FEATX_CACHE_DIR": cache}
                words = [sys.executable, str(ROOT / "cli.py"), "extract", str(folder), how]
                words += ["--backbone", given.backbone]
                words += ["--output", str(Path(work) / f"{n}{how}-{given.output}")]
                found.append(peak_of(words, environment))
    print(f"{'MiB, peak resident':<20} {given.small:>8} {given.large:>8}   ratio")
    for how, (small, large) in peaks.items():
        print(f"{how:<20} {small / 2**20:8.0f} {large / 2**20:8.0f}   {large / small:.3f}")
    if given.json:
        facts = {"backbone": given.backbone, "samples": [given.small, given.large]}
        facts |= {"output": given.output, "peak_bytes": peaks}
        given.json.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
