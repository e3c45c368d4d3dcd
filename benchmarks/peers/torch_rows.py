"""Contender: torch eager and a DataLoader, preprocessing as timm's evaluation transform does it.

The network is MobileNetV2 as torchvision builds it, with the graph's own weights. Batch norm is folded
into them there, and left out here: the same arithmetic, and faster than a user's checkpoint would be.
torchvision itself is not used: a build that matches torch's is not to be had everywhere.
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

# expansion, channels, blocks, stride of the first
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class Photos(Dataset):
    """Resize, CenterCrop, ToTensor and Normalize, as torchvision does them with Pillow images."""

    def __init__(self, paths: Sequence[str], image: dict[str, Any]) -> None:
        self.paths, self.resize, self.crop = paths, image["resize"], image["crop"]
        self.filter = Image.Resampling[image["interpolation"].upper()]
        self.mean = torch.tensor(image["mean"]).view(-1, 1, 1)
        self.std = torch.tensor(image["std"]).view(-1, 1, 1)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: int) -> torch.Tensor:
        with Image.open(self.paths[place]) as image:
            photo = image.convert("RGB")
        short = min(photo.size)
        photo = photo.resize(
            tuple(int(self.resize * side / short) for side in photo.size), self.filter
        )
        left = round((photo.width - self.crop) / 2)
        top = round((photo.height - self.crop) / 2)
        photo = photo.crop((left, top, left + self.crop, top + self.crop))
        values = torch.from_numpy(np.array(photo)).permute(2, 0, 1).contiguous()
        return values.float().div_(255).sub_(self.mean).div_(self.std)


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


class Inverted(torch.nn.Module):
    """Expand, convolve each channel by itself, project; and add, where the shapes allow it."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        wide = [] if expansion == 1 else [*convolution(inputs, hidden, 1)]
        deep = convolution(hidden, hidden, 3, stride, groups=hidden)
        self.layers = torch.nn.Sequential(*wide, *deep, torch.nn.Conv2d(hidden, outputs, 1))
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x) if self.adds else self.layers(x)


def convolution(
    inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1
) -> list[torch.nn.Module]:
    made = torch.nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups)
    return [made, torch.nn.ReLU6(inplace=True)]


def mobilenet(graph: str) -> torch.nn.Module:
    """MobileNetV2 up to its pooled features, with the convolutions of ``graph``, in their order."""
    layers, channels = convolution(3, 32, 3, 2), 32
    for expansion, outputs, blocks, stride in STAGES:
        for block in range(blocks):
            layers.append(Inverted(channels, outputs, 1 if block else stride, expansion))
            channels = outputs
    layers += convolution(channels, 1280, 1)
    network = torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    loaded = onnx.load(graph).graph
    held = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in loaded.initializer}
    nodes = [node for node in loaded.node if node.op_type == "Conv"]
    places = [each for each in network.modules() if isinstance(each, torch.nn.Conv2d)]
    for place, node in zip(places, nodes, strict=True):
        weight, bias = (torch.from_numpy(held[name].copy()) for name in node.input[1:])
        place.load_state_dict({"weight": weight, "bias": bias})
    return network


if __name__ == "__main__":
    answer(Torch)
