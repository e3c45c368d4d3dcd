"""Compare featx with itself: ways to decode large JPEGs, execution providers, memory with many photos.

decoding   milliseconds a photo on one core, and how near its rows stay to those of the whole picture
providers  samples a second and cosines to the rows of the first provider, all in one process, in turns;
           every backbone after the first is another form of the first (its int8 twin, say)
memory     peak memory of ``featx extract`` with many photos beside few, with the cache of rows and without
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import common
import numpy as np
from common import format_table
from PIL import Image, ImageOps

# what a 12-megapixel camera gives
LARGE = (4032, 3024)
# size in pixels, strength in levels of 255
GRAIN = ((1, 5.0), (2, 5.0), (4, 4.0), (8, 3.0))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of these sections."""
    parser.add_argument("--providers", nargs="+", default=["cpu"], metavar="NAME", help="[cpu]")
    parser.add_argument(
        "--samples", type=int, nargs=2, default=(1000, 20_000), help="of memory [1000 20000]"
    )
    parser.add_argument("--output", default="rows.parquet", help="of memory [%(default)s]")


def large_photos(
    folder: Path,
    given: Sequence[str],
    n: int,
    make: Callable[[Sequence[str], np.random.Generator], Image.Image] | None = None,
) -> list[str]:
    """Return ``n`` JPEGs of 12 megapixels in ``folder``, made where they are missing, always the same."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:03d}.jpg" for number in range(n)]
    for number, path in enumerate(paths):
        if not path.exists():
            part = path.with_suffix(".part")
            page = (make or enlarged)(given, np.random.default_rng((0, number)))
            page.save(part, format="JPEG", quality=90, subsampling="4:2:0")
            os.replace(part, path)
    return [str(path) for path in paths]


def enlarged(given: Sequence[str], rng: np.random.Generator) -> Image.Image:
    """Return four photos side by side, enlarged.

    An enlarged photo is smooth, and a smooth JPEG is decoded sooner than a camera's; so a grain of several
    sizes is laid over it, as a sensor and fine structure leave.
    """
    width, height = LARGE
    half, page = (width // 2, height // 2), Image.new("RGB", LARGE)
    for number, index in enumerate(rng.choice(len(given), 4, replace=False)):
        with Image.open(given[index]) as photo:
            fitted = ImageOps.fit(photo.convert("RGB"), half, Image.Resampling.BICUBIC)
        page.paste(fitted, (number % 2 * half[0], number // 2 * half[1]))
    values = np.asarray(page).astype(np.int16)
    for size, strength in GRAIN:
        noise = rng.standard_normal((height // size, width // size), np.float32) * strength
        wide = Image.fromarray(noise.astype(np.float32)).resize(LARGE, Image.Resampling.BILINEAR)
        values += np.asarray(wide).astype(np.int16)[:, :, None]
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def mosaic(given: Sequence[str], rng: np.random.Generator) -> Image.Image:
    """Return a page filled with photos at their own size, so that it has detail down to its pixels."""
    width, height = LARGE
    page, top = Image.new("RGB", LARGE), 0
    while top < height:
        left, lowest = 0, height
        while left < width:
            with Image.open(given[rng.integers(len(given))]) as photo:
                page.paste(photo.convert("RGB"), (left, top))
                left, lowest = left + photo.width, min(lowest, photo.height)
        top += lowest
    return page


def measure_decoding(given: argparse.Namespace) -> None:
    """Print time and nearness of each way to decode; all end in the tensor that the card asks for."""
    import featx

    backbone = featx.Backbone((given.backbones or ["mobilenetv2-1.0"])[0])
    plain = replace(backbone.reader, draft=0.0)
    ways: dict[str, Callable[[bytes], Any]] = {"Pillow, whole": plain.read}
    ways["Pillow, the card's draft"] = backbone.reader.read
    for times in (2.0, 1.5):
        ways[f"Pillow, no less than {times} × the side"] = replace(
            backbone.reader, draft=times
        ).read
    try:
        import simplejpeg
    except ImportError:
        common.tell("simplejpeg is not installed: skipped")
    else:
        ways["simplejpeg, whole"] = lambda data: plain.read(simplejpeg.decode_jpeg(data))
    small = common.find_photos(given.data / "cats_dogs")
    n = given.items or 6
    large = large_photos(given.work / "mosaics", small, n, mosaic)
    for title, paths in (("mosaics of 12 megapixels", large), ("as they are", small[: 10 * n])):
        contents = [Path(path).read_bytes() for path in paths]
        rows = {
            w: backbone.embed_items([read(data) for data in contents]) for w, read in ways.items()
        }

        def step(read: Callable[[bytes], Any], contents: list[bytes] = contents) -> float:
            return common.seconds_of(lambda: [read(data) for data in contents])

        steps = {way: lambda read=read: step(read) for way, read in ways.items()}
        spent = common.in_turns(given.rounds, steps)
        lines = []
        for way, seconds in spent.items():
            near = common.cosines(rows["Pillow, whole"], rows[way])
            milliseconds = statistics.median(seconds) / len(contents) * 1e3
            lines.append([way, f"{milliseconds:.2f}", f"{near.mean():.6f}", f"{near.min():.6f}"])
        print(f"\n{len(contents)} photos, {title}:\n")
        print(format_table(["", "ms a photo", "mean cosine", "least"], lines))


def measure_providers(given: argparse.Namespace) -> None:
    """Print rates of the whole engine without its cache, and of the graph alone with a worker a core."""
    import featx

    found = common.find_photos(given.data / "cats_dogs")[::2][: given.items or 160]
    samples, workers = featx.make_samples(found), len(os.sched_getaffinity(0))
    opened = {
        f"{name} on {provider}": featx.Backbone(name, provider=provider)
        for name in given.backbones or ["mobilenetv2-1.0"]
        for provider in given.providers
    }
    engine = featx.Engine(batch_size=4, n_jobs=workers)
    alone = featx.Engine(batch_size=1, n_jobs=1)
    rows = {key: engine.embed(samples, backbone).embeddings for key, backbone in opened.items()}
    steps = {}
    for key, backbone in opened.items():
        tensors = [backbone.reader.read(Path(path).read_bytes()) for path in found[:48]]
        steps[key] = lambda b=backbone, t=tensors: (
            len(samples) / common.seconds_of(lambda: engine.embed(samples, b)),
            len(t) / common.seconds_of(lambda: run_graph(b, t, workers)),
        )
    rates = common.in_turns(given.rounds, steps)
    first, lines = next(iter(opened)), []
    for key, backbone in opened.items():
        rate, graph = (statistics.median(column) for column in zip(*rates[key], strict=True))
        ratio = statistics.median(
            new[0] / old[0] for new, old in zip(rates[key], rates[first], strict=True)
        )
        near = common.cosines(rows[first], rows[key])
        same = np.array_equal(alone.embed(samples[:1], backbone).embeddings, rows[key][:1])
        lines.append([key, f"{rate:.0f}", f"{ratio:.2f}", f"{graph:.0f}"])
        lines[-1] += [f"{near.mean():.6f}", f"{near.min():.6f}", "yes" if same else "no"]
    heads = ["", "photos/s", "ratio", "graph alone/s", "mean cosine", "least"]
    print(format_table([*heads, "a row alone is that of a batch"], lines))


def run_graph(backbone: Any, tensors: list[Any], workers: int, batch: int = 4) -> None:
    """Put tensors through a graph from so many threads at once."""
    parts = [tensors[start : start + batch] for start in range(0, len(tensors), batch)]
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda part: backbone.embed_items(part, batch), parts))


def measure_memory(given: argparse.Namespace) -> None:
    """Print peak resident memory of whole commands, each on a folder of its own.

    The photos are those of cats_dogs again and again, each with four more bytes at its end: a JPEG ends
    where it says, but to the cache they are all different. 20 000 take 600 MB of disk.
    """
    found = [Path(path).read_bytes() for path in common.find_photos(given.data / "cats_dogs")]
    backbone = (given.backbones or ["mobilenetv1-0.25-128"])[0]
    peaks: dict[str, list[float]] = {"--no-cache": [], "--cache": []}
    with tempfile.TemporaryDirectory() as work:
        for n in given.samples:
            folder = Path(work, str(n))
            for number, content in enumerate(islice(cycle(found), n)):
                path = folder / f"{number // 1000:03}" / f"{number:06}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content + number.to_bytes(4, "big"))
            around = {**os.environ, "FEATX_CACHE_DIR": f"{work}/cache{n}"}
            for how, values in peaks.items():
                command = [sys.executable, "-m", "featx", "extract", str(folder), how]
                command += ["--backbone", backbone, "--output", f"{work}/{n}{how}-{given.output}"]
                done = common.run_process(command, environment=around, watch=True)
                values.append(done.peak_bytes / 2**20)
    lines = [[how, *map(round, pair), f"{pair[1] / pair[0]:.3f}"] for how, pair in peaks.items()]
    print(format_table(["peak MiB", *map(str, given.samples), "ratio"], lines))


SECTIONS: dict[str, Callable[[argparse.Namespace], None]] = {
    "decoding": measure_decoding,
    "providers": measure_providers,
    "memory": measure_memory,
}
