"""Kill a sharded extraction at random moments, and see that it ends with the same bytes and repeats nothing.

    python benchmarks/killed_shards.py                      # 50 kills; 600 drawn pictures in 12 shards
    python benchmarks/killed_shards.py --kills 5 --photos 200

The reference is a run that nobody disturbs, with a cache of its own. Each run of the other series is killed
(SIGKILL) after a time that is drawn between 0 and that of the whole run, until the number of kills is reached;
the last run ends by itself. Where a run ends before it is killed, its bytes are compared, shards and cache are
thrown away, and the series goes on from nothing. The samples that are computed are counted before they are: in
no run may there be more than the cache lacked when it began, and in one that ends as many as the cache gained.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import common
import numpy as np

BACKBONE, SHARDS, SIDE = "featx-image-nano", 12, 160


def draw(folder: Path, n: int) -> None:
    """Write drawn pictures, unless they are there."""
    from PIL import Image

    for number in range(n):
        path = folder / f"class{number % 3}" / f"{number:05d}.jpg"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            drawn = np.random.default_rng(number).integers(0, 255, (SIDE // 8, SIDE // 8, 3))
            Image.fromarray(drawn.astype(np.uint8)).resize((SIDE, SIDE)).save(path)


def child(log: Path, words: list[str]) -> None:
    """Run the command line, and write a line for every sample that is computed."""
    from featx.backbones.backbone import Backbone
    from featx.cli import main

    compute = Backbone.embed_items

    def embed_items(self: Backbone, items: Any, *others: Any, **named: Any) -> Any:
        with log.open("ab", buffering=0) as stream:
            stream.write(b"x\n" * len(items))
        return compute(self, items, *others, **named)

    Backbone.embed_items = embed_items  # type: ignore[method-assign]
    main(words)


def start(folder: Path, photos: Path) -> subprocess.Popen[bytes]:
    """Begin an extraction into ``folder``, with its cache and its log there."""
    words = ["extract", str(photos), "--backbone", BACKBONE, "--output", str(folder / "rows")]
    command = [sys.executable, __file__, "--child", str(folder / "log"), *words]
    world = {**os.environ, "FEATX_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": str(common.ROOT)}
    folder.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen([*command, "--shards", str(SHARDS)], env=world, stderr=subprocess.PIPE)


def cached(folder: Path) -> int:
    """Return the rows in the cache, as the next run will find them."""
    path = folder / "cache" / "rows.sqlite"
    if not path.exists():
        return 0
    with sqlite3.connect(path) as connection:
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).fetchall()
        return sum(
            connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for (name,) in tables
            if name == "rows"
        )


def computed(folder: Path) -> int:
    """Return how many samples all runs have computed."""
    log = folder / "log"
    return log.stat().st_size // 2 if log.exists() else 0


def digests(folder: Path) -> dict[str, str]:
    """Return the digest of every file of an extraction by its name."""
    files = sorted((folder / "rows").iterdir())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        child(Path(sys.argv[2]), sys.argv[3:])
        return
    parser = common.make_parser(__doc__)
    parser.add_argument("--photos", type=int, default=600, help="[%(default)s]")
    parser.add_argument("--kills", type=int, default=50, help="[%(default)s]")
    parser.add_argument("--seed", type=int, default=19, help="of the moments [%(default)s]")
    given = common.parse(parser)
    photos, work = given.work / f"drawn-{given.photos}", given.work / "killed"
    draw(photos, given.photos)
    shutil.rmtree(work, ignore_errors=True)
    begun = time.perf_counter()
    if start(work / "whole", photos).wait() != 0:
        sys.exit("the undisturbed run failed")
    seconds, expected = time.perf_counter() - begun, digests(work / "whole")
    rng, folder = np.random.default_rng(given.seed), work / "series"
    kills = ended = repeated = 0
    while True:
        before, done = cached(folder), computed(folder)
        running = start(folder, photos)
        if kills < given.kills:
            try:
                running.wait(rng.uniform(0, seconds))
            except subprocess.TimeoutExpired:
                running.kill()
                kills += 1
        code = running.wait()
        own = computed(folder) - done
        repeated += max(0, own - (given.photos - before))
        if code == 0:
            repeated += abs(own - (cached(folder) - before))
            if digests(folder) != expected:
                sys.exit(f"after {kills} kills the bytes are others")
            ended += 1
            if kills >= given.kills:
                break
            shutil.rmtree(folder)
    figures = {
        "kills": kills,
        "runs that ended": ended,
        "seconds of a whole run": round(seconds, 1),
        "files compared": len(expected),
        "samples computed though cached": repeated,
    }
    print(json.dumps(figures, indent=2))
    common.write_json(given.json, figures)
    if repeated:
        sys.exit("samples were computed whose rows were in the cache")


if __name__ == "__main__":
    main()
