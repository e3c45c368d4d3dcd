"""The network that is trained: levels of a sound to a map of positions, 80 ms apart.

The names of its convolutions are in the names of the shipped graph's tensors.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from recipes.audio_nano.settings import BLOCKS, PADDING, SHIPPED, Settings

__all__ = ["Student", "folded_weights"]

# Frames from one position to the next.
FRAMES = 8
# Bands that are left of 40 after three strides of two.
BANDS = 5
# The block that widens the map.
WIDENED = 1


class Pair(nn.Module):
    """A convolution of each channel by itself and one across channels, then batch normalisation."""

    def __init__(self, along: nn.Module, across: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        self.along, self.across, self.norm = along, across, norm

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the map of both."""
        result: torch.Tensor = self.norm(self.across(self.along(x)))
        return result


def over_pitch(i: int, o: int) -> Pair:
    """Return a pair over bands and frames that leaves half of the bands."""
    along = nn.Conv2d(i, i, 3, (2, 1), 1, groups=i, bias=False)
    return Pair(along, nn.Conv2d(i, o, 1, bias=False), nn.BatchNorm2d(o))


class Block(nn.Module):
    """A pair over time, beside its input where the shapes are alike, and a rectifier."""

    def __init__(self, i: int, o: int, kernel: int = 7, stride: int = 1) -> None:
        super().__init__()
        along = nn.Conv1d(i, i, kernel, stride, kernel // 2, groups=i, bias=False)
        self.pair = Pair(along, nn.Conv1d(i, o, 1, bias=False), nn.BatchNorm1d(o))
        self.residual = i == o and stride == 1
        if self.residual:
            nn.init.constant_(self.pair.norm.weight, 0.3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a map over time."""
        y = self.pair(x)
        return functional.relu(x + y if self.residual else y)


class Student(nn.Module):
    """Levels (N, 40, frames) from 0 to 1 to a map (N, ``late``, positions). 325 000 weights."""

    def __init__(self, settings: Settings = SHIPPED) -> None:
        super().__init__()
        s = settings
        self.first = nn.Conv2d(1, s.first, 5, 2, 2, bias=False)
        self.first_norm = nn.BatchNorm2d(s.first)
        self.second = over_pitch(s.first, s.second)
        self.third = over_pitch(s.second, s.third)
        self.joined = nn.Conv1d(s.third * BANDS, s.width, 1, bias=False)
        self.joined_norm = nn.BatchNorm1d(s.width)
        widths = [s.width if k < WIDENED else s.late for k in range(-1, len(BLOCKS))]
        self.blocks = nn.Sequential(
            *(
                Block(widths[k], widths[k + 1], kernel, stride)
                for k, (kernel, stride) in enumerate(BLOCKS)
            )
        )

    def forward(self, levels: torch.Tensor) -> torch.Tensor:
        """Return the map; ``PADDING`` positions of silence lie before the sound and after it."""
        silence = PADDING * FRAMES
        x = functional.pad(levels, (silence, silence))[:, None]
        x = functional.relu(self.first_norm(self.first(x)))
        x = functional.relu(self.second(x))
        x = functional.relu(self.third(x))
        x = functional.relu(self.joined_norm(self.joined(x.flatten(1, 2))))
        positions: torch.Tensor = self.blocks(x)
        return positions


def fold(weight: torch.Tensor, norm: nn.Module) -> tuple[np.ndarray, np.ndarray]:
    """Return weight and bias of a convolution with the batch normalisation behind it."""
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    folded = weight * gain.reshape(-1, *[1] * (weight.ndim - 1))
    return folded.detach().numpy(), (norm.bias - gain * norm.running_mean).detach().numpy()


def folded_weights(student: Student) -> dict[str, np.ndarray]:
    """Return what ``graph.export`` takes: weights and biases of all convolutions by their names."""
    found: dict[str, np.ndarray] = {}

    def keep(name: str, convolution: nn.Module, norm: nn.Module) -> None:
        found[f"{name}.weight"], found[f"{name}.bias"] = fold(convolution.weight, norm)

    keep("first", student.first, student.first_norm)
    keep("joined", student.joined, student.joined_norm)
    pairs = {"second": student.second, "third": student.third}
    pairs |= {f"block{k}": block.pair for k, block in enumerate(student.blocks)}
    for name, pair in pairs.items():
        found[f"{name}.along.weight"] = pair.along.weight.detach().numpy()
        keep(f"{name}.across", pair.across, pair.norm)
    return found
