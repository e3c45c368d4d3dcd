"""Extract rows of 200 000 tiny pictures in 20 tars, and watch rate and memory from the first tenth to the last.

    python benchmarks/many_pictures.py                      # resnet8-cifar10, 200 000 JPEGs of 32 x 32
    python benchmarks/many_pictures.py --pictures 20000

The pictures are drawn, all of them different, and written once below --work. The extraction runs in a process
of its own, as a user types it, without a cache; rows written and memory are noted ten times a second.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import common
import numpy as np

TARS = 20


def write_tars(
    folder: Path, n: int, draw: Callable[[np.random.Generator, int], dict[str, bytes]]
) -> None:
    """Write n drawn samples, each a dict of the endings of its files, into tars, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(TARS):
        path = folder / f"shard-{number:03d}.tar"
        if path.exists():
            continue
        rng = np.random.default_rng(number)
        temporary = path.with_suffix(".part")
        with tarfile.open(temporary, "w") as archive:
            for place in range(n // TARS):
                for ending, data in draw(rng, place).items():
                    info = tarfile.TarInfo(f"{place:06d}{ending}")
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))
        temporary.rename(path)


def draw_tiny(rng: np.random.Generator, place: int) -> dict[str, bytes]:
    """Return a picture of 32 x 32 and its class."""
    from PIL import Image

    pixels = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG")
    return {".jpg": stream.getvalue(), ".cls": str(place % 10).encode()}


def child(words: list[str]) -> None:
    """Run the command line, and print how many rows were written, and the memory, as they are."""
    import resource

    from featx.cli import main
    from featx.tables import TableWriter

    write, state = TableWriter.write, {"rows": 0, "last": 0.0}

    def counted(self: Any, block: Any) -> None:
        write(self, block)
        state["rows"] += len(block)
        if time.perf_counter() - state["last"] > 0.1:
            state["last"] = time.perf_counter()
            with open("/proc/self/statm", encoding="ascii") as file:
                pages = int(file.read().split()[1])
            line = [state["rows"], time.perf_counter(), pages * resource.getpagesize() / 1e6]
            print(json.dumps(line), flush=True)

    TableWriter.write = counted  # type: ignore[method-assign]
    main(words)


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2:])
        return
    parser = common.make_parser(__doc__)
    parser.add_argument("--pictures", type=int, default=200_000, help="[%(default)s]")
    parser.add_argument("--backbone", default="resnet8-cifar10", help="[%(default)s]")
    given = common.parse(parser)
    folder = given.work / f"tars-{given.pictures}"
    write_tars(folder, given.pictures, draw_tiny)
    output = given.work / "many.parquet"
    words = ["extract", str(folder / f"shard-{{000..{TARS - 1:03d}}}.tar"), "--no-cache"]
    words += ["--backbone", given.backbone, "--output", str(output)]
    command = [sys.executable, __file__, "--child", *words]
    begun, used = time.perf_counter(), os.times()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds, after = time.perf_counter() - begun, os.times()
    lines = np.array([json.loads(line) for line in done.stdout.splitlines() if line[:1] == "["])
    tenths = []
    for number in range(10):
        low, high = (given.pictures * k // 10 for k in (number, number + 1))
        own = lines[(lines[:, 0] > low) & (lines[:, 0] <= high)]
        rate = (own[-1, 0] - own[0, 0]) / max(own[-1, 1] - own[0, 1], 1e-9)
        tenths.append({"rate": round(float(rate)), "MB": round(float(own[:, 2].max()), 1)})
    figures = {
        "pictures": given.pictures,
        "seconds": round(seconds, 1),
        "processor seconds": round(
            after.children_user + after.children_system - used.children_user - used.children_system,
            1,
        ),
        "rows a second": round(given.pictures / seconds),
        "tenths": tenths,
        "last to second": round(tenths[-1]["MB"] / tenths[1]["MB"], 3),
    }
    head = ("tenth", "rows a second", "MB at most")
    print(common.format_table(head, [(n + 1, t["rate"], t["MB"]) for n, t in enumerate(tenths)]))
    print(json.dumps({key: value for key, value in figures.items() if key != "tenths"}, indent=2))
    common.write_json(given.json, figures)
    output.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
