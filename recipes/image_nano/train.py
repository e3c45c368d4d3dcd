"""The training, in several processes of one thread that average their gradients, until time is up.

oneDNN's own threads wait badly on a shared machine.
"""

import datetime
import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from recipes.image_nano.flat_weights import FlatWeights
from recipes.image_nano.losses import Distillation, Objective, target_spaces
from recipes.image_nano.schedule import LAPS, Lap, lap_at, plan_batch
from recipes.image_nano.store import KINDS
from recipes.image_nano.student import Student
from recipes.image_nano.views import TaughtImages, join

__all__ = [
    "Plan",
    "Training",
    "keep_training",
    "prepare_process",
    "run_processes",
    "save_whole",
    "train",
]

# Seconds between checkpoints.
CHECKPOINT_EVERY = 240


@dataclass(frozen=True)
class Plan:
    """How long is trained, by how many, and what is seen when.

    Attributes
    ----------
    minutes : float
        Time of all laps together.
    ranks : int
        Processes that train together; ``torch.distributed`` has joined them if they are several.
    batch : int
        Views a process and step.
    laps : sequence of Lap
    """

    minutes: float
    ranks: int
    batch: int
    laps: Sequence[Lap]


def save_whole(state: object, path: Path) -> None:
    """Write a state, whole or not at all."""
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(path)


class Training:
    """One process's part: the student, its running average, the optimizer and the clock.

    Parameters
    ----------
    plan : Plan
    student : Student
    objective : Objective
    """

    def __init__(self, plan: Plan, student: Student, objective: Objective) -> None:
        self.plan, self.objective = plan, objective
        self.student = student.to(memory_format=torch.channels_last)
        self.weights = FlatWeights(self.student, self.objective)
        statistics = [b for b in self.student.buffers() if b.is_floating_point()]
        self.tracked = [self.weights.values, *statistics]
        self.average = [tensor.clone() for tensor in self.tracked]
        self.optimizer = torch.optim.AdamW(self.weights.groups, betas=(0.9, 0.99), fused=True)
        self.steps, self.lap, self.loss = 0, 0, float("nan")
        self.spent_before, self.start = 0.0, time.time()
        self.done = 0.0

    def spent(self) -> float:
        """Return the seconds of training so far, those before a restart too."""
        return self.spent_before + time.time() - self.start

    def save(self, path: Path) -> None:
        """Write a checkpoint, from which ``resume`` goes on."""
        state = {
            "optimizer": self.optimizer.state_dict(),
            "tensors": [*self.tracked, *self.average],
            "step": self.steps,
            "spent": self.spent(),
            "lap": self.lap,
        }
        save_whole(state, path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path)
        self.optimizer.load_state_dict(state["optimizer"])
        for tensor, saved in zip([*self.tracked, *self.average], state["tensors"], strict=True):
            tensor.copy_(saved)
        self.steps, self.lap, self.spent_before = state["step"], state["lap"], state["spent"]
        self.start = time.time()
        self.done = self.spent_before / 60 / self.plan.minutes

    def use_average(self) -> None:
        """Set the weights to their running average."""
        for tensor, mean in zip(self.tracked, self.average, strict=True):
            tensor.data.copy_(mean)

    def step(self, images: Mapping[str, TaughtImages]) -> None:
        """Learn from one batch of ``images``, a mapping by kind."""
        lap, part = lap_at(self.plan.laps, self.done)
        if lap > self.lap:
            self.lap = lap
            self.use_average()
        side, rate, counts = plan_batch(self.plan.laps[lap], part, self.plan.batch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        batch = join([images[kind].draw(n, side) for kind, n in counts.items()])
        self.weights.gradients.zero_()
        batch = batch._replace(views=batch.views.contiguous(memory_format=torch.channels_last))
        loss = self.objective(self.student, batch, self.plan.laps[lap], counts)
        loss.backward()
        self.share_gradients()
        self.optimizer.step()
        self.steps, self.loss = self.steps + 1, loss.item()
        torch._foreach_lerp_(self.average, self.tracked, max(0.002, 1 / (self.steps / 10 + 1)))

    def share_gradients(self) -> None:
        """Average gradients and clock over the processes, and clip the gradients' norm to 5."""
        gradients = self.weights.gradients
        gradients[-1] = self.spent() / 60 / self.plan.minutes
        if self.plan.ranks > 1:
            torch.distributed.all_reduce(gradients)
            gradients /= self.plan.ranks
        self.done = float(gradients[-1])
        gradients *= min(1.0, 5 / float(gradients[:-1].norm()))


def join_processes(work: Path, rank: int, ranks: int) -> None:
    """Wait until all processes are there; they find each other by a file in the work folder."""
    torch.distributed.init_process_group(
        "gloo",
        init_method=f"file://{(work / 'meet').resolve()}",
        rank=rank,
        world_size=ranks,
        timeout=datetime.timedelta(minutes=30),
    )


def prepare_process(work: Path, rank: int, ranks: int) -> dict[str, TaughtImages]:
    """Join the other processes, and return the pictures of each kind that have answers."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    if ranks > 1:
        join_processes(work, rank, ranks)
    # Seeded by the time, so that a resumed run sees other views.
    rng = np.random.default_rng([rank, time.time_ns()])
    return {kind: TaughtImages(work, kind, rng) for kind in KINDS}


def keep_training(
    training: Training, images: Mapping[str, TaughtImages], rank: int, checkpoint: Path, out: Path
) -> None:
    """Train until the time is up, from ``checkpoint`` if there is one.

    The first process writes a checkpoint every four minutes, and the averaged student to ``out``.
    """
    if checkpoint.exists():
        training.resume(checkpoint)
    saved_at = time.time()
    while training.done < 1:
        training.step(images)
        if rank == 0 and (time.time() - saved_at > CHECKPOINT_EVERY or training.done >= 1):
            saved_at = time.time()
            training.save(checkpoint)
            print(
                f"{training.done:.2f} of the time, {training.steps} steps, "
                f"loss {training.loss:.3f}",
                flush=True,
            )
    if rank == 0:
        training.use_average()
        torch.save(training.student.state_dict(), out)


def train_rank(rank: int, work: Path, minutes: float, ranks: int, batch: int) -> None:
    """Train the wide student as process number ``rank`` of ``ranks``."""
    images = prepare_process(work, rank, ranks)
    plan = Plan(minutes, ranks, batch, LAPS)
    training = Training(plan, Student(), Distillation(target_spaces(images)))
    keep_training(training, images, rank, work / "checkpoint.pt", work / "student.pt")


def run_processes(work: Path, ranks: int, run: Callable[..., None], *arguments: object) -> None:
    """Call ``run(rank, work, *arguments)`` in ``ranks`` processes and wait for them.

    Raises
    ------
    SystemExit
        A process failed.
    """
    (work / "meet").unlink(missing_ok=True)
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=run, args=(rank, work, *arguments)) for rank in range(ranks)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise SystemExit("train: a process failed; its message is above")


def train(work: Path, minutes: float, ranks: int, batch: int) -> None:
    """Write WORK/student.pt, the averaged wide student, after ``minutes`` of training in all.

    Raises
    ------
    SystemExit
        A process failed.
    """
    run_processes(work, ranks, train_rank, minutes, ranks, batch)
