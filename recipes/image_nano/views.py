"""Random views of the pictures, with the teachers' answers."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from recipes.image_nano.schedule import GROUP
from recipes.image_nano.store import load

__all__ = ["Batch", "TaughtImages", "join"]


class Batch(NamedTuple):
    """Views in [-1, 1] and what is known of their pictures, a row each.

    ``vit``, ``logits``, ``mobilenet`` and ``lite`` are the teachers' answers, zeros where there is none;
    ``labels`` are -1 where they are not known.
    """

    views: torch.Tensor
    vit: torch.Tensor
    logits: torch.Tensor
    mobilenet: torch.Tensor
    lite: torch.Tensor
    labels: torch.Tensor


def join(batches: list[Batch]) -> Batch:
    """Return one batch of all the rows, in order."""
    return Batch(*(torch.cat(parts) for parts in zip(*batches, strict=True)))


class TaughtImages:
    """The pictures of one kind that have answers; each is drawn once before any is drawn again."""

    def __init__(self, work: Path, kind: str, rng: np.random.Generator) -> None:
        self.images = load(work, kind, "images")
        self.vit, self.logits = load(work, kind, "vit"), load(work, kind, "logits")
        self.mobilenet, self.lite = load(work, kind, "mobilenet"), load(work, kind, "lite")
        self.labels = load(work, kind, "labels")
        self.taught = np.flatnonzero(load(work, kind, "taught"))
        self.rng, self.queue = rng, np.empty(0, int)

    def draw(self, n: int, side: int) -> Batch:
        """Return ``n`` views of ``side`` pixels."""
        if len(self.queue) < n:
            self.queue = self.rng.permutation(self.taught)
        rows, self.queue = self.queue[:n], self.queue[n:]
        groups = torch.from_numpy(self.images[rows]).split(GROUP)
        vit, logits, mobilenet, lite = (
            torch.from_numpy(answers[rows]).float()
            for answers in (self.vit, self.logits, self.mobilenet, self.lite)
        )
        views = torch.cat([change_tone(self.crop(group, side)) for group in groups])
        labels = torch.from_numpy(self.labels[rows]).long()
        return Batch(views, vit, logits, mobilenet, lite, labels)

    def crop(self, images: torch.Tensor, side: int) -> torch.Tensor:
        """Return a group's pictures with a common crop and flip, in [0, 255]."""
        rng, whole = self.rng, images.shape[1]
        crop, aspect = whole * rng.uniform(0.75, 1), rng.uniform(0.92, 1.08)
        height, width = (min(whole, int(length)) for length in (crop * aspect, crop / aspect))
        top, left = rng.integers(0, whole - height + 1), rng.integers(0, whole - width + 1)
        # Bytes as long as possible: they are resized faster than floats.
        x = images.permute(0, 3, 1, 2)[:, :, top : top + height, left : left + width]
        # Some views are as coarse as a thumbnail.
        if rng.random() < 0.15:
            coarse = int(rng.integers(28, 65))
            x = functional.interpolate(x, size=(coarse, coarse), mode="bilinear", antialias=True)
        smaller = x.shape[2] > side
        x = functional.interpolate(x, size=(side, side), mode="bilinear", antialias=smaller)
        x = x.contiguous().float()
        return x.flip(3) if rng.random() < 0.5 else x


def change_tone(x: torch.Tensor) -> torch.Tensor:
    """Return pictures in [-1, 1], each with a brightness, contrast and saturation of its own."""
    light, fade, tint, contrast = torch.rand(4, len(x), 1, 1, 1)
    # 6 % are grey.
    colour = torch.where(fade < 0.06, 0.0, 0.7 + 0.6 * tint)
    contrast = (0.75 + 0.5 * contrast) / 127.5
    shift = (120 + 40 * (light - 0.5)) / 127.5 - 1 - 120 * contrast
    grey = x.mean(1, keepdim=True) * ((1 - colour) * contrast) + shift
    return (x * (colour * contrast) + grey).clamp_(-1, 1)
