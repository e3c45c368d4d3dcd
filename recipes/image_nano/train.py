"""The training, in several processes of one thread that average their gradients, until time is up.

oneDNN's own threads wait badly on a shared machine.
"""

import datetime
import multiprocessing
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from recipes.image_nano.flat_weights import FlatWeights
from recipes.image_nano.losses import TargetSpaces, make_heads, target_spaces, training_loss
from recipes.image_nano.schedule import LAPS, lap_at, plan_batch
from recipes.image_nano.store import KINDS
from recipes.image_nano.student import Student
from recipes.image_nano.views import TaughtImages, join

__all__ = ["Training", "train"]

# Seconds between checkpoints.
CHECKPOINT_EVERY = 240


class Training:
    """One process's part: the student, its running average, the optimizer and the clock.

    Parameters
    ----------
    minutes : float
        Time of all laps together.
    ranks : int
        Processes that train together; ``torch.distributed`` has joined them if they are several.
    batch : int
        Views a process and step.
    spaces : TargetSpaces
    """

    def __init__(self, minutes: float, ranks: int, batch: int, spaces: TargetSpaces) -> None:
        self.minutes, self.ranks, self.batch, self.spaces = minutes, ranks, batch, spaces
        self.student = Student().to(memory_format=torch.channels_last)
        self.heads = make_heads()
        self.weights = FlatWeights(self.student, self.heads)
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
        """Write a checkpoint, whole or not at all."""
        state = {
            "optimizer": self.optimizer.state_dict(),
            "tensors": [*self.tracked, *self.average],
            "step": self.steps,
            "spent": self.spent(),
            "lap": self.lap,
        }
        temporary = path.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path)
        self.optimizer.load_state_dict(state["optimizer"])
        for tensor, saved in zip([*self.tracked, *self.average], state["tensors"], strict=True):
            tensor.copy_(saved)
        self.steps, self.lap, self.spent_before = state["step"], state["lap"], state["spent"]
        self.start = time.time()
        self.done = self.spent_before / 60 / self.minutes

    def use_average(self) -> None:
        """Set the weights to their running average."""
        for tensor, mean in zip(self.tracked, self.average, strict=True):
            tensor.data.copy_(mean)

    def step(self, images: Mapping[str, TaughtImages]) -> None:
        """Learn from one batch of ``images``, a mapping by kind."""
        lap, part = lap_at(self.done)
        if lap > self.lap:
            self.lap = lap
            self.use_average()
        side, rate, counts = plan_batch(LAPS[lap], part, self.batch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        batch = join([images[kind].draw(n, side) for kind, n in counts.items()])
        self.weights.gradients.zero_()
        with torch.autocast("cpu", torch.bfloat16):
            features = self.student(batch.views.contiguous(memory_format=torch.channels_last))
        loss = training_loss(self.heads, features.float(), batch, self.spaces, LAPS[lap], counts)
        loss.backward()
        self.share_gradients()
        self.optimizer.step()
        self.steps, self.loss = self.steps + 1, loss.item()
        torch._foreach_lerp_(self.average, self.tracked, max(0.002, 1 / (self.steps / 10 + 1)))

    def share_gradients(self) -> None:
        """Average gradients and clock over the processes, and clip the gradients' norm to 5."""
        gradients = self.weights.gradients
        gradients[-1] = self.spent() / 60 / self.minutes
        if self.ranks > 1:
            torch.distributed.all_reduce(gradients)
            gradients /= self.ranks
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


def train_rank(work: Path, minutes: float, rank: int, ranks: int, batch: int) -> None:
    """Train as process number ``rank`` of ``ranks``; the first one writes what comes of it."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    if ranks > 1:
        join_processes(work, rank, ranks)
    # Seeded by the time, so that a resumed run sees other views.
    rng = np.random.default_rng([rank, time.time_ns()])
    images = {kind: TaughtImages(work, kind, rng) for kind in KINDS}
    training = Training(minutes, ranks, batch, target_spaces(images))
    checkpoint = work / "checkpoint.pt"
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
        torch.save(training.student.state_dict(), work / "student.pt")


def train(work: Path, minutes: float, ranks: int, batch: int) -> None:
    """Write WORK/student.pt, the averaged student, after ``minutes`` of training in all.

    Raises
    ------
    SystemExit
        A process failed.
    """
    (work / "meet").unlink(missing_ok=True)
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=train_rank, args=(work, minutes, rank, ranks, batch))
        for rank in range(ranks)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise SystemExit("train: a process failed; its message is above")
