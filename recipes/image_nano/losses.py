"""What the student learns: distances to both teachers, labels, and ViT's logits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from recipes.image_nano.schedule import Lap
from recipes.image_nano.student import WIDTH
from recipes.image_nano.views import Batch, TaughtImages

__all__ = ["TargetSpace", "TargetSpaces", "make_heads", "target_spaces", "training_loss"]

# Components of ViT's embedding and of MobileNetV2's; labels of Tiny ImageNet; ViT's logits.
VIT, MOBILENET, LABELS, LOGITS = 192, 256, 200, 1000
# Kinds whose pictures lie so near each other that they are told apart by a loss of their own.
CLOSE_KINDS = ("scans", "pets")


def make_heads() -> nn.ModuleList:
    """Return a linear layer from the student's features to each target."""
    return nn.ModuleList(nn.Linear(WIDTH, n) for n in (VIT, MOBILENET, LABELS, LOGITS))


@dataclass(frozen=True)
class TargetSpace:
    """The first half-whitened principal components of a teacher's embedding."""

    centre: torch.Tensor
    matrix: torch.Tensor

    @classmethod
    def measure(cls, rows: np.ndarray, most: int) -> "TargetSpace":
        """Measure ``most`` components on rows of the teacher's embeddings."""
        rows = rows.astype(np.float32)
        values, vectors = np.linalg.eigh(np.cov((rows - rows.mean(0)).T))
        matrix = (vectors / np.maximum(values, 1e-6) ** 0.25).astype(np.float32)[:, ::-1][:, :most]
        return cls(torch.from_numpy(rows.mean(0)), torch.from_numpy(matrix.copy()))

    def targets(self, rows: torch.Tensor) -> torch.Tensor:
        """Return unit targets; a row of zeros is no answer, so it has no target and no gradient."""
        known = rows.any(1, keepdim=True)
        return functional.normalize((rows - self.centre) @ self.matrix, dim=1) * known


@dataclass(frozen=True)
class TargetSpaces:
    """The spaces of both teachers."""

    vit: TargetSpace
    mobilenet: TargetSpace


def target_spaces(images: Mapping[str, TaughtImages]) -> TargetSpaces:
    """Measure both spaces on at most 10 000 small and 10 000 large pictures."""
    small, large = images["small"], images["large"]
    some, others = (np.random.default_rng(0).permutation(k.taught)[:10000] for k in (small, large))
    vits = np.concatenate([small.vit[some], large.vit[others]])
    return TargetSpaces(
        TargetSpace.measure(vits, VIT), TargetSpace.measure(large.mobilenet[others], MOBILENET)
    )


def within_kind_distance(
    guesses: torch.Tensor, targets: torch.Tensor, counts: Mapping[str, int]
) -> torch.Tensor:
    """Return the distance of directions from the mean of a kind: scans are to be told from scans.

    All scans lie near each other in a teacher's embedding, so that the plain distance is content
    with their mean.
    """
    sizes = [*counts.values()]
    pairs = zip(counts, guesses.split(sizes), targets.split(sizes), strict=True)
    distances = [
        1 - functional.cosine_similarity(guess - guess.mean(0), target - target.mean(0), dim=1)
        for kind, guess, target in pairs
        if kind in CLOSE_KINDS
    ]
    return torch.cat(distances).mean() if distances else guesses.new_zeros(())


def distillation_loss(
    heads: nn.ModuleList, features: torch.Tensor, targets: Sequence[torch.Tensor], batch: Batch
) -> torch.Tensor:
    """Return 4 × distance to ViT + 2 × to MobileNetV2 + 0.2 × labels + 0.4 × ViT's logits."""
    vit, mobilenet = (
        (1 - (functional.normalize(head(features), dim=1) * target).sum(1)).mean()
        for head, target in zip(heads[:2], targets, strict=True)
    )
    labels = functional.cross_entropy(
        heads[2](features), batch.labels, ignore_index=-1, label_smoothing=0.1
    )
    ours, theirs = (functional.log_softmax(z / 2, 1) for z in (heads[3](features), batch.logits))
    soft = 4 * functional.kl_div(ours, theirs, reduction="batchmean", log_target=True)
    return 4 * vit + 2 * mobilenet + 0.2 * labels + 0.4 * soft


def training_loss(
    heads: nn.ModuleList,
    features: torch.Tensor,
    batch: Batch,
    spaces: TargetSpaces,
    lap: Lap,
    counts: Mapping[str, int],
) -> torch.Tensor:
    """Return the loss of a batch in a lap; ``counts`` says how many rows each kind has, in order."""
    targets = spaces.vit.targets(batch.vit), spaces.mobilenet.targets(batch.mobilenet)
    loss = distillation_loss(heads, features, targets, batch)
    if lap.within_kind:
        guesses = functional.normalize(heads[0](features), dim=1)
        loss = loss + lap.within_kind * within_kind_distance(guesses, targets[0], counts)
    return loss
