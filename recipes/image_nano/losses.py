"""What the student learns: distances to the teachers, labels, and ViT's logits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from recipes.image_nano.schedule import Lap
from recipes.image_nano.student import WIDTH, Student
from recipes.image_nano.views import Batch, TaughtImages

__all__ = [
    "LABELS",
    "LOGITS",
    "SECOND",
    "VIT",
    "Distillation",
    "Objective",
    "TargetSpace",
    "TargetSpaces",
    "distances",
    "target_spaces",
    "within_kind_distance",
]

# Components of ViT's embedding, of MobileNetV2's and of EfficientNet-Lite2's; labels of Tiny
# ImageNet; ViT's logits.
VIT, SECOND, LABELS, LOGITS = 192, 256, 200, 1000
# Kinds whose pictures lie so near each other that they are told apart by a loss of their own.
CLOSE_KINDS = ("scans", "pets")


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
    """The spaces of the three teachers."""

    vit: TargetSpace
    mobilenet: TargetSpace
    lite: TargetSpace


def target_spaces(images: Mapping[str, TaughtImages]) -> TargetSpaces:
    """Measure the spaces on at most 10 000 small and 10 000 large pictures."""
    small, large = images["small"], images["large"]
    some, others = (np.random.default_rng(0).permutation(k.taught)[:10000] for k in (small, large))
    vits = np.concatenate([small.vit[some], large.vit[others]])
    return TargetSpaces(
        TargetSpace.measure(vits, VIT),
        TargetSpace.measure(large.mobilenet[others], SECOND),
        TargetSpace.measure(large.lite[others], SECOND),
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


def distances(guesses: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the cosine distance of each row to its target; 1, without a gradient, to none."""
    return 1 - (functional.normalize(guesses, dim=1) * targets).sum(1)


class Objective(nn.Module):
    """What is learned: linear layers from the student's features to the teachers' answers.

    Called with a student, a batch, the lap and the counts of each kind it returns the loss.

    Parameters
    ----------
    widths : sequence of int
        Values that each layer puts out.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(WIDTH, width) for width in widths)

    def forward(
        self, student: Student, batch: Batch, lap: Lap, counts: Mapping[str, int]
    ) -> torch.Tensor:
        """Return the loss of a batch; ``counts`` says how many rows each kind has, in order."""
        raise NotImplementedError

    def answers_loss(
        self, features: torch.Tensor, batch: Batch, soft_weight: float
    ) -> torch.Tensor:
        """Return 0.2 × labels + ``soft_weight`` × ViT's logits (temperature 2), by the last heads."""
        labels = functional.cross_entropy(
            self.heads[2](features), batch.labels, ignore_index=-1, label_smoothing=0.1
        )
        logits = self.heads[3](features), batch.logits
        ours, theirs = (functional.log_softmax(z / 2, 1) for z in logits)
        soft = 4 * functional.kl_div(ours, theirs, reduction="batchmean", log_target=True)
        return 0.2 * labels + soft_weight * soft


class Distillation(Objective):
    """4 × distance to ViT + 2 × to MobileNetV2 + 0.2 × labels + 0.4 × ViT's logits."""

    def __init__(self, spaces: TargetSpaces) -> None:
        super().__init__((VIT, SECOND, LABELS, LOGITS))
        self.spaces = spaces

    def forward(
        self, student: Student, batch: Batch, lap: Lap, counts: Mapping[str, int]
    ) -> torch.Tensor:
        """Return the loss of a batch; ``counts`` says how many rows each kind has, in order."""
        with torch.autocast("cpu", torch.bfloat16):
            features = student(batch.views)
        features = features.float()
        vit, second = (
            self.spaces.vit.targets(batch.vit),
            self.spaces.mobilenet.targets(batch.mobilenet),
        )
        guesses = self.heads[0](features)
        loss = 4 * distances(guesses, vit).mean()
        loss = loss + 2 * distances(self.heads[1](features), second).mean()
        loss = loss + self.answers_loss(features, batch, 0.4)
        if lap.within_kind:
            loss = loss + lap.within_kind * within_kind_distance(guesses, vit, counts)
        return loss
