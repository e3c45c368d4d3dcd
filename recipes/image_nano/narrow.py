"""The last lap: a narrower student, made of the wide one, with EfficientNet-Lite2 as second teacher."""

import time
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from recipes.image_nano.embedding import POOLED, pool
from recipes.image_nano.losses import (
    LABELS,
    LOGITS,
    SECOND,
    VIT,
    Objective,
    TargetSpaces,
    distances,
    target_spaces,
    within_kind_distance,
)
from recipes.image_nano.schedule import NARROW_LAPS, SIDE, Lap
from recipes.image_nano.store import KINDS
from recipes.image_nano.student import WIDTH, Student
from recipes.image_nano.train import (
    Plan,
    Training,
    keep_training,
    prepare_process,
    run_processes,
    save_whole,
)
from recipes.image_nano.views import Batch, TaughtImages, join

__all__ = ["PooledDistillation", "narrow", "narrowed"]

# Batches of 64 views that the wide student is measured on, and that the new layers start from.
MEASURED, FITTED = 16, 60
# Steps that the first bottleneck is fitted in, and their highest rate.
STEPS, RATE = 400, 3e-3
# Added to the diagonals of the regressions, as a share of their mean.
RIDGE = 0.03


class PooledDistillation(Objective):
    """Distances to both teachers, by layers on the features and by layers on all pooled values.

    Of each: 2 × to ViT + 2 × to EfficientNet-Lite2 + the lap's ``within_kind`` × both within a
    kind; + 0.2 × labels + 0.3 × ViT's logits. All pooled values are what the embedding is made of.
    """

    def __init__(self, spaces: TargetSpaces) -> None:
        super().__init__((VIT, SECOND, LABELS, LOGITS))
        self.spaces = spaces
        self.standardise = nn.BatchNorm1d(POOLED, affine=False, momentum=0.02)
        self.pooled_heads = nn.ModuleList(nn.Linear(POOLED, width) for width in (VIT, SECOND))

    def pooled(self, student: Student, views: torch.Tensor) -> torch.Tensor:
        """Return all pooled values in float32, shape (N, 1536); the first 512 are the features."""
        with torch.autocast("cpu", torch.bfloat16):
            maps = student.maps(views)
        return pool(*(part.float() for part in maps))

    def targets(self, batch: Batch) -> list[torch.Tensor]:
        """Return unit targets of both teachers."""
        return [self.spaces.vit.targets(batch.vit), self.spaces.lite.targets(batch.lite)]

    def forward(
        self, student: Student, batch: Batch, lap: Lap, counts: Mapping[str, int]
    ) -> torch.Tensor:
        """Return the loss of a batch; ``counts`` says how many rows each kind has, in order."""
        pooled = self.pooled(student, batch.views)
        features, standard = pooled[:, :WIDTH], self.standardise(pooled)
        loss = self.answers_loss(features, batch, 0.3)
        for target, head, pooled_head in zip(
            self.targets(batch), self.heads, self.pooled_heads, strict=False
        ):
            known = target.any(1)
            for guesses in (head(features), pooled_head(standard)):
                loss = loss + 2 * distances(guesses, target)[known].mean()
                loss = loss + lap.within_kind * within_kind_distance(guesses, target, counts)
        return loss

    def start(self, student: Student, batches: list[Batch]) -> None:
        """Set all layers by ridge regression of the answers on what ``student`` gives for batches."""
        with torch.no_grad():
            pooled = torch.cat([self.pooled(student, batch.views) for batch in batches])
            self.standardise.running_mean.copy_(pooled.mean(0))
            self.standardise.running_var.copy_(pooled.var(0))
            standard = self.standardise.eval()(pooled)
            self.standardise.train()
            batch = join(batches)
            features = pooled[:, :WIDTH]
            logits = batch.logits - batch.logits.mean(1, keepdim=True)
            labels = functional.one_hot(batch.labels.clamp(min=0), LABELS).float()
            # Four times as steep, so that their softmax is not flat.
            labels = 4 * labels * (batch.labels >= 0)[:, None]
            vit, lite = self.targets(batch)
            for head, answer in zip(self.heads, (vit, lite, labels, logits), strict=True):
                set_by_regression(head, features, answer)
            for head, answer in zip(self.pooled_heads, (vit, lite), strict=True):
                set_by_regression(head, standard, answer)


def set_by_regression(layer: nn.Linear, x: torch.Tensor, answers: torch.Tensor) -> None:
    """Set a layer to the ridge regression of answers on ``x``; rows of zeros are no answers."""
    known = answers.any(1)
    x, answers = x[known], answers[known]
    mean, middle = x.mean(0), answers.mean(0)
    x = x - mean
    products = x.T @ x
    products += torch.eye(len(products)) * products.diagonal().mean() * RIDGE
    weight = torch.linalg.solve(products, x.T @ (answers - middle))
    layer.weight.copy_(weight.T)
    layer.bias.copy_(middle - mean @ weight)


