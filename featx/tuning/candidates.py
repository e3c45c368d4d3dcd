"""How each candidate of a head does on samples left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from featx._typing import Doubles, FloatArray, Integers, Labels
from featx.heads import HeadSpec, find_temperature, robust_log_loss
from featx.tuning.solvers.lbfgs import MapFn
from featx.tuning.solvers.logistic import LogisticPath
from featx.tuning.solvers.ridge import leave_one_out
from featx.tuning.split_scores import split_scores
from featx.tuning.splits import Deals

__all__ = ["CandidateScore", "Data", "leave_out", "open_path", "try_fits", "try_path"]


_GAP = 1e-5  # of the loss: accuracies are then within a thousandth of the solutions'
_PATIENCE = 2  # steps for the worse along a path before it is left


@dataclass(frozen=True, slots=True)
class CandidateScore:
    """How one candidate did on samples left out."""

    head: HeadSpec
    params: Mapping[str, Any]
    accuracy: float
    log_loss: float
    temperature: float


@dataclass(frozen=True, slots=True)
class Data:
    """Labelled rows, and what each weighs in a score."""

    rows: FloatArray
    labels: Labels
    y: Integers
    weights: Doubles

    @classmethod
    def of(cls, rows: FloatArray, labels: Labels, *, balance: bool) -> Data:
        """With ``balance`` every class weighs the same in a score."""
        y = np.unique(labels, return_inverse=True)[1]
        weights = (1 / np.bincount(y))[y] if balance else np.ones(len(y))
        return cls(rows, labels, y, weights)

    def judge(
        self, head: HeadSpec, params: Mapping[str, Any], values: Doubles, tested: Integers
    ) -> CandidateScore:
        """Accuracy of scores of samples left out, and log-loss at the temperature that suits them."""
        y, weights = self.y[tested], self.weights[tested]
        temperature = find_temperature(values, y, weights)
        losses = robust_log_loss(values / temperature, y)
        return CandidateScore(
            head,
            params,
            accuracy=float(np.average(values.argmax(axis=1) == y, weights=weights)),
            log_loss=float(np.average(losses, weights=weights)),
            temperature=temperature,
        )


def open_path(
    head: HeadSpec,
    rows: FloatArray,
    y: Integers,
    trains: Sequence[Integers],
    map_fn: MapFn,
    *,
    gap: float,
) -> LogisticPath:
    """The path of a head along the training parts."""
    balance = head.build()[-1].class_weight == "balanced"
    return LogisticPath(rows, y, trains, balance=balance, gap=gap, map_fn=map_fn)


def try_path(head: HeadSpec, data: Data, deals: Deals, map_fn: MapFn) -> list[CandidateScore]:
    """Along the grid; it is left when it only gets worse."""
    tries: list[CandidateScore] = []
    path = open_path(
        head, data.rows, data.y, [train for train, _ in deals.splits], map_fn, gap=_GAP
    )
    strengths = [next(iter(params.values())) for params in head.grid]
    for params, _ in zip(head.grid, path.walk(strengths), strict=True):
        parts = [path.scores(place, test) for place, (_, test) in enumerate(deals.splits)]
        tries.append(data.judge(head, params, np.concatenate(parts), deals.tested))
        losses = [each.log_loss for each in tries]
        if len(losses) - 1 - int(np.argmin(losses)) >= _PATIENCE:
            break
    return tries


def leave_out(head: HeadSpec, data: Data) -> list[CandidateScore]:
    """With every sample left out in turn."""
    alphas = [next(iter(params.values())) for params in head.grid]
    balance = head.build()[-1].class_weight == "balanced"
    scored = leave_one_out(data.rows, data.y, alphas, balance=balance)
    everyone = np.arange(len(data.y))
    return [
        data.judge(head, params, values, everyone)
        for params, values in zip(head.grid, scored, strict=True)
    ]


def try_fits(head: HeadSpec, data: Data, deals: Deals, map_fn: MapFn) -> list[CandidateScore]:
    """By fits of their own; what candidates of a split share is done once."""
    grid = head.candidates(deals.least)

    def try_one(split: tuple[Integers, Integers]) -> list[Doubles]:
        return split_scores(head, grid, data.rows, data.labels, *split, gram=deals.gram)

    parts = list(map_fn(try_one, deals.splits))
    return [
        data.judge(head, params, np.concatenate([part[place] for part in parts]), deals.tested)
        for place, params in enumerate(grid)
    ]
