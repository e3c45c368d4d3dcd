"""Memory and time that featx takes for one large picture of each kind, with what its reader may take.

Each picture is drawn, written, and read in a process of its own, which says how far its memory rose::

    python benchmarks/picture_memory.py --megapixels 20
"""

from __future__ import annotations

import argparse
import io
import math
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from featx import FeatxError
from featx.modalities.image.bounds import PIXEL_BYTES
from featx.modalities.image.settings import ImageSettings

Draw = Callable[[int], Image.Image]


def _flat(mode: str) -> Draw:
    return lambda side: Image.new(mode, (side, side))


def _palette(side: int) -> Image.Image:
    image = Image.new("P", (side, side))
    image.info["transparency"] = 0
    return image


def _encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


# by name: how the picture is drawn, its format, and options of its writer
KINDS: Mapping[str, tuple[Draw, str, dict[str, object]]] = {
    "JPEG": (_flat("RGB"), "JPEG", {}),
    "JPEG, progressive": (_flat("RGB"), "JPEG", {"progressive": True, "subsampling": 0}),
    "JPEG, CMYK, progressive": (_flat("CMYK"), "JPEG", {"progressive": True}),
    "JPEG, turned": (_flat("RGB"), "JPEG", {"exif": _turned()}),
    "PNG, RGB": (_flat("RGB"), "PNG", {}),
    "PNG, RGBA": (_flat("RGBA"), "PNG", {}),
    "PNG, RGBA, turned": (_flat("RGBA"), "PNG", {"exif": _turned()}),
    "PNG, palette with transparency": (_palette, "PNG", {"transparency": 0}),
    "PNG, 16-bit grey": (_flat("I;16"), "PNG", {}),
    "GIF": (_flat("P"), "GIF", {}),
    "BMP": (_flat("RGB"), "BMP", {}),
    "TIFF, one strip": (_flat("RGBA"), "TIFF", {"compression": "tiff_deflate"}),
    "TIFF, floating-point": (_flat("F"), "TIFF", {"compression": "tiff_deflate"}),
    "TIFF, 32-bit": (_flat("I"), "TIFF", {"compression": "tiff_deflate"}),
    "WebP, RGB": (_flat("RGB"), "WEBP", {"lossless": True}),
    "WebP, RGBA": (_flat("RGBA"), "WEBP", {}),
    "JPEG 2000, RGB": (_flat("RGB"), "JPEG2000", {}),
    "JPEG 2000, RGBA": (_flat("RGBA"), "JPEG2000", {}),
    "AVIF, RGB": (_flat("RGB"), "AVIF", {"subsampling": "4:4:4", "speed": 10}),
    "AVIF, RGBA": (_flat("RGBA"), "AVIF", {"speed": 10}),
    "HEIF, RGB": (_flat("RGB"), "HEIF", {}),
    "HEIF, RGBA": (_flat("RGBA"), "HEIF", {}),
    "JPEG XL, RGB": (_flat("RGB"), "JXL", {"effort": 1}),
    "JPEG XL, RGBA": (_flat("RGBA"), "JXL", {"effort": 1, "lossless": True}),
}


def _peak() -> int:
    """Return the peak of this program's memory in bytes; that of getrusage counts what started it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def measure(content: bytes, max_pixels: int) -> None:
    """Print what reading the picture took in this process: seconds, bytes of memory, and its end."""
    settings = ImageSettings.from_table(
        {"resize": 256, "crop": 224, "draft": 0, "max_pixels": max_pixels}
    )
    settings.read(settings.canary())
    before = _peak()
    start = time.perf_counter()
    try:
        settings.read(content)
        end = ""
    except FeatxError as error:
        end = str(error)
    print(f"{time.perf_counter() - start:.2f}|{_peak() - before}|{end}")


def main() -> None:
    """Print a line for each kind of picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", type=float, default=20.0)
    parser.add_argument("--max-pixels", type=int, default=1 << 29)
    parser.add_argument("--kind", default="", help="a part of the names of the kinds to measure")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        measure(sys.stdin.buffer.read(), asked.max_pixels)
        return
    for library in ("pillow_heif", "pillow_jxl"):
        module = __import__(library)
        if hasattr(module, "register_heif_opener"):
            module.register_heif_opener()
    side = math.isqrt(int(asked.megapixels * 1e6))
    print(f"{side} × {side} pixels; the bound is {PIXEL_BYTES} bytes a pixel of max_pixels")
    print(f"{'':34}{'file KB':>9}{'s':>7}{'MiB':>7}{'bytes a pixel':>15}")
    for name, (draw, kind, options) in KINDS.items():
        if asked.kind not in name:
            continue
        content = _encode(draw(side), kind, **options)
        command = [sys.executable, __file__, "--child", "--max-pixels", str(asked.max_pixels)]
        told = subprocess.run(command, input=content, capture_output=True, check=True).stdout
        seconds, rose, end = told.decode().strip().split("|", 2)
        each = np.divide(int(rose), side * side)
        print(
            f"{name:34}{len(content) / 1e3:9.0f}{float(seconds):7.2f}{int(rose) >> 20:7}{each:15.1f}  {end}",
            flush=True,
        )


if __name__ == "__main__":
    main()
