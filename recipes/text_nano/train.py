"""The training of the student: its embeddings come near the teacher's, by cosine."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from recipes.text_nano.sentences import read_taught
from recipes.text_nano.settings import LENGTH, SHIPPED, Settings
from recipes.text_nano.student import Student
from recipes.text_nano.tokens import TokenIds

__all__ = ["train"]


def main_directions(targets: np.ndarray, width: int) -> np.ndarray:
    """Return the directions of the teacher's space that hold most of the targets, (384, width)."""
    _, vectors = np.linalg.eigh(targets.T @ targets / len(targets))
    return np.ascontiguousarray(vectors[:, ::-1][:, :width], np.float32)


def project(targets: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Return unit targets along the directions, float16, shape (sentences, width)."""
    projected = np.empty((len(targets), directions.shape[1]), np.float16)
    for i in range(0, len(projected), 50_000):
        rows = torch.from_numpy(targets[i : i + 50_000].astype(np.float32) @ directions)
        projected[i : i + 50_000] = functional.normalize(rows, dim=1).numpy()
    return projected


def starting_table(work: Path, ids: TokenIds, directions: np.ndarray) -> np.ndarray:
    """Return the teacher's embedding of each token along the directions, frequent ones smaller."""
    tokens = np.load(work / "token_targets.npy").astype(np.float32) @ directions
    share = np.bincount(ids.flat, minlength=len(tokens)) / len(ids.flat)
    table: np.ndarray = (tokens * (1e-3 / (1e-3 + share))[:, None]).astype(np.float32)
    return table


@dataclass(frozen=True)
class Material:
    """What is learned: ids, targets (float16) and sentiments (int8) of each sentence.

    ``learned`` and ``held_out`` are the indices of the sentences that are learned from and those
    that only measure.
    """

    ids: TokenIds
    targets: np.ndarray
    sentiments: np.ndarray
    learned: np.ndarray
    held_out: np.ndarray

    def inputs(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the ids of some sentences and their ends, as the student takes them."""
        parts = [self.ids.of(row) for row in rows]
        ends = np.cumsum([0, *map(len, parts)])
        return torch.from_numpy(np.concatenate(parts)), torch.from_numpy(ends)

    def target(self, rows: np.ndarray) -> torch.Tensor:
        """Return the targets of some sentences, float32."""
        return torch.from_numpy(self.targets[rows]).float()


def prepare(
    work: Path, settings: Settings, rng: np.random.Generator
) -> tuple[Material, np.ndarray]:
    """Return the material and the table of tokens that the student starts from."""
    _, sentiments = read_taught(work, settings)
    ids = TokenIds(work)
    targets = np.load(work / "targets.npy", mmap_mode="r")
    usable = ids.lengths() > 0
    held_out = rng.random(len(usable)) < settings.held_out
    learned = np.flatnonzero(usable & ~held_out)
    some = np.sort(rng.choice(learned, min(60_000, len(learned)), replace=False))
    directions = main_directions(targets[some].astype(np.float32), settings.width)
    projected = project(targets, directions)
    material = Material(ids, projected, sentiments, learned, np.flatnonzero(usable & held_out))
    return material, starting_table(work, ids, directions)


def relation_loss(rows: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return how far the cosines within a batch are from the teacher's (temperature 0.05)."""
    same = torch.eye(len(rows), dtype=torch.bool)
    ours, theirs = (((m @ m.T) / 0.05).masked_fill(same, -1e4) for m in (rows, targets))
    return functional.kl_div(
        functional.log_softmax(ours, 1),
        functional.log_softmax(theirs, 1),
        log_target=True,
        reduction="batchmean",
    )


def sentiment_loss(
    student: Student, rows: torch.Tensor, sentiments: torch.Tensor
) -> torch.Tensor | float:
    """Return the log-loss of good against bad reviews; 0 where a batch has none."""
    known = sentiments >= 0
    if not known.any():
        return 0.0
    score = student.sentiment(rows * LENGTH)[known, 0]
    return functional.binary_cross_entropy_with_logits(score, sentiments[known].float())


def training_loss(
    student: Student, material: Material, rows: np.ndarray, settings: Settings
) -> tuple[torch.Tensor, float]:
    """Return the loss of a batch, and its part that is the mean cosine distance to the teacher."""
    embeddings, targets = student(*material.inputs(rows)), material.target(rows)
    loss = (1 - (embeddings * targets).sum(1)).mean()
    distance: float = loss.item()
    if settings.relation:
        loss = loss + settings.relation * relation_loss(embeddings, targets)
    if settings.sentiment:
        sentiments = torch.from_numpy(material.sentiments[rows])
        loss = loss + settings.sentiment * sentiment_loss(student, embeddings, sentiments)
    return loss, distance


def held_out_cosine(student: Student, material: Material) -> float:
    """Return the mean cosine to the teacher on the sentences that only measure."""
    with torch.no_grad():
        cosines = [
            float((student(*material.inputs(rows)) * material.target(rows)).sum(1).mean())
            for rows in chunks(material.held_out, 1000)
        ]
    return float(np.mean(cosines))


def chunks(rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Yield the rows in order, ``size`` at a time; the last chunk may be shorter."""
    return (rows[i : i + size] for i in range(0, len(rows), size))


def save_student(work: Path, student: Student) -> None:
    """Write WORK/student.npz: each parameter by its name, dots written as underscores."""
    parameters = {
        name.replace(".", "_"): value.detach().numpy() for name, value in student.named_parameters()
    }
    np.savez(work / "student.npz", **parameters)


def train(work: Path, settings: Settings = SHIPPED) -> None:
    """Write WORK/student.npz after each epoch, and print how near the teacher it is."""
    s = settings
    torch.manual_seed(s.seed)
    rng = np.random.default_rng(s.seed)
    material, table = prepare(work, s, rng)
    student = Student(table, s)
    optimizer = torch.optim.AdamW(student.parameters(), s.rate, betas=(0.9, 0.99), weight_decay=0.0)
    batches = len(material.learned) // s.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, s.rate, total_steps=s.epochs * batches, pct_start=0.05
    )
    start = time.time()
    for epoch in range(s.epochs):
        order, distances = rng.permutation(material.learned), 0.0
        for rows in chunks(order[: batches * s.batch], s.batch):
            loss, distance = training_loss(student, material, rows, s)
            distances += distance
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
        print(
            f"epoch {epoch}: distance {distances / batches:.4f}, cosine to the teacher on held-out "
            f"text {held_out_cosine(student, material):.4f}, {time.time() - start:.0f} s",
            flush=True,
        )
        save_student(work, student)
