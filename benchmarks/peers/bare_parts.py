"""The parts, on one core: a photo's way to a tensor, and a tensor's through the graph.

Decoding is measured twice, as featx does it and as plain Pillow does it best (a scaled decode, and one
resize of the part that is kept); whichever is faster counts. Inference is bare ONNX Runtime: one
thread, one photo at a time. Neither has an engine around it.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from protocol import hold_to, say

TENSORS, RUNS = 32, 160  # through the graph, whose time does not depend on the photo
FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3}


def plain_reader(image: dict[str, Any]) -> Callable[[str], np.ndarray]:
    """Path to tensor of shape (3, crop, crop), float32, without featx."""
    from PIL import Image

    resize, crop = image["resize"], image["crop"]
    mean = np.array(image["mean"] or [0.0] * 3, np.float32) / np.float32(image["scale"])
    gain = np.float32(image["scale"]) / np.array(image["std"] or [1.0] * 3, np.float32)

    def read(path: str) -> np.ndarray:
        with Image.open(path) as photo:
            scale = image["draft"] * resize / min(photo.size)
            photo.draft("RGB", tuple(math.ceil(side * scale) for side in photo.size))
            seen = photo.convert("RGB")
        box = [0.0] * 4
        for axis, side in enumerate(seen.size):
            wide = int(resize * side / min(seen.size))  # as torchvision rounds
            first = round((wide - crop) / 2)
            box[axis], box[axis + 2] = first * side / wide, (first + crop) * side / wide
        small = seen.resize(
            (crop, crop), Image.Resampling(FILTERS[image["interpolation"]]), tuple(box)
        )
        values = np.asarray(small, np.float32)
        return np.ascontiguousarray(((values - mean) * gain).transpose(2, 0, 1))

    return read


def mean_seconds(step: Callable[[Any], object], given: Sequence[Any]) -> float:
    start = time.perf_counter()
    for each in given:
        step(each)
    return (time.perf_counter() - start) / len(given)


def main() -> None:
    job = json.load(sys.stdin)
    hold_to(job["cores"])
    import onnx.utils
    import onnxruntime

    import featx

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    graph = onnx.load(job["graph"])
    name = graph.graph.input[0].name
    graph = onnx.utils.Extractor(graph).extract_model([name], [job["output"]])  # no other output
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    plain = plain_reader(job["image"])
    reader = featx.Backbone(job["backbone"]).reader
    paths = job["paths"]
    tensors = [plain(path)[None] for path in paths[:TENSORS]]
    tensors *= max(1, RUNS // len(tensors))

    def infer(tensor: np.ndarray) -> object:
        return session.run(None, {name: tensor})

    def decode(path: str) -> object:
        return reader.read(reader.load(path))

    warm = paths[: job["warm"]]
    for each, given in ((decode, warm), (plain, warm), (infer, tensors)):
        mean_seconds(each, given)
    say(
        n=len(paths),
        decode_featx=mean_seconds(decode, paths),
        decode_plain=mean_seconds(plain, paths),
        infer=mean_seconds(infer, tensors),
    )


if __name__ == "__main__":
    main()
