"""Compare the start of featx predict with the least that does the same work, of featx --help with click.

    python benchmarks/startup.py                        # 15 rounds of each, in turns; the medians

``featx predict`` of one photo stands beside benchmarks/bare.py, which imports ONNX Runtime, Pillow and NumPy
and nothing else: it decodes, resizes, crops, standardises, runs the graph and the linear head, and prints the
same JSON line. Both read the weights and the head from files, in a process of their own. It is trained on
noise, for its time does not depend on what it learned; featx runs with its cache of rows emptied, so that
both compute. Every module is compiled once, in the round that warms up, as an installer does it.

"First of a million" is the time from the start of ``featx predict … -`` to its first line, while a million
paths are written to its standard input; then it is ended.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import common
import numpy as np
from common import format_table

PAIRS = {
    "featx predict": "bare script",
    "featx predict --no-cache": "bare script",
    "featx --help": "import click",
    "first of a million": "featx predict --no-cache",
}


def prepare(work: Path, backbone: str) -> dict[str, list[str]]:
    """Return the commands that are compared, by name."""
    import featx

    card, rng = featx.get_card(backbone), np.random.default_rng(0)
    # two kinds of noise, which any backbone tells apart
    pictures = [rng.integers(0, most, (64, 64, 3), np.uint8) for most in (120, 256) * 12]
    classifier = featx.fit(pictures, ["cat", "dog"] * 12, backbone=backbone)
    saved = featx.save(classifier, work / "x.featx")
    photo = work / "photo.jpg"
    card.input.canary().resize((464, 404)).save(photo, quality=90)
    bare = [common.HERE / "bare.py", common.find_file(card, card.graph.name)]
    bare += [common.save_bare(classifier, card, work / "head.npz"), photo]
    featx_command = [sys.executable, str(common.ROOT / "cli.py")]
    predict = [*featx_command, "predict", str(saved), str(photo)]
    return {
        "bare script": [sys.executable, *map(str, bare)],
        "featx predict": predict,
        "featx predict --no-cache": [*predict, "--no-cache"],
        "import click": [sys.executable, "-c", "import click"],
        "featx --help": [*featx_command, "--help"],
        "first of a million": [*featx_command, "predict", str(saved), "-", "--no-cache"],
    }


def time_first_answer(
    command: Sequence[str], path: str, environment: dict[str, str]
) -> tuple[float, str]:
    """Return the seconds from the start of a process to its first line, with a million paths to read."""
    block, pipe, start = f"{path}\n".encode() * 1000, subprocess.PIPE, time.perf_counter()
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment) as held:

        def write_all() -> None:
            with suppress(OSError):
                for _ in range(1000):
                    os.write(held.stdin.fileno(), block)

        writer = threading.Thread(target=write_all)
        writer.start()
        line = held.stdout.readline().decode()
        seconds = time.perf_counter() - start
        held.kill()
        writer.join()
    return seconds, line


def main() -> None:
    """Measure all commands in turns, and print medians and the median of the rounds' ratios."""
    parser = common.make_parser(__doc__, rounds=15)
    parser.add_argument("--backbone", default="mobilenetv2-1.0")
    given = common.parse(parser)
    with tempfile.TemporaryDirectory() as folder:
        commands = prepare(Path(folder), given.backbone)
        around = {**os.environ, "FEATX_CACHE_DIR": f"{folder}/cache"}
        around["PYTHONPYCACHEPREFIX"] = f"{folder}/compiled"
        around.pop("PYTHONDONTWRITEBYTECODE", None)

        def run(command: list[str]) -> tuple[float, str]:
            Path(folder, "cache", "rows.sqlite").unlink(missing_ok=True)
            if "-" in command:
                return time_first_answer(command, f"{folder}/photo.jpg", around)
            done = common.run_process(command, environment=around)
            return done.seconds, done.stdout

        steps = {name: lambda command=command: run(command) for name, command in commands.items()}
        # the first round warms the disk, and the digests that featx remembers
        results = common.in_turns(given.rounds, steps, warm=1)
    answers = [json.loads(results[name][0][1]) for name in ("bare script", "featx predict")]
    if abs(answers[0]["probability"] - answers[1]["probability"]) > 0.01:
        raise SystemExit(f"not the same work: {answers}")
    seconds = {name: [result[0] for result in rounds] for name, rounds in results.items()}
    lines = []
    for name, values in seconds.items():
        beside, medians = PAIRS.get(name), common.spread(values)
        line = [name, f"{medians['median']:.3f}", f"{medians['low']:.3f}", ""]
        if beside:
            ratio, low, high = common.ratio_interval(values, seconds[beside])
            line[-1] = f"{ratio:.2f} ({low:.2f} to {high:.2f}) × {beside}"
        lines.append(line)
    print(format_table(["", "median s", "fastest", "beside (95 % interval)"], lines))
    common.write_json(given.json, {"backbone": given.backbone, "seconds": seconds})


if __name__ == "__main__":
    main()
