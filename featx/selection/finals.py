"""The best of the quick pass measured as ``fit`` measures, all on the same folds, with baselines beside."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from featx._typing import Doubles
from featx.embedding.engine import BaselineEmbedder
from featx.embedding.rows import Reject, Rows
from featx.errors import FeatxWarning
from featx.metrics.paired import Difference, paired_difference
from featx.metrics.resampling import Resampling
from featx.selection.clock import OutOfTime
from featx.selection.ranking import RankedBackbone, RankingSetup
from featx.tuning import TuningProblem
from featx.tuning.fit_warnings import warn_once
from featx.tuning.validation import ValidationResult, cross_validate, is_nested, validate_baseline

__all__ = ["Finals", "Measured", "run_finals"]

Measure = Callable[[Doubles], Doubles]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One that was measured as ``fit`` measures.

    Attributes
    ----------
    name : str
        What a baseline is called; '' of a backbone.
    entry : RankedBackbone or None
        None of a baseline.
    score : float
    interval : (float, float) or None
    measure : callable
        Gives the score of each weighting of the samples.
    """

    name: str
    entry: RankedBackbone | None
    score: float
    interval: tuple[float, float] | None
    measure: Measure = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Finals:
    """The backbones and baselines that were measured in full.

    Attributes
    ----------
    measured : tuple of Measured
        Backbones in the order of the quick pass, then the baselines.
    score_name : str
        The name of the score, such as "accuracy".
    method : str
        "nested cross-validation" or "hold-out"; '' where time was over before.
    n : int
        Samples on which scores were measured.
    resampling : Resampling
    rejects : tuple of Reject
    """

    measured: tuple[Measured, ...]
    score_name: str
    method: str
    n: int
    resampling: Resampling
    rejects: tuple[Reject, ...] = ()

    def difference(self, first: Measured, second: Measured, random_state: int) -> Difference | None:
        """Return by how much one is above another on the same samples."""
        return paired_difference(first.measure, second.measure, self.resampling, random_state)


class _OtherSamples(Exception):
    """A backbone cannot read samples that another could: all are measured on what all can read."""


def run_finals(entries: Sequence[RankedBackbone], setup: RankingSetup) -> Finals:
    """Measure entries and the baselines on the same folds of the samples that all of them can read.

    Where the time is over, those that come later are not measured.

    Parameters
    ----------
    entries : sequence of RankedBackbone
        The best first.
    setup : RankingSetup
    """
    ids = {sample.id for sample in setup.given.samples}
    while True:
        stage = _Stage(setup, entries, frozenset(ids))
        try:
            return stage.run()
        except _OtherSamples:
            ids &= stage.readable