def strongest(maps: torch.Tensor, kernel: torch.Tensor, count: int) -> torch.Tensor:
    """Return, in order, the ``count`` channels that give most to the convolution that reads them.

    By the root mean square of a channel times the norm of the weights that read it.
    """
    strength = maps.float().square().mean((0, 2, 3)).sqrt() * kernel.square().sum((0, 2, 3)).sqrt()
    return strength.argsort(descending=True)[:count].sort().values


def copy_channels(
    new: nn.Sequential, old: nn.Sequential, put_out: torch.Tensor, read: torch.Tensor
) -> None:
    """Copy a convolution and its batch normalisation, of the channels named alone."""
    new[0].weight.copy_(old[0].weight[put_out][:, read])
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(new[1], name).copy_(getattr(old[1], name)[put_out])


def copy_strongest(new: nn.Sequential, old: nn.Sequential, x: torch.Tensor) -> None:
    """Copy a bottleneck of three convolutions into one with fewer channels inside."""
    first = old[0](x)
    second = old[1](first)
    count = len(new[0][0].weight)
    every = torch.arange(len(old[2][0].weight))
    inner = strongest(first, old[1][0].weight, count)
    outer = strongest(second, old[2][0].weight, count)
    for number, (put_out, read) in enumerate(((inner, every), (outer, inner), (every, outer))):
        copy_channels(new[number], old[number], put_out, read)


def fit_bottleneck(new: nn.Sequential, old: nn.Sequential, parts: list[torch.Tensor]) -> None:
    """Train a bottleneck to put out what two wide convolutions do."""
    with torch.no_grad():
        answers = [old(part) for part in parts]
    optimizer = torch.optim.Adam(new.parameters(), RATE)
    new.train()
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = RATE * min(1, step / 20 + 0.05) * (1 - step / STEPS)
        x, answer = parts[step % len(parts)], answers[step % len(parts)]
        with torch.autocast("cpu", torch.bfloat16):
            guess = new(x)
        loss = (guess.float() - answer).square().mean() / answer.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    new.eval()


def narrowed(wide: Student, views: list[torch.Tensor]) -> Student:
    """Return a narrow student that starts from a wide one, measured on batches of views.

    Convolutions of one shape are copied; bottlenecks keep the channels that count; the first
    residual, which becomes a bottleneck, is fitted to what it was.
    """
    narrow = Student(narrow=True)
    for student in (wide, narrow):
        student.to(memory_format=torch.channels_last).eval()
    ours, theirs = narrow.state_dict(), wide.state_dict()
    with torch.no_grad():
        for name, values in ours.items():
            if name in theirs and theirs[name].shape == values.shape:
                values.copy_(theirs[name])
        before = [wide.s2[0](wide.s1(part)) for part in views]
        deep = wide.s3[0](wide.s2(wide.s1(torch.cat(views))))
        for new, old in zip(narrow.s3[1:], wide.s3[1:], strict=True):
            copy_strongest(new.f, old.f, deep)
            deep = old(deep)
    fit_bottleneck(narrow.s2[1].f, wide.s2[1].f, before)
    return narrow


def draw(images: Mapping[str, TaughtImages], number: int) -> list[Batch]:
    """Return batches of 64 views, 16 of each kind."""
    return [join([images[kind].draw(16, SIDE) for kind in KINDS]) for _ in range(number)]


def write_start(
    work: Path, images: Mapping[str, TaughtImages], spaces: TargetSpaces, path: Path
) -> None:
    """Write the narrowed student and what it learns, from which all processes start."""
    wide = Student()
    wide.load_state_dict(torch.load(work / "student.pt"))
    student = narrowed(wide, [batch.views for batch in draw(images, MEASURED)])
    objective = PooledDistillation(spaces)
    objective.start(student, draw(images, FITTED))
    save_whole((student.state_dict(), objective.state_dict()), path)


def narrow_rank(rank: int, work: Path, minutes: float, ranks: int, batch: int) -> None:
    """Train the narrow student as process number ``rank`` of ``ranks``."""
    images = prepare_process(work, rank, ranks)
    spaces = target_spaces(images)
    start = work / "narrow_start.pt"
    if rank == 0 and not start.exists():
        write_start(work, images, spaces, start)
    while not start.exists():
        time.sleep(1)
    student, objective = Student(narrow=True), PooledDistillation(spaces)
    student_state, objective_state = torch.load(start)
    student.load_state_dict(student_state)
    objective.load_state_dict(objective_state)
    for module in student.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.05
    training = Training(Plan(minutes, ranks, batch, NARROW_LAPS), student, objective)
    keep_training(training, images, rank, work / "narrow_checkpoint.pt", work / "narrow.pt")


def narrow(work: Path, minutes: float, ranks: int, batch: int) -> None:
    """Write WORK/narrow.pt: the student of WORK/student.pt made narrower and trained on.

    Raises
    ------
    SystemExit
        A process failed.
    """
    run_processes(work, ranks, narrow_rank, minutes, ranks, batch)
