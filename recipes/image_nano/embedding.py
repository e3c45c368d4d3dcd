"""The embedding that ships: pooled maps of the trained student, along their main directions."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from recipes.image_nano.schedule import SIDE
from recipes.image_nano.store import load
from recipes.image_nano.student import Student

__all__ = ["DIM", "MEASURED", "POOLED", "Embedder", "decorrelate", "measured_images", "pool"]

# Columns of the embedding, and values that are pooled of the maps.
DIM, POOLED = 384, 1536
# Pictures of each kind that the main directions are measured on.
MEASURED = {"small": 3000, "large": 3000, "scans": 800, "pets": 1300}


class Embedder(nn.Module):
    """Pooled maps of three stages, of the picture and of its mirror image, averaged and projected.

    ``turn`` is the projection: none until ``decorrelate`` has measured it. Its name, like the
    student's, is in the names of the shipped graph's tensors.
    """

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.student = student
        self.turn: nn.Module = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the embeddings of pictures in [-1, 1]."""
        return self.turn((self.pooled(x) + self.pooled(x.flip(3))) / 2)

    def pooled(self, x: torch.Tensor) -> torch.Tensor:
        """Return what is pooled of the student's maps of ``x``, shape (N, 1536)."""
        return pool(*self.student.maps(x))


def pool(middle: torch.Tensor, deep: torch.Tensor, top: torch.Tensor) -> torch.Tensor:
    """Return the means of three stages' maps and the deviations of two, shape (N, 1536)."""
    means = [maps.mean((2, 3)) for maps in (top, deep, middle)]
    return torch.cat([*means, deviation(top), deviation(middle)], 1)


def deviation(maps: torch.Tensor) -> torch.Tensor:
    """Return the standard deviation over positions, in operators that every runtime has."""
    variance = maps.square().mean((2, 3)) - maps.mean((2, 3)).square()
    # A root has no bounded gradient near zero, and the last lap learns through this one.
    return variance.clamp(min=1e-6).sqrt()


def measured_images(work: Path, share: float) -> Iterator[torch.Tensor]:
    """Yield a share of the pictures that are measured on, at most 100 at a time, in [-1, 1]."""
    rng = np.random.default_rng(0)
    for kind, most in MEASURED.items():
        images = load(work, kind, "images")
        rows = np.sort(rng.permutation(len(images))[: max(4, int(most * share))])
        for part in torch.from_numpy(images[rows]).permute(0, 3, 1, 2).split(100):
            x = functional.interpolate(
                part.float(), size=(SIDE, SIDE), mode="bilinear", antialias=True
            )
            yield x / 127.5 - 1


def decorrelate(embedder: Embedder, work: Path) -> None:
    """Standardise the pooled values, keep ``DIM`` principal components, half-whiten them.

    Measured on pictures of the training material; rows come out at a mean squared length of 1.
    """
    with torch.no_grad():
        pooled = torch.cat([embedder(x).double() for x in measured_images(work, 1)])
        mean, spread = pooled.mean(0), pooled.std(0)
        # Some values are hardly ever above zero: their deviation is not to be divided by.
        spread = spread.clamp(min=0.05 * float(spread.mean()))
        values, vectors = torch.linalg.eigh(((pooled - mean) / spread).T.cov())
        values, vectors = values.flip(0)[:DIM].clamp(min=1e-4), vectors.flip(1)[:, :DIM]
        matrix = (vectors / spread[:, None] / values**0.25).T / values.sqrt().sum().sqrt()
        turn = nn.Linear(matrix.shape[1], DIM)
        turn.weight.copy_(matrix)
        turn.bias.copy_(-matrix @ mean)
    embedder.turn = turn
