"""Compare two checkouts of featx: extract, fit, the start of predict, and serve, in interleaved pairs.

    python benchmarks/compare_checkouts.py OLD NEW        # 15 pairs of each, a quarter of an hour
    python benchmarks/compare_checkouts.py OLD NEW --only predict --rounds 40

extract  featx extract of cats_dogs without the cache, the whole command
fit      featx fit of cats_dogs whose rows are cached, the whole command
predict  featx predict of one photo without the cache, the whole command: mostly its start
serve    so many requests of eight clients to a server that has started and warmed up

Every command runs with PYTHONPATH set to its checkout, and with a cache, bytecode and classifiers of its
own. A first pair warms up and is not counted; every other pair runs in reverse order. Told are the medians
and the median of the pairs' ratios of seconds, new / old, with a bootstrap 95 % interval, which says little
of fewer than 15 pairs. The rows that both sides extract are compared bit by bit.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import common
import numpy as np
import serving

LIMIT, STEPS = 1.03, ("extract", "fit", "predict", "serve")


class Checkout:
    """One side: how its commands are run, and what they take."""

    def __init__(self, root: Path, work: Path, given: argparse.Namespace) -> None:
        self.work, self.backbone, self.requests = work, given.backbone, given.requests
        self.folder, self.rows = given.data / "cats_dogs", work / "rows.npz"
        self.photos = common.find_photos(self.folder)
        work.mkdir()
        directories = os.pathsep.join([str(root / "tests" / "cards"), str(given.models)])
        self.about = {"PYTHONPATH": str(root), "FEATX_MODELS": directories}
        self.about |= {"FEATX_CACHE_DIR": str(work / "cache"), "FEATX_DATA_DIR": str(work / "own")}
        self.about |= {"PYTHONPYCACHEPREFIX": str(work / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
        command = [sys.executable, "-c", "import featx; print(featx.__file__)"]
        found = common.run_process(command, environment=os.environ | self.about).stdout.strip()
        if not Path(found).is_relative_to(root):
            raise SystemExit(f"{root}: expected a checkout of featx, but {found} is imported")

    def command(self, *words: object) -> float:
        """Return the seconds of a whole command."""
        command = [sys.executable, "-m", "featx", *map(str, words)]
        return common.run_process(command, environment=os.environ | self.about).seconds

    def extract(self) -> float:
        self.rows.unlink(missing_ok=True)
        words = ["--backbone", self.backbone, "--no-cache", "--output", self.rows]
        return self.command("extract", self.folder, *words)

    def fit(self) -> float:
        saved = self.work / "pets.featx"
        shutil.rmtree(saved, ignore_errors=True)
        return self.command("fit", self.folder, "--backbone", self.backbone, "--output", saved)

    def predict(self) -> float:
        return self.command("predict", "--no-cache", self.work / "pets.featx", self.photos[0])

    def serve(self) -> float:
        photos = (self.photos * (self.requests // len(self.photos) + 1))[: self.requests]
        # nobody is refused, however slow the machine is
        words = ["serve", self.work / "pets.featx", "--port", serving.PORT, "--queue", 64]
        with serving.running([sys.executable, "-m", "featx", *words], **self.about):
            serving.ask(photos[:150], 8)
            result = serving.ask(photos, 8)
        statuses = {record[1] for record in result["records"]}
        if statuses != {200} or result["failures"]:
            raise SystemExit(
                f"serve: expected 200 alone, found {statuses}, {result['failures'][:1]}"
            )
        return float(result["seconds"])


def compare_rows(old: Path, new: Path) -> str:
    """Return in words whether two files hold the same rows."""
    with np.load(old) as one, np.load(new) as other:
        a, b = one["embeddings"], other["embeddings"]
    if a.shape != b.shape:
        return f"rows differ in shape: {a.shape} and {b.shape}"
    if np.array_equal(a, b):
        return f"rows are equal to the bit: {a.shape}"
    return f"rows differ by up to {np.abs(a - b).max():.2g}: {a.shape}"


def main() -> None:
    """Measure each step in turns, print one line of the table after another."""
    parser = common.make_parser(__doc__, rounds=15)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--only", nargs="+", choices=STEPS, default=STEPS)
    parser.add_argument("--backbone", default="mobilenetv2-1.0")
    parser.add_argument("--requests", type=int, default=600, help="of serve [%(default)s]")
    given = common.parse(parser)
    results: dict[str, dict[str, list[float]]] = {}
    print("| | old, median s | new, median s | new / old | 95 % interval | |")
    print("|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        roots = {"old": given.old.resolve(), "new": given.new.resolve()}
        sides = {name: Checkout(root, Path(folder, name), given) for name, root in roots.items()}
        if "fit" not in given.only and set(given.only) & {"predict", "serve"}:
            for side in sides.values():
                side.fit()
        for step in (step for step in STEPS if step in given.only):
            calls = {name: getattr(side, step) for name, side in sides.items()}
            found = results[step] = common.in_turns(given.rounds, calls, warm=1)
            ratio, low, high = common.ratio_interval(found["new"], found["old"])
            medians = [f"{statistics.median(found[name]):.3f}" for name in ("old", "new")]
            line = [step, *medians, f"{ratio:.3f}", f"{low:.3f} to {high:.3f}"]
            line.append("no slower" if low <= LIMIT else "SLOWER")
            print(f"| {' | '.join(line)} |", flush=True)
        if "extract" in given.only:
            print(f"\n{compare_rows(sides['old'].rows, sides['new'].rows)}")
    common.write_json(given.json, results)


if __name__ == "__main__":
    main()
