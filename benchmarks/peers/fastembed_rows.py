"""Contender: fastembed, by its public arguments alone.

It has no custom models for images. ``specific_model_path`` gives one of its own names another folder:
our graph, and the same preprocessing as ``preprocessor_config.json``. Its rows are of unit length.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from protocol import answer

NAME = "Qdrant/resnet50-onnx"  # its file is called model.onnx
PILLOW = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3}


class Fastembed:
    """Rows by one setting of ``threads``, ``batch`` and ``parallel``."""

    def __init__(
        self, folder: Path, warm: int, threads: int, batch: int, parallel: int | None
    ) -> None:
        from fastembed import ImageEmbedding

        self.model = ImageEmbedding(NAME, specific_model_path=str(folder), threads=threads)
        self.warm, self.batch, self.parallel = warm, batch, parallel
        self.warms_itself = parallel is not None
        self.paused, self.idle, self.lead = 0.0, 0.0, 0

    def __call__(self, paths: Sequence[str]) -> np.ndarray:
        if self.parallel is None:
            return np.stack(list(self.model.embed(list(paths), batch_size=self.batch)))
        # Its worker processes start with every call. They are given what others warm up with and awaited
        # before the rest, and the wait is not counted.
        self.lead = min(max(self.warm, self.batch * self.parallel), len(paths))
        start = time.perf_counter()
        fed = self._feed(paths, start)
        rows = list(self.model.embed(fed, batch_size=self.batch, parallel=self.parallel))
        return np.stack(rows[self.lead :])

    def _feed(self, paths: Sequence[str], start: float) -> Iterator[str]:
        yield from paths[: self.lead]
        self.idle = await_idle()
        self.paused = time.perf_counter() - start
        yield from paths


def await_idle(still: float = 0.5) -> float:
    """Return when no worker process has used a processor for ``still`` seconds; gives ``still``."""
    before, since = -1, time.perf_counter()
    while time.perf_counter() - since < still:
        time.sleep(0.05)
        used = sum(ticks(child.pid) for child in multiprocessing.active_children())
        if used != before or not used:
            before, since = used, time.perf_counter()
    return still


def ticks(pid: int | None) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def write_folder(folder: Path, graph: str, image: dict[str, Any]) -> None:
    """What fastembed reads: the graph, and the card's preprocessing in Hugging Face's words."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "model.onnx").exists():
        (folder / "model.onnx").write_bytes(Path(graph).read_bytes())
    config = {
        "image_processor_type": "CLIPImageProcessor",
        "do_resize": True,
        "size": {"shortest_edge": image["resize"]},
        "resample": PILLOW[image["interpolation"]],
        "do_center_crop": True,
        "crop_size": image["crop"],
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": image["mean"],
        "image_std": image["std"],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(config), encoding="utf-8")


def open_(job: dict[str, Any]) -> Fastembed:
    folder = Path(job["work"]) / "fastembed" / job["backbone"]
    write_folder(folder, job["graph"], job["image"])
    return Fastembed(folder, job["warm"], **job["settings"])


if __name__ == "__main__":
    answer(open_)
