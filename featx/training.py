"""Train a predictor on labelled samples, with an honest account of how good it is."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator

from featx._typing import FloatArray, Labels
from featx.backbones.backbone import Backbone
from featx.backbones.remembered import is_cards_own
from featx.baselines import measure_baselines, measure_contributions, measure_without_groups
from featx.catalog import Card
from featx.embedding.engine import Engine
from featx.embedding.joint_rows import Missing
from featx.embedding.rows import Rows
from featx.errors import BadSample, FeatxNotice, FeatxWarning
from featx.fit_config import FitConfig, card_changes
from featx.heads import TrainedHead
from featx.inputs.input import Input, is_joint
from featx.inputs.joint import blocks_of, joint_blocks
from featx.labelled import LabelledSamples
from featx.predictor import (
    Predictor,
    check_exact,
    predictor_class,
)
from featx.reporting.fit_report import (
    DataSummary,
    FitReport,
    TuningSummary,
    Validation,
)
from featx.reporting.training_samples import KeptParts
from featx.selection.auto import check_costs, find_backbone
from featx.selection.compare import CostLimits
from featx.sources.groups import duplicate_contents
from featx.tasks import get_task
from featx.tasks.left_out import calibrate, fit_error_threshold
from featx.training_inputs import InputOptions, embed_backbone, embed_inputs
from featx.tuning import HeadConfig, SearchResult, TuningProblem, estimate_duration
from featx.tuning.block_weights import BlockWeights
from featx.tuning.design import SampleDesign
from featx.tuning.fit_warnings import warn_once
from featx.tuning.progress import progress_bars
from featx.tuning.validation import (
    FOLDS,
    ValidationResult,
    check_own_head,
    heads_for,
    train_and_validate,
)

__all__ = ["Trained", "fit", "fit_head", "fit_rows"]


@dataclass(frozen=True, slots=True)
class Trained:
    """A head trained on all rows, and what was measured on the way."""

    head: TrainedHead
    search: SearchResult
    validation: ValidationResult


def fit(
    samples: Iterable[Any],
    labels: Any = None,
    *,
    task: str | None = None,
    backbone: str | Card | Backbone | None = None,
    head: str | BaseEstimator | None = None,
    param_grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]] | None = None,
    class_weight: Literal["balanced"] | None = None,
    log_target: bool = False,
    threshold: float | None = None,
    target_error: float | None = None,
    groups: Sequence[Any] | str | None = None,
    sample_weight: Sequence[float] | None = None,
    test_size: float | None = None,
    min_samples: int | None = None,
    unlabelled: str = "fail",
    random_state: int = 0,
    n_jobs: int | None = None,
    engine: Engine | None = None,
    max_latency: float | str | None = None,
    time_limit: float | str | None = None,
    keep_rows: bool | None = None,
    keep_samples: bool = True,
    baseline: bool = True,
    verbose: bool = False,
    config: FitConfig | None = None,
    target: str | Sequence[str] | None = None,
    inputs: Mapping[str, Any] | Sequence[Any] | None = None,
    pairs: Sequence[Sequence[str]] = (),
    missing: Missing = "reject",
    pool_by: str | None = None,
) -> Any:
    """Train a predictor on labelled samples.

    Parameters
    ----------
    samples : iterable of Sample, or of anything that the backbone reads, or a table
        What ``read_samples("folder")`` gives, or paths, images, arrays.
    labels : sequence, default=None
        What is to be predicted, one a sample; None where the samples bring their own. A label is compared as
        text; several labels are a list; numbers are as they are, several of them a table or array of two axes.
    task : {"classification", "multilabel", "regression"}, default=None
        None is a classification, and refuses targets that look like measured numbers.
    backbone : str, Card or Backbone, default=None
        None is the one that featx ships for such samples. A Backbone may have another tap, pooling or
        preprocessing. ``"auto"`` compares all that are on this machine and takes the best; the report keeps
        what was compared.
    head : str or scikit-learn estimator, default=None
        A name among the heads of the task, ``"auto"`` to let cross-validation choose among them, or an
        estimator, which is used as it is. None is "logistic", and in a regression "ridge".
    param_grid : dict of lists, or a list of them, default=None
        Parameters of an own estimator among which cross-validation chooses, as scikit-learn's grid search has
        them; None: nothing is searched.
    class_weight : {"balanced"}, default=None
        With "balanced" every class weighs the same, however many samples it has; probabilities are then
        those of a world where all classes are equally frequent.
    log_target : bool, default=False
        Whether a regression predicts the logarithm, for targets that differ by factors.
    threshold : float, default=None
        The probability from which a label is given, where there are several; None: one a label, chosen for its
        F1 on samples left out.
    target_error : float between 0 and 1, default=None
        The share of answers that may be wrong: the predictor answers from the confidence on at which, with 95 %
        confidence, no more are, and "unsure" below; the report tells how much is answered. None answers all.
    groups : sequence or str, default=None
        The group of each sample, such as the patient: no group is both in training and in measuring. A text is
        a regular expression that finds the group in the name of a sample, or "parent" for the folder above.
    sample_weight : sequence of floats, default=None
        How often each sample counts, in training, tuning and measuring.
    test_size : float between 0 and 1, default=None
        The share of the samples on which the head is measured; None: a fifth, or all of them in turn where
        there are few.
    min_samples : int, default=None
        Classes or labels of fewer samples are left out by name.
    unlabelled : {"fail", "skip"}, default="fail"
        What is done with samples without a target.
    random_state : int, 0 or more, default=0
        Decides how samples are split into folds; the same value gives the same classifier, bit for bit.
    n_jobs : int, default=None
        Threads; None or -1 is every core. It never changes the answer. Only where there is no ``engine``.
    engine : Engine, default=None
        How to embed: threads, cache, what to do with samples that cannot be read.
    max_latency, time_limit : float or str, default=None
        With ``backbone="auto"``, as ``compare`` takes them: milliseconds a sample such as "5ms", and seconds
        such as "10min" that comparing may take.
    keep_rows : bool or None, default=None
        Whether the predictor keeps the rows of its training samples as float16, for ``novelty`` and for what
        looks for neighbours: None as many as 4 MB hold, True up to 10 000, False none.
    keep_samples : bool, default=True
        Whether it keeps ids, digests, targets and out-of-fold scores of its training samples, and their rows;
        see ``Predictor.samples``.
    baseline : bool, default=True
        Whether to measure what raw pixels, words or mel bands reach without the backbone, and of several
        inputs what is reached without each.
    verbose : bool, default=False
        Whether to show bars with the time left of searching, training and measuring.
    config : FitConfig, default=None
        What to write into the predictor as the configuration that was asked for; None: what these
        parameters say.
    target : str or sequence of str, default=None
        With ``inputs``, the column of what is to be predicted, or several columns of numbers.
    inputs : mapping of str to str, or sequence, default=None
        Several inputs: what each column of ``samples`` is, such as ``{"photo": "image", "price": "number"}``;
        see ``make_specs``. ``samples`` is then the path of a table, a DataFrame, a list for each column, or a
        mapping for each row.
    pairs : sequence of pairs of str, default=()
        Two columns, of texts or photos, that are one input: how far they differ, and what they share.
    missing : {"reject", "zero"}, default="reject"
        What is done with a row without its photo, text or sound: it is refused, or that input says nothing.
    pool_by : str, default=None
        The column whose equal values make one sample of several rows: the photos of one house.

    Returns
    -------
    Classifier, MultilabelClassifier or Regressor
        ``report`` is a FitReport, measured on samples left out, with baselines beside it.

    Raises
    ------
    BadLabels
        There are no labels, some are missing, there is a single class, or a class has a single sample.
    BadSample
        A sample cannot be read, and the engine does not skip.
    UnknownBackbone, UnknownHead, BadOption, MissingWeights, WrongDigest

    Examples
    --------
    >>> images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    >>> classifier = fit(images, ["dark"] * 3 + ["light"] * 3)
    >>> classifier.report.validation.report.accuracy
    1.0
    """
    keep = KeptParts(keep_samples, keep_rows)
    limits = CostLimits(max_latency, time_limit)
    check_costs(backbone, limits)
    kind = get_task(task or "classification")
    engine = Engine.of(engine, n_jobs=n_jobs)
    head_config = HeadConfig(
        head,
        class_weight=class_weight,
        log_target=log_target,
        threshold=threshold,
        target_error=target_error,
        test_size=test_size,
        random_state=random_state,
        n_jobs=engine.n_jobs,
        param_grid=param_grid,
        measure_inputs=baseline,
    )
    head_config.check()
    kind.check_config(head_config)
    asked = InputOptions(
        target=target, inputs=inputs, pairs=pairs, missing=missing, pool_by=pool_by
    )
    if specs := asked.specs(backbone):
        skip = engine.on_error == "skip"
        samples, labels = asked.read(samples, labels, specs, skip=skip)
    given = LabelledSamples.of(samples, labels, groups=groups, sample_weight=sample_weight)
    given = given.for_task(
        kind, min_samples=min_samples, unlabelled=unlabelled, by_default=task is None
    )
    known = given.samples
    check_own_head(kind, head_config, known)
    if hint := given.guess_groups(kind):
        warnings.warn(hint, FeatxNotice, stacklevel=2)
        given = replace(given, notes=(*given.notes, hint))
    if specs:
        made, comparison = embed_inputs(given.whole, specs, engine, asked.missing), None
    else:
        opened, comparison = find_backbone(
            backbone, given, kind, head_config, engine=engine, limits=limits, verbose=verbose
        )
        if not is_cards_own(opened.card, opened.provider):
            check_exact(opened.provider)
        made = embed_backbone(given.whole, opened, engine, baseline=baseline)
    rows = made.rows
    design = given.design(rows.ids)
    groups = None if design.groups is None else design.groups.tolist()
    digests = [digest or None for digest in rows.digests]
    # Copies of one group are never on both sides of a split.
    copies = duplicate_contents(rows.ids, digests, rows.labels, groups or rows.ids)
    for text in copies:
        warnings.warn(text, FeatxWarning, stacklevel=2)
    with progress_bars() if verbose else nullcontext() as progress:
        shown = replace(head_config, progress=progress)
        predictor = fit_rows(
            rows,
            made.inputs,
            shown,
            raw=made.raw,
            timings=made.timings,
            notes=(*given.notes, *copies, *made.notes),
            task=kind.name,
            design=design,
            keep=keep,
        )
    if comparison is not None and predictor.report is not None:
        report = replace(predictor.report, comparison=comparison)
        predictor = replace(predictor, report_source=report)
        card = predictor.card
        config = config and replace(config, backbone=card.name, **card_changes(card))
    written = config or replace(
        _config(made.inputs, asked, head_config, engine, baseline=baseline),
        keep_rows=keep_rows,
        keep_samples=keep_samples,
        task=kind.name,
        min_samples=min_samples,
        unlabelled=unlabelled,
        groups=groups if isinstance(groups, str) else None,
    )
    return replace(predictor.with_labels_like(labels), config_source=written)


def fit_rows(
    rows: Rows,
    inputs: Card | Sequence[Input],
    config: HeadConfig,
    *,
    raw: Rows | None = None,
    timings: Mapping[str, float] | None = None,
    notes: Sequence[str] = (),
    task: str = "classification",
    design: SampleDesign | None = None,
    keep: KeptParts | None = None,
) -> Predictor:
    """Train a predictor on rows of a backbone, or joint rows of several inputs.

    Parameters
    ----------
    rows : Rows
        Rows that all have a label.
    inputs : Card, or sequence of Input
        The card of the backbone that made them, or the inputs in the order of their blocks.
    config : HeadConfig
        Which head, and how it is trained.
    raw : Rows, default=None
        The same samples without any backbone, for the baseline.
    timings : mapping of str to float, default=None
        Seconds that it took to make the rows, for the report.
    notes : sequence of str, default=()
        What there is to say of the samples, for the report.
    task : str, default="classification"
    design : SampleDesign, default=None
        How the rows belong together; None: each is by itself.
    keep : KeptParts, default=None
        What the predictor keeps of its samples; None: all but their rows.
    """
    keep = keep or KeptParts(rows=False)
    inputs = (Input.of_card(inputs),) if isinstance(inputs, Card) else tuple(inputs)
    if is_joint(inputs):
        config = replace(config, blocks=BlockWeights(blocks_of(inputs)))
    kind = get_task(task)
    kind.check_config(config)
    targets = kind.encode_targets(rows.labels, rows.ids)
    _check_finite(rows.embeddings, rows.ids)
    plain = None if raw is None or raw.ids != rows.ids else raw.embeddings
    problem = kind.tuning_problem(targets, config, design)
    _announce_duration(rows.embeddings, problem, config)
    start = time.perf_counter()
    with warn_once():
        trained = _train(rows.embeddings, problem, config)
        trained_at = time.perf_counter()
        baselines = measure_baselines(
            kind,
            trained.validation,
            plain,
            problem,
            replace(config, blocks=None),
            "" if is_joint(inputs) else inputs[0].card.input.baseline_name,
        )
        ungrouped = measure_without_groups(kind, rows.embeddings, problem, config)
        contributions = measure_contributions(
            rows.embeddings, problem, config, trained.validation, trained.search
        )
    seconds = {"head": trained_at - start, "baselines": time.perf_counter() - trained_at}
    measured, left_out, head = trained.validation, trained.search.left_out, trained.head
    conformity = calibrate(kind, problem, left_out, head, config.random_state)
    limit = None
    if config.target_error is not None:
        limit = fit_error_threshold(
            kind,
            problem,
            left_out,
            head,
            target=config.target_error,
            random_state=config.random_state,
        )
        notes = (*notes, f"With target_error={limit.target:g} it {limit.describe()}.")
    names = tuple(one.describe() if is_joint(inputs) else one.label for one in inputs)
    report = FitReport(
        task=task,
        data=DataSummary(len(targets), kind.summarize_targets(targets), names),
        tuning=_summarize_tuning(trained, config),
        validation=Validation(measured.method, measured.n_folds, measured.report),
        baselines=baselines,
        timings={**(timings or {}), **seconds},
        rejects=rows.rejects,
        notes=tuple(notes),
        samples_source=keep.samples_of(
            rows, left_out, problem, config.random_state, joint_blocks(inputs)
        ),
        without_groups=ungrouped,
        contributions=contributions,
    )
    return predictor_class(kind)(
        inputs,
        trained.head,
        report,
        task_name=task,
        conformity_source=conformity,
        error_threshold=limit,
    )


def fit_head(
    rows: FloatArray,
    labels: Sequence[Any] | Labels,
    config: HeadConfig | None = None,
    *,
    task: str = "classification",
    design: SampleDesign | None = None,
) -> Trained:
    """Tune a head on rows, measure it on rows left out, and train it on all.

    The score is never the one that was optimised: with up to 1000 samples the whole search is nested in
    a stratified cross-validation of five folds, and the head that is given back is tuned and trained on
    everything. With more, or where that would take long, a head that was tuned and trained on a stratified
    four fifths is measured on the rest, and trained again, as it was tuned, on everything.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float32
    labels : sequence of n labels
    config : HeadConfig, default=None
        Which head, and how.
    task : str, default="classification"
    design : SampleDesign, default=None
        How the rows belong together; None: each is by itself.

    Raises
    ------
    BadLabels
        See ``fit``.
    BadSample
        A row is not finite.

    Warns
    -----
    FeatxNotice
        It will take longer than 20 seconds: about how long.
    """
    config = config or HeadConfig()
    rows = np.ascontiguousarray(rows, np.float32)
    kind = get_task(task)
    kind.check_config(config)
    problem = kind.tuning_problem(kind.encode_targets(labels), config, design)
    _check_finite(rows)
    _announce_duration(rows, problem, config)
    return _train(rows, problem, config)


def _summarize_tuning(trained: Trained, config: HeadConfig) -> TuningSummary:
    search = trained.search
    return TuningSummary(
        head=trained.head.name,
        params=dict(search.params),
        folds=search.folds,
        repeats=search.repeats,
        candidates=search.n_candidates,
        class_weight=config.class_weight,
        random_state=config.random_state,
    )


def _announce_duration(rows: FloatArray, problem: TuningProblem, config: HeadConfig) -> None:
    """Say how long all of it will take, where that is long."""
    n = len(problem)
    # A hold-out leaves so many; thousands of samples are never measured by nested folds.
    most = n - n // FOLDS
    estimate_duration(heads_for(problem, config), problem, rows, (most, n), config)


def _train(rows: FloatArray, problem: TuningProblem, config: HeadConfig) -> Trained:
    with warn_once():
        search, head, validation = train_and_validate(rows, problem, config)
    return Trained(head, search, validation)


def _check_finite(rows: FloatArray, ids: Sequence[str] | None = None) -> None:
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        names = ", ".join(ids[i] if ids else f"row {i}" for i in bad[:3].tolist())
        raise BadSample(
            f"rows: {len(bad)} of {len(rows)} hold NaN or infinity ({names}); leave them out"
        )


def _config(
    inputs: Sequence[Input],
    asked: InputOptions,
    config: HeadConfig,
    engine: Engine,
    *,
    baseline: bool,
) -> FitConfig:
    """Return what a call in Python asked for: the card's name with what was changed of it, or the inputs."""
    own = config.head is not None and not isinstance(config.head, str)
    head = f"own:{type(config.head).__name__}" if own else config.head
    read = asked.to_config()
    if not is_joint(inputs):
        card = inputs[0].card
        read = {"backbone": card.name, **card_changes(card)}
    return FitConfig(
        **read,
        head=head,
        class_weight=config.class_weight,
        log_target=config.log_target,
        threshold=config.threshold,
        target_error=config.target_error,
        test_size=config.test_size,
        random_state=config.random_state,
        baseline=baseline,
        on_error=engine.on_error,
    )
