"""Ways to decode large JPEGs: milliseconds a photo on one core, and how near their rows stay.

    python benchmarks/decoding.py                        # six photos of 12 megapixels, made of cats_dogs
    pip install simplejpeg && python benchmarks/decoding.py

Each large photo is a mosaic of photos at their own size, so that it has detail down to its pixels. All ways end
in the tensor that the card asks for; cosines are to the rows of the whole picture. simplejpeg, libjpeg-turbo
without Pillow, is compared where it is installed.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, features
from shelves import stock

ROOT = Path(__file__).resolve().parent.parent
SHARED = (ROOT / "../shared").resolve()


def mosaic(photos: list[Path], width: int, height: int, seed: int) -> bytes:
    """A JPEG of so many pixels, filled with photos."""
    rng = np.random.default_rng(seed)
    page = Image.new("RGB", (width, height))
    top = 0
    while top < height:
        left, lowest = 0, height
        while left < width:
            with Image.open(photos[rng.integers(len(photos))]) as photo:
                page.paste(photo.convert("RGB"), (left, top))
                left, lowest = left + photo.width, min(lowest, photo.height)
        top += lowest
    stream = io.BytesIO()
    page.save(stream, "JPEG", quality=88)
    return stream.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="mobilenetv2-1.0")
    parser.add_argument("--photos", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, nargs=2, default=(4032, 3024))
    given = parser.parse_args()
    stock(SHARED / "models")
    sys.path.insert(0, str(ROOT))
    import featx

    backbone = featx.Backbone(given.backbone)
    photos = sorted((SHARED / "data" / "cats_dogs").rglob("*.jpg"))
    large = [mosaic(photos, *given.size, seed) for seed in range(given.photos)]
    small = [photo.read_bytes() for photo in photos[: 10 * given.photos]]
    plain = replace(backbone.reader, draft=0.0)
    ways = {
        "Pillow, whole": plain.read,
        "Pillow, the card's draft": backbone.reader.read,
        "Pillow, to 2 × the side": replace(backbone.reader, draft=2.0).read,
        "Pillow, to 1.5 × the side": replace(backbone.reader, draft=1.5).read,
    }
    try:
        import simplejpeg
    except ImportError:
        print("simplejpeg is not installed: left out", file=sys.stderr)
    else:
        ways["simplejpeg, whole"] = lambda data: plain.read(simplejpeg.decode_jpeg(data))
    print(f"Pillow with libjpeg-turbo {features.version_feature('libjpeg_turbo')}")
    for name, contents in ((f"{given.size[0]} × {given.size[1]}", large), ("as they are", small)):
        rows = {
            w: backbone.embed_items([read(data) for data in contents]) for w, read in ways.items()
        }
        spent: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(given.rounds):
            for way, read in ways.items():
                start = time.perf_counter()
                for data in contents:
                    read(data)
                spent[way].append((time.perf_counter() - start) / len(contents) * 1e3)
        whole = rows["Pillow, whole"]
        print(f"{name:<28} ms a photo  cosine mean, least")
        for way, found in spent.items():
            product = (whole * rows[way]).sum(axis=1)
            near = product / np.linalg.norm(whole, axis=1) / np.linalg.norm(rows[way], axis=1)
            print(
                f"  {way:<26} {statistics.median(found):10.2f}  {near.mean():.6f}, {near.min():.6f}"
            )


if __name__ == "__main__":
    main()
