"""The training of the student against a clock."""

import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from recipes.audio_nano.batches import Batch, Taught
from recipes.audio_nano.settings import SHIPPED, Settings
from recipes.audio_nano.student import Student

__all__ = ["train"]

# Seconds between checkpoints.
CHECKPOINT_EVERY = 150
# Steps until the highest learning rate.
WARMED = 200


class Learner(nn.Module):
    """The student, and what guesses the teachers' answers and the words from its map."""

    def __init__(self, settings: Settings, n_words: int) -> None:
        super().__init__()
        self.student = Student(settings)
        self.speech = nn.Conv1d(settings.late, settings.speech, 1)
        self.general = nn.Linear(settings.late, settings.general)
        self.words = nn.Linear(2 * settings.late, max(n_words, 1))

    def losses(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the losses on speech-embedding, on YAMNet and on words."""
        found = self.student(batch.levels)
        squares = (self.speech(found) - batch.speech) ** 2 * batch.given
        speech = squares.sum() / batch.given.sum() / batch.speech.shape[1]
        mean = (found * batch.mask).sum(2) / batch.mask.sum(2)
        largest = (found * batch.mask).amax(2)
        general = 1 - functional.cosine_similarity(self.general(mean), batch.general).mean()
        if not (batch.words >= 0).any():
            return speech, general, torch.zeros(())
        guess = self.words(torch.cat([mean, largest], 1))
        words = functional.cross_entropy(guess, batch.words, ignore_index=-1, label_smoothing=0.05)
        return speech, general, words


class Training:
    """The learner, its running average and its optimizer."""

    def __init__(self, settings: Settings, n_words: int) -> None:
        self.settings = settings
        self.learner = Learner(settings, n_words)
        self.average = {k: v.clone() for k, v in self.learner.state_dict().items()}
        weights = list(self.learner.parameters())
        matrices = [p for p in weights if p.ndim > 1]
        vectors = [p for p in weights if p.ndim == 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": 0.03}, {"params": vectors, "weight_decay": 0.0}],
            betas=(0.9, 0.99),
        )
        self.steps = 0

    def step(self, batch: Batch, done: float) -> list[float]:
        """Learn from a batch; ``done`` is the share of the time that is over. Return the losses."""
        s = self.settings
        rate = s.rate * min(1, self.steps / WARMED) * (0.49 * (1 + math.cos(math.pi * done)) + 0.02)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        losses = self.learner.losses(batch)
        loss = losses[0] + s.general_weight * losses[1] + s.words_weight * losses[2]
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.learner.parameters(), 2.0)
        self.optimizer.step()
        self.steps += 1
        for name, value in self.learner.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, max(0.002, 1 / (self.steps / 10 + 1)))
        return [one.item() for one in losses]

    def save(self, work: Path) -> None:
        """Write WORK/student.pt, the averaged student, whole or not at all."""
        prefix = "student."
        state = {k[len(prefix) :]: v for k, v in self.average.items() if k.startswith(prefix)}
        torch.save(state, work / "student.tmp")
        (work / "student.tmp").replace(work / "student.pt")


def train(work: Path, minutes: float, settings: Settings = SHIPPED) -> None:
    """Write WORK/student.pt every few minutes and after ``minutes`` of training."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    taught = Taught(work, settings, np.random.default_rng(time.time_ns()))
    training = Training(settings, taught.clips.n_words)
    start = saved = time.time()
    losses = []
    for batch in taught.batches():
        done = (time.time() - start) / 60 / minutes
        if done >= 1:
            break
        losses.append(training.step(batch, done))
        if time.time() - saved > CHECKPOINT_EVERY:
            saved = time.time()
            training.save(work)
            print(f"{done:.2f} of the time, losses", np.mean(losses, 0).round(3), flush=True)
            losses.clear()
    training.save(work)
    print(f"{training.steps} steps")
