"""Contender: torch eager and a DataLoader, preprocessing as timm's evaluation transform does it.

The network is torchvision's MobileNetV2 with the graph's own weights. Batch norm is folded into them
there, and left out here: the same arithmetic, and faster than a user's checkpoint would be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from PIL import Image
from protocol import answer
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision import models, transforms
from torchvision.transforms import InterpolationMode


class Photos(Dataset):
    def __init__(self, paths: Sequence[str], image: dict[str, Any]) -> None:
        self.paths = paths
        self.transform = transforms.Compose(
            [
                transforms.Resize(image["resize"], InterpolationMode(image["interpolation"])),
                transforms.CenterCrop(image["crop"]),
                transforms.ToTensor(),
                transforms.Normalize(image["mean"], image["std"]),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: int) -> torch.Tensor:
        with Image.open(self.paths[place]) as image:
            return self.transform(image.convert("RGB"))


class First(Sampler):
    """The first ``n`` photos, in order; ``n`` may change while the loader's workers stay."""

    n = 0

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.n))

    def __len__(self) -> int:
        return self.n


class Torch:
    """Rows by one setting of ``workers``, ``threads``, ``batch`` and memory format."""

    def __init__(self, job: dict[str, Any]) -> None:
        given = job["settings"]
        torch.set_num_threads(given["threads"])
        self.format = torch.channels_last if given["channels_last"] else torch.contiguous_format
        self.network = mobilenet(job["graph"]).eval().to(memory_format=self.format)
        self.first = First()
        self.loader = DataLoader(
            Photos(job["paths"], job["image"]),
            batch_size=given["batch"],
            sampler=self.first,
            num_workers=given["workers"],
            persistent_workers=given["workers"] > 0,
        )

    def __call__(self, paths: Sequence[str]) -> np.ndarray:
        self.first.n = len(paths)
        with torch.inference_mode():
            rows = [self.network(batch.to(memory_format=self.format)) for batch in self.loader]
        return torch.cat(rows).numpy()


def mobilenet(graph: str) -> torch.nn.Module:
    """torchvision's MobileNetV2 up to its pooled features, with the convolutions of ``graph``."""
    features = models.mobilenet_v2(weights=None).features
    convolutions = [m for m in features.modules() if isinstance(m, torch.nn.Conv2d)]
    loaded = onnx.load(graph).graph
    held = {tensor.name: tensor for tensor in loaded.initializer}
    nodes = [node for node in loaded.node if node.op_type == "Conv"]
    for convolution, node in zip(convolutions, nodes, strict=True):
        weight, bias = (
            torch.from_numpy(onnx.numpy_helper.to_array(held[name]).copy())
            for name in node.input[1:]
        )
        if convolution.weight.shape != weight.shape:
            raise SystemExit(f"{graph}: {node.name} is not the MobileNetV2 of torchvision")
        convolution.weight = torch.nn.Parameter(weight)
        convolution.bias = torch.nn.Parameter(bias)
    for module in list(features.modules()):
        for name, child in module.named_children():
            if isinstance(child, torch.nn.BatchNorm2d):
                setattr(module, name, torch.nn.Identity())
    return torch.nn.Sequential(features, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())


if __name__ == "__main__":
    answer(Torch)
