"""A second implementation of what an image card says, to compute its canary without featx.

It draws the test card, resizes the whole image and then crops it as torchvision does, and runs the
uncut graph. It shares no code with featx on purpose:

    python tests/oracle.py CARD.toml GRAPH.onnx
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image

VALUES = 16  # of a row, in a card


def drawn() -> Image.Image:
    """320 × 256 pixels: red rises left to right, green top to bottom, blue is a fifth."""
    width, height = 320, 256
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[..., 0] = np.rint(255 * np.arange(width) / (width - 1))[None, :]
    pixels[..., 1] = np.rint(255 * np.arange(height) / (height - 1))[:, None]
    pixels[..., 2] = 51
    return Image.fromarray(pixels)


def tensor(image: Image.Image, settings: dict[str, Any]) -> np.ndarray:
    """One image of a batch as the card's table asks for it, float32."""
    image = image.convert(settings.get("color", "RGB").replace("BGR", "RGB"))
    resample = Image.Resampling[settings.get("interpolation", "bilinear").upper()]
    resize = settings.get("resize")
    if isinstance(resize, int):
        width, height = image.size
        short, long = sorted(image.size)
        other = int(resize * long / short)
        size = (resize, other) if width <= height else (other, resize)
        image = image.resize(size, resample)
    elif resize is not None:
        image = image.resize((resize[1], resize[0]), resample)
    values = np.asarray(image, np.float64)
    crop = settings.get("crop")
    if crop is not None:
        high, wide = (crop, crop) if isinstance(crop, int) else crop
        top = round((values.shape[0] - high) / 2)
        left = round((values.shape[1] - wide) / 2)
        values = values[top : top + high, left : left + wide]
    if settings.get("color") == "BGR":
        values = values[..., ::-1]
    values = values * settings.get("scale", 1 / 255)
    values = (values - settings.get("mean", [0, 0, 0])) / settings.get("std", [1, 1, 1])
    if settings.get("layout", "NCHW") == "NCHW":
        values = values.transpose(2, 0, 1)
    return values.astype(np.float32)


def row(image: Image.Image, card: dict[str, Any], graph: Path) -> np.ndarray:
    """What the uncut graph answers at the card's output, without pooling."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    feeds = {session.get_inputs()[0].name: tensor(image, card["image"])[None]}
    return session.run([card["graph"]["output"]], feeds)[0][0]


def canary(card: dict[str, Any], graph: Path) -> list[float]:
    """The first values of the row of the test card, to six digits."""
    return [float(f"{value:.6g}") for value in row(drawn(), card, graph)[:VALUES]]


if __name__ == "__main__":
    print(canary(tomllib.loads(Path(sys.argv[1]).read_text("utf-8")), Path(sys.argv[2])))
