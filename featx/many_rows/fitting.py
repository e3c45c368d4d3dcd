"""Train a predictor on rows on disk, with an honest account of how good it is."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from featx._typing import FloatArray, Integers, Labels
from featx.backbones.backbone import Backbone, open_backbone
from featx.catalog import Card, get_card, list_cards
from featx.embedding.engine import count_workers
from featx.embedding.rows import Rows
from featx.errors import BadOption, FeatxNotice, FeatxWarning
from featx.fit_config import FitConfig, card_changes
from featx.heads import HeadSpec, TrainedHead
from featx.many_rows.heads import (
    STREAMED_HEADS,
    ClosedForm,
    choose_streamed_head,
    streamed_grid,
)
from featx.many_rows.logistic import search_penalty, solve_all
from featx.many_rows.parts import RowParts, draw_parts
from featx.many_rows.passes import RowPasses
from featx.many_rows.reading import RowColumns, RowsWithTargets, read_labelled_rows
from featx.predictor import Predictor, predictor_class
from featx.reporting.fit_report import (
    Baseline,
    DataSummary,
    FitReport,
    TuningSummary,
    Validation,
)
from featx.reporting.training_samples import KeptParts
from featx.tables.stored_rows import StoredRows, open_stored_rows
from featx.tasks import Task, get_task
from featx.tasks.left_out import calibrate, fit_error_threshold
from featx.training import fit_rows
from featx.tuning import HeadConfig
from featx.tuning.candidates import CandidateScore, best_candidate
from featx.tuning.fit_warnings import warn_once
from featx.tuning.progress import progress_bars
from featx.tuning.search import LeftOut
from featx.tuning.threads import one_thread_each, threads

__all__ = ["fit_stored_rows"]

# The most numbers of rows that are trained on in memory: 256 MB of them, and what heads make of them.
_MOST_NUMBERS = 1 << 26


def fit_stored_rows(
    path: str | os.PathLike[str],
    columns: RowColumns | None = None,
    *,
    task: str | None = None,
    backbone: str | Card | Backbone | None = None,
    config: HeadConfig | None = None,
    in_memory: bool | None = None,
    keep: KeptParts | None = None,
    fit_config: FitConfig | None = None,
    verbose: bool = False,
) -> Predictor:
    """Train a predictor on rows that ``featx extract`` wrote, which need not fit in memory.

    Up to 67 million numbers (52 000 rows of 1280 columns) any head is trained in memory, as ``fit`` does it.
    More are read block by block: in a classification for the heads "logistic", "ridge", "lda" and "centroid",
    in a regression for "ridge". The score is measured on rows that neither trained nor chose anything: a fifth
    of all, or as many as 256 MB hold.

    Parameters
    ----------
    path : path
        A folder of shards, or one file; see ``featx.tables.stored_rows``.
    columns : RowColumns, default=None
        Where targets, groups and weights are; None: the rows' own labels.
    task : str, default=None
        As ``fit`` takes it.
    backbone : str, Card or Backbone, default=None
        What made the rows; None: the card on this machine whose fingerprint they carry.
    config : HeadConfig, default=None
        Which head, and how it is trained.
    in_memory : bool, default=None
        Whether all rows are read into memory; None: where they are few.
    keep : KeptParts, default=None
        What the predictor keeps of its samples, of few rows; of many none is kept.
    fit_config : FitConfig, default=None
        What to write into the predictor as the configuration that was asked for; None: what these say.
    verbose : bool, default=False
        Whether to show bars with the time left.

    Raises
    ------
    BadTable
        A file is missing, damaged or not the one that the index of its folder tells of.
    BadLabels
        Targets are missing, or no head can be trained on them.
    BadSample
        A row is not finite; the message names it.
    BadOption
        The head cannot be trained on so many rows, or the rows are of another backbone.

    Examples
    --------
    >>> import tempfile
    >>> import featx
    >>> images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    >>> rows = featx.Engine().embed(
    ...     featx.make_samples(images, ["dark"] * 3 + ["light"] * 3), featx.Backbone("featx-image-nano")
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = featx.write_rows(f"{folder}/rows.npz", rows)
    ...     fit_stored_rows(f"{folder}/rows.npz")
    Classifier(image: featx-image-nano; head logistic, 2 classes)
    """
    config, columns = config or HeadConfig(), columns or RowColumns()
    config.check()
    kind = get_task(task or "classification")
    kind.check_config(config)
    stored = open_stored_rows(path)
    card = _card_of(stored, backbone)
    start = time.perf_counter()
    rows = read_labelled_rows(stored, columns, kind, by_default=task is None)
    limit = _MOST_NUMBERS // stored.dim
    few = len(rows) <= limit if in_memory is None else in_memory
    asked = fit_config or _asked(card, config, columns, kind.name)
    with progress_bars() if verbose else nullcontext() as progress:
        shown = replace(config, progress=progress)
        if few:
            predictor = _fit_in_memory(rows, card, shown, kind, keep)
        else:
            predictor = _Fit(rows, card, shown, kind, limit, start).run()
    if not few and keep is not None and (keep.rows or keep.samples):
        text = f"rows: of {len(rows)} on disk neither samples nor rows are kept in the predictor"
        warnings.warn(text, FeatxNotice, stacklevel=2)
    return replace(predictor, config_source=asked)


def _card_of(stored: StoredRows, backbone: str | Card | Backbone | None) -> Card:
    """Return the card of what made the rows."""
    if backbone is None:
        for card in list_cards():
            if stored.fingerprint and card.fingerprint == stored.fingerprint:
                return replace(card, dim=stored.dim)
        said = f"with fingerprint {stored.fingerprint[:12]}…" if stored.fingerprint else "with none"
        raise BadOption(
            f"{stored.path}: rows {said}, that of no card on this machine; name what made them with "
            "backbone=; on rows of several inputs nothing is trained but from their table"
        )
    named = get_card(backbone) if isinstance(backbone, str) else backbone
    opened = named if isinstance(named, Backbone) else open_backbone(named)
    card = replace(opened.card, dim=opened.dim)
    if stored.dim != opened.dim or stored.fingerprint not in ("", card.fingerprint):
        raise BadOption(
            f"{stored.path}: rows of {stored.dim} columns with fingerprint "
            f"{stored.fingerprint[:12] or 'none'}…, expected {opened.dim} columns and "
            f"{card.fingerprint[:12]}…, those of {card.name}"
        )
    if not stored.fingerprint:
        text = f"{stored.path}: does not say what made its rows; {card.name} is taken on your word"
        warnings.warn(text, FeatxWarning, stacklevel=3)
    return card


def _asked(card: Card, config: HeadConfig, columns: RowColumns, task: str) -> FitConfig:
    return FitConfig(
        backbone=card.name,
        **card_changes(card),
        task=task,
        head=config.head if isinstance(config.head, str | None) else None,
        class_weight=config.class_weight,
        log_target=config.log_target,
        target_error=config.target_error,
        test_size=config.test_size,
        random_state=config.random_state,
        groups=columns.groups if isinstance(columns.groups, str) else None,
        min_samples=columns.min_samples,
        unlabelled=columns.unlabelled,
        baseline=False,
    )


def _fit_in_memory(
    rows: RowsWithTargets, card: Card, config: HeadConfig, kind: Task, keep: KeptParts | None
) -> Predictor:
    """Train on all rows at once, as ``fit`` does."""
    table = np.empty((len(rows), rows.stored.dim), np.float32)
    for start, block in rows.blocks(4096):
        table[start : start + len(block)] = block
    whole = Rows(tuple(rows.ids), tuple(rows.labels), table, rows.stored.fingerprint)
    return fit_rows(
        whole, card, config, notes=rows.notes, task=kind.name, design=rows.design, keep=keep
    )


@dataclass(slots=True)
class _Fit:
    """One training on rows on disk."""

    rows: RowsWithTargets
    card: Card
    config: HeadConfig
    kind: Task
    limit: int
    start: float

    def run(self) -> Predictor:
        """Return the predictor with its report."""
        kind, config = self.kind, self.config
        if kind.name not in STREAMED_HEADS:
            raise BadOption(
                f"task {kind.name!r}: needs its rows in memory, as up to {self.limit} of "
                f"{self.rows.stored.dim} columns are by default; found {len(self.rows)} on disk: use fewer, or "
                "set in_memory=True where there is room"
            )
        targets = kind.encode_targets(self.rows.labels, self.rows.ids)
        problem: Any = kind.tuning_problem(targets, config, self.rows.design)
        spec = choose_streamed_head(kind.name, config, problem, self.rows.stored.dim, self.limit)
        parts = self._draw(problem)
        known = np.flatnonzero(parts.train)
        judged = problem.part(known, parts.tune)
        with (
            warn_once(),
            one_thread_each(),
            threads(count_workers(config.n_jobs)) as map_fn,
            closing(
                RowPasses(
                    self.rows,
                    problem.part(known, np.arange(len(problem))).row_targets(),
                    map_fn,
                    config.progress,
                )
            ) as passes,
        ):
            solved = _solve(spec, problem, judged, parts, passes)
        return self._predictor(spec, problem, judged, parts, targets, solved)

    def _draw(self, problem: Any) -> RowParts:
        design = problem.design
        if design.times is not None or design.validation is not None:
            raise BadOption(
                "rows: a time or a part of each row is for few rows; leave the column out"
            )
        is_class = problem.row_targets().codes is not None
        return draw_parts(
            problem.codes if is_class else np.zeros(len(problem), np.intp),
            problem.n_outputs,
            self.rows.stored.dim,
            np.random.default_rng(self.config.random_state),
            groups=None if design.groups is None else design.units(len(problem)),
            test_size=self.config.test_size,
        )

    def _predictor(
        self,
        spec: HeadSpec,
        problem: Any,
        judged: Any,
        parts: RowParts,
        targets: Any,
        solved: _Solved,
    ) -> Predictor:
        kind, config, card = self.kind, self.config, self.card
        calibrator = solved.best.evaluation.calibrator
        head = TrainedHead.from_estimator(
            spec.name, solved.estimator, calibrator, problem.output_names
        )
        outputs = calibrator.apply(solved.test_scores).astype(np.float32)
        measured = problem.part(np.flatnonzero(parts.train), parts.test).report(
            outputs, np.arange(len(parts.test)), random_state=config.random_state
        )
        assert solved.best.scores is not None
        left_out = LeftOut(np.zeros(len(parts.tune), np.intp), solved.best.scores)
        conformity = calibrate(kind, judged, left_out, head, config.random_state)
        notes, limit = [*self.rows.notes, *_notes(problem, parts)], None
        if config.target_error is not None:
            limit = fit_error_threshold(
                kind,
                judged,
                left_out,
                head,
                target=config.target_error,
                random_state=config.random_state,
            )
            notes.append(f"With target_error={limit.target:g} it {limit.describe()}.")
        report = FitReport(
            task=kind.name,
            data=DataSummary(len(problem), kind.summarize_targets(targets), (card.name,)),
            tuning=TuningSummary(
                spec.name,
                dict(solved.best.params),
                folds=1,
                repeats=1,
                candidates=solved.n_tried,
                class_weight=config.class_weight,
                random_state=config.random_state,
            ),
            validation=Validation("hold-out", 1, measured),
            baselines=(Baseline(*kind.trivial_baseline(measured)),),
            timings={"head": time.perf_counter() - self.start},
            notes=tuple(notes),
        )
        made = predictor_class(kind).from_card(card, head, report=report, task=kind.name)
        return replace(made, conformity_source=conformity, error_threshold=limit)


@dataclass(frozen=True, slots=True, eq=False)
class _Solved:
    """A head that was chosen and trained: the candidate, its scores of the test part, the final estimator."""

    best: CandidateScore
    test_scores: Any
    estimator: Any
    n_tried: int


def _solve(
    spec: HeadSpec, problem: Any, judged: Any, parts: RowParts, passes: RowPasses
) -> _Solved:
    """Choose the head's parameters, measure what they give, and train on all rows."""
    streamed = STREAMED_HEADS[
        "classification" if passes.targets.codes is not None else "regression"
    ][spec.name]
    again = streamed.solve is None
    kept = np.union1d(parts.tune, parts.test)
    trained, held, some = passes.gather(parts.train, kept, products=streamed.products, copy=again)

    def rows_of(indices: Integers) -> FloatArray:
        return some[np.searchsorted(kept, indices)]

    every = np.arange(len(parts.tune))
    tune, test = rows_of(parts.tune), rows_of(parts.test)
    form, whole = ClosedForm(trained), ClosedForm(trained + held)
    classes: Labels | None = None if passes.targets.codes is None else problem.classes
    if streamed.solve is not None:
        grid = streamed_grid(spec, len(problem))
        tried, solutions = [], list(streamed.solve(form, grid))
        for params, one in zip(grid, solutions, strict=True):
            scores = form.scores(one, tune)
            tried.append(
                CandidateScore(
                    spec, params, judged.evaluate(scores, every), scores.astype(np.float32)
                )
            )
        best = best_candidate(tried)
        solution = solutions[tried.index(best)]
        [final] = streamed.solve(whole, [best.params])
        n_tried = len(tried)
    else:
        choice = search_penalty(spec, form, passes, parts.train, tune, judged.evaluate)
        best = CandidateScore(spec, choice.params, choice.evaluation, choice.scores)
        solution, n_tried = choice.solution, choice.n_tried
        final = solve_all(choice, form, whole, passes, tune)
    estimator = whole.estimator(spec, best.params, final, classes)
    return _Solved(best, form.scores(solution, test), estimator, n_tried)


def _notes(problem: Any, parts: RowParts) -> Sequence[str]:
    """Return what there is to say of rows that were read from disk."""
    n = len(problem)
    return [
        f"Rows were read from disk: {len(parts.test)} of {n} drawn at random were measured on, "
        f"{len(parts.tune)} others chose the parameters, and the predictor was trained on all.",
        "Rows hold no digests of their samples: copies on both sides were not looked for, and raw samples not "
        "measured as a baseline.",
    ]