class _Stage:
    """One attempt to measure all on some samples."""

    def __init__(
        self, setup: RankingSetup, entries: Sequence[RankedBackbone], ids: frozenset[str]
    ) -> None:
        self.setup, self.entries = setup, entries
        self.samples = [sample for sample in setup.given.samples if sample.id in ids]
        self.readable: set[str] = set(ids)
        self.rejects: tuple[Reject, ...] = ()
        self.total = len(self.samples) * (len({one.candidate.name for one in entries}) + 1)
        self.embedded = 0
        self.problem: TuningProblem | None = None
        self.nested = False
        # The best keep the rows of the quick pass.
        assert entries[0].rows is not None
        self.score_name = setup.problem(entries[0].rows).score_name

    def run(self) -> Finals:
        """Measure one after the other; rows of one backbone are in memory at a time."""
        measured: list[Measured] = []
        best: ValidationResult | None = None
        rows: Rows | None = None
        for number, entry in enumerate(self.entries):
            try:
                if rows is None or self.entries[number - 1].candidate != entry.candidate:
                    rows = None
                    rows = self._embed(entry)
                result = self._validate(entry, rows)
            except OutOfTime:
                break
            measured.append(self._measured("", entry, result))
            if best is None or measured[-1].score > max(one.score for one in measured[:-1]):
                best = result
        if best is None or self.problem is None:
            return Finals((), self.score_name, "", 0, Resampling(0))
        tested = best.tested
        design = self.problem.design.subset(tested)
        with warnings.catch_warnings():
            # It was said of the intervals of the scores.
            warnings.simplefilter("ignore", FeatxWarning)
            resampling = Resampling.of(len(tested), design.groups, design.weights)
        measured += self._baselines(best)
        return Finals(
            tuple(measured), self.score_name, best.method, len(tested), resampling, self.rejects
        )

    def _embed(self, entry: RankedBackbone) -> Rows:
        """Return the rows of all samples: those of the quick pass, and the others embedded now."""
        known = set()
        if entry.rows is not None:
            known = {*entry.rows.ids, *(reject.id for reject in entry.rows.rejects)}
        missing = [sample for sample in self.samples if sample.id not in known]
        stage = "embedding the best", self.embedded, self.total
        rows = self.setup.clock.embed(self.setup.engine, missing, entry.candidate.open(), stage)
        self.embedded += len(self.samples)
        if entry.rows is not None:
            rows = Rows.concatenate([entry.rows, rows])
        return self._in_order(rows)

    def _in_order(self, rows: Rows) -> Rows:
        """Return rows in the order of the samples; make sure that they are those of all others."""
        place = {name: i for i, name in enumerate(rows.ids)}
        ids = [sample.id for sample in self.samples if sample.id in place]
        if self.problem is not None and len(ids) != len(self.problem):
            self.readable &= set(ids)
            raise _OtherSamples
        order = [place[name] for name in ids]
        digests = tuple(rows.digests[i] for i in order)
        labels = tuple(rows.labels[i] for i in order)
        ordered = Rows(tuple(ids), labels, rows.embeddings[order], rows.fingerprint, (), digests)
        if self.problem is None:
            self.rejects = rows.rejects
            self._open_problem(ordered)
        return ordered

    def _open_problem(self, rows: Rows) -> None:
        """Take note of the targets, and of how all are measured."""
        self.samples = [sample for sample in self.samples if sample.id in set(rows.ids)]
        self.problem = self.setup.problem(rows)
        widest = max(entry.dim for entry in self.entries)
        # Only its shape is looked at; it takes no memory.
        table = np.broadcast_to(np.float32(0), (len(rows), widest))
        self.nested = is_nested(table, self.problem, self.setup.config)

    def _validate(self, entry: RankedBackbone, rows: Rows) -> ValidationResult:
        assert self.problem is not None
        clock = self.setup.clock

        def tell(stage: str, done: int, total: int, /) -> None:
            clock.tell(f"{entry.candidate.name}: {stage}", done, total)
            if clock.is_over():
                raise OutOfTime

        config = replace(self.setup.with_head(entry.head), progress=tell)
        if clock.is_over():
            raise OutOfTime
        embeddings = np.ascontiguousarray(rows.embeddings, np.float32)
        with warn_once():
            return cross_validate(embeddings, self.problem, config, nested=self.nested)

    def _measured(
        self, name: str, entry: RankedBackbone | None, result: ValidationResult
    ) -> Measured:
        assert self.problem is not None
        measure = self.problem.measure(result.predictions, result.tested)
        whole = Resampling(len(result.tested), None, self._weights(result)).whole()
        interval = result.report.intervals.get(self.problem.score_name)
        return Measured(name, entry, float(measure(whole)[0]), interval, measure)

    def _weights(self, result: ValidationResult) -> Doubles | None:
        assert self.problem is not None
        weights = self.problem.design.weights
        return None if weights is None else weights[result.tested]

    def _baselines(self, best: ValidationResult) -> list[Measured]:
        """Return what needs no features, and what raw pixels, words or mel bands reach."""
        assert self.problem is not None
        setup, name = self.setup, self.problem.score_name
        trivial, scores = setup.task.trivial_baseline(best.report)
        score = scores.get(name, float("nan"))
        found = [Measured(trivial, None, score, None, _constant(score))]
        settings = self.entries[0].candidate.card.input
        stage = "embedding the best", self.total - len(self.samples), self.total
        try:
            raw = setup.clock.embed(setup.engine, self.samples, BaselineEmbedder(settings), stage)
            rows = self._in_order(raw)
            if setup.clock.is_over():
                raise OutOfTime
        except OutOfTime:
            return found
        config = setup.with_head(self.entries[0].head)
        with warn_once():
            head, result = validate_baseline(
                rows.embeddings, self.problem, config, nested=self.nested
            )
        return [*found, self._measured(f"{head} on {settings.baseline_name}", None, result)]


def _constant(score: float) -> Measure:
    return lambda weights: np.full(len(weights), score)
