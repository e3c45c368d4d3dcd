"""Compare extraction from a web server that takes 50 ms for each answer with extraction from local disk.

    python benchmarks/remote.py                          # 1200 photos, five rounds, on the cores there are
    python benchmarks/remote.py --photos 300 --rounds 1 --latency 0.2

The photos, drawn here and of about 70 kB each, lie in a folder, and the same ones in a tar. A server in a
process of its own, which shares the cores, has them in memory. Contenders take turns in each round, rows are
not cached, and the last line is the ratio of medians. The rows are compared to the bit.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

import featx
from featx.embedding.engine import Engine

ROOT = Path(__file__).parent.parent


def draw(folder: Path, count: int) -> None:
    """Write photos with grain into two class folders, and all of them into a tar."""
    rng = np.random.default_rng(0)
    with tarfile.open(folder / "photos.tar", "w") as archive:
        for number in range(count):
            coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
            pixels = np.asarray(coarse.resize((800, 600), Image.Resampling.BICUBIC)).astype(int)
            pixels += rng.integers(-12, 13, pixels.shape)
            data = io.BytesIO()
            Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(data, "JPEG", quality=80)
            name = f"{'ab'[number % 2]}/{number:05d}.jpg"
            path = folder / "photos" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.getvalue())
            member = tarfile.TarInfo(name)
            member.size = len(data.getvalue())
            archive.addfile(member, io.BytesIO(data.getvalue()))


def extract(source: str, backbone: featx.Backbone) -> tuple[float, featx.Rows]:
    """Return the seconds from a source to its rows, and these."""
    start = time.perf_counter()
    samples = featx.read_samples(source, modality="image")
    rows = Engine(cache=None).embed(samples, backbone)
    return time.perf_counter() - start, rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=1200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds before each answer")
    parser.add_argument("--backbone", default="featx-image-nano")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw(folder, asked.photos)
        size = sum(path.stat().st_size for path in (folder / "photos").rglob("*.jpg"))
        print(
            f"{asked.photos} photos of {size / asked.photos / 1e3:.0f} kB, {os.cpu_count()} cores"
        )
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.support.remote_server", name, str(asked.latency)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        try:
            assert server.stdout is not None
            measure(folder, server.stdout.readline().strip(), asked)
        finally:
            server.terminate()
            server.wait()


def measure(folder: Path, url: str, asked: argparse.Namespace) -> None:
    """Let the sources take turns, and print the photos a second of each."""
    backbone = featx.Backbone(asked.backbone)
    sources = {
        "local folder": str(folder / "photos"),
        "remote folder": f"{url}/photos/",
        "local tar": str(folder / "photos.tar"),
        "remote tar": f"{url}/photos.tar",
    }
    extract(sources["local folder"], backbone)
    seconds: dict[str, list[float]] = {name: [] for name in sources}
    rows: dict[str, bytes] = {}
    for number in range(asked.rounds):
        turns = list(sources)
        for name in turns if number % 2 == 0 else reversed(turns):
            taken, found = extract(sources[name], backbone)
            seconds[name].append(taken)
            order = np.argsort(found.ids)
            rows[name] = found.embeddings[order].tobytes()
    assert len(set(rows.values())) == 1, "the rows differ"
    rates = {name: asked.photos / statistics.median(taken) for name, taken in seconds.items()}
    for name, rate in rates.items():
        print(f"{name:14} {rate:7.1f} photos/s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"remote / local: folder {rates['remote folder'] / rates['local folder']:.2f}, ", end="")
    print(f"tar {rates['remote tar'] / rates['local tar']:.2f}; peak memory {peak:.0f} MiB")


if __name__ == "__main__":
    main()
