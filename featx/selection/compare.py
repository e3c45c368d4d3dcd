"""Compare backbones, layers and heads: a quick pass over all of them, the best measured as ``fit`` measures."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal

from sklearn.base import BaseEstimator

from featx.backbones.backbone import Backbone
from featx.backbones.providers import read_provider
from featx.catalog import Card
from featx.embedding.engine import Engine
from featx.embedding.joint_rows import Missing
from featx.embedding.rows import Reject
from featx.errors import BadOption, FeatxNotice, check_iterable
from featx.evaluation import warn_about_rejects
from featx.heads.names import check_head_name
from featx.labelled import LabelledSamples
from featx.modalities.guess import modality_of
from featx.predictor import check_exact
from featx.reporting.comparison import Comparison
from featx.selection.candidates import BackboneCandidate, find_candidates
from featx.selection.clock import Clock
from featx.selection.compare_inputs import compare_inputs
from featx.selection.finals import run_finals
from featx.selection.input_ranking import InputChoices
from featx.selection.limits import is_whole_number, read_milliseconds, read_seconds, read_size
from featx.selection.ranking import RankedBackbone, RankingSetup, draw_some, rank
from featx.selection.table import ComparisonTable
from featx.tasks import Task, get_task
from featx.training_inputs import InputOptions
from featx.tuning import HeadConfig
from featx.tuning.progress import progress_bars
from featx.tuning.validation import check_own_head

__all__ = ["Chosen", "CostLimits", "choose_backbone", "compare"]

Backbones = Sequence[str | Card | Backbone]


@dataclass(frozen=True, slots=True)
class CostLimits:
    """The limits of what a comparison may cost, and of what the winner may.

    Attributes
    ----------
    max_latency, time_limit, max_size : float, str or None
        As people write them: "5ms", "10min", "20MB".
    provider : str, default="cpu"
        Where all are computed that are not open yet.
    """

    max_latency: float | str | None = None
    time_limit: float | str | None = None
    max_size: float | str | None = None
    provider: str = "cpu"

    def check(self) -> None:
        """Raise BadOption where one is no limit, or the provider makes other rows than the card's."""
        read_milliseconds(self.max_latency, "max_latency")
        read_seconds(self.time_limit, "time_limit")
        read_size(self.max_size, "max_size")
        check_exact(read_provider(self.provider))


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """A comparison with the backbone that won it, and the samples that could not be read."""

    comparison: Comparison
    winner: BackboneCandidate
    rejects: tuple[Reject, ...] = ()


def compare(
    samples: Iterable[Any],
    labels: Any = None,
    *,
    backbones: Backbones | str | Card | Backbone | None = None,
    heads: str | BaseEstimator | Sequence[str | BaseEstimator] | None = None,
    task: str | None = None,
    class_weight: Literal["balanced"] | None = None,
    log_target: bool = False,
    threshold: float | None = None,
    groups: Sequence[Any] | str | None = None,
    sample_weight: Sequence[float] | None = None,
    test_size: float | None = None,
    min_samples: int | None = None,
    unlabelled: str = "fail",
    max_latency: float | str | None = None,
    max_size: float | str | None = None,
    time_limit: float | str | None = None,
    n_best: int = 3,
    n_quick: int = 2000,
    logme: bool = False,
    taps: bool = False,
    provider: str = "cpu",
    random_state: int = 0,
    n_jobs: int | None = None,
    engine: Engine | None = None,
    verbose: bool = False,
    target: str | Sequence[str] | None = None,
    inputs: Mapping[str, Any] | Sequence[Any] | None = None,
    pairs: Sequence[Sequence[str]] = (),
    missing: Missing = "reject",
    pool_by: str | None = None,
) -> Comparison:
    """Compare backbones on labelled samples: rank all quickly, and measure the best as ``fit`` measures.

    Parameters
    ----------
    samples, labels, task, class_weight, log_target, threshold, groups, sample_weight, test_size, \
min_samples, unlabelled, random_state, n_jobs
        Those of ``fit``.
    backbones : str, Card or Backbone, or sequence of them, default=None
        A name may end in ``@TAP`` or ``@TAP:POOLING``. None: all that are on this machine.
    heads : str, scikit-learn estimator, or sequence of them, default=None
        Several are compared on the best backbones. None is the head that ``fit`` takes.
    max_latency : float or str, default=None
        Milliseconds, or a time such as "5ms": slower backbones are left out, as measured on this machine.
    max_size : float or str, default=None
        Bytes, or a size such as "20MB": larger backbones are left out.
    time_limit : float or str, default=None
        Seconds, or a time such as "10min": what is not ranked or measured by then is left out.
    n_best : int, default=3
        How many are measured as ``fit`` measures.
    n_quick : int, default=2000
        The most samples that the quick pass looks at.
    logme : bool, default=False
        Whether the quick pass computes LogME too; it never ranks.
    taps : bool, default=False
        Whether the taps behind each layer or block of a backbone are ranked too, in one pass over the samples.
        The best of them is compared beside the backbone's own where it is better beyond chance.
    provider : str, default="cpu"
        Where graphs are computed.
    engine : Engine, default=None
        How to embed; with a cache, an interrupted comparison goes on where it was.
    verbose : bool, default=False
        Whether to show bars with the time left.
    target, inputs, pairs, missing, pool_by
        Several inputs, as ``fit`` takes them. Backbones are then compared for each photo, text or sound, the
        other inputs as they are named, beside what is lost without each input. The time and the size of a
        choice are those of all its inputs together, each backbone's files counted once.

    Returns
    -------
    Comparison
        The best first, with paired intervals of how far it is above the others, and baselines.

    Raises
    ------
    BadOption
        A limit is none, or leaves no backbone.
    BadLabels, BadSample, UnknownBackbone, UnknownHead
        See ``fit``.

    Examples
    --------
    >>> import numpy as np
    >>> images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    >>> found = compare(images, ["dark"] * 3 + ["light"] * 3, backbones=["featx-image-nano"])
    >>> found.best.name, found.best.score
    ('featx-image-nano', 1.0)
    """
    limits = CostLimits(max_latency, time_limit, max_size, provider)
    limits.check()
    _check_counts(n_best=n_best, n_quick=n_quick)
    if isinstance(backbones, str | Card | Backbone):
        backbones = [backbones]
    if backbones is not None and not isinstance(backbones, Mapping):
        check_iterable("backbones", backbones, "names, cards or backbones")
    kind = get_task(task or "classification")
    engine = Engine.of(engine, n_jobs=n_jobs)
    config = HeadConfig(
        class_weight=class_weight,
        log_target=log_target,
        threshold=threshold,
        test_size=test_size,
        random_state=random_state,
        n_jobs=engine.n_jobs,
    )
    config.check()
    several = _check_heads(kind, heads, config)
    asked = InputOptions(
        target=target, inputs=inputs, pairs=pairs, missing=missing, pool_by=pool_by
    )
    if specs := asked.specs():
        if taps:
            raise BadOption("taps = True: is not for several inputs; leave it out")
        skip = engine.on_error == "skip"
        samples, labels = asked.read(samples, labels, specs, skip=skip)
    given = LabelledSamples.of(samples, labels, groups=groups, sample_weight=sample_weight)
    given = given.for_task(
        kind, min_samples=min_samples, unlabelled=unlabelled, by_default=task is None
    )
    for head in several:
        check_own_head(kind, replace(config, head=head), given.samples)
    if hint := given.guess_groups(kind):
        warnings.warn(hint, FeatxNotice, stacklevel=2)
    with progress_bars() if verbose else nullcontext() as progress:
        setup = RankingSetup(
            given,
            kind,
            config,
            several,
            engine,
            Clock(read_seconds(time_limit, "time_limit"), progress),
            best=n_best,
            n_quick=n_quick,
            max_milliseconds=read_milliseconds(max_latency, "max_latency"),
            logme=logme,
            skip=backbones is None,
            taps=taps,
        )
        if specs:
            most = read_size(max_size, "max_size")
            choices = InputChoices(specs, missing, backbones, most, provider)
            return compare_inputs(setup, choices)
        chosen = choose_backbone(setup, backbones, limits)
    warn_about_rejects((*chosen.rejects, *given.rejects), len(given.whole))
    return chosen.comparison


def choose_backbone(setup: RankingSetup, backbones: Backbones | None, limits: CostLimits) -> Chosen:
    """Compare what a setup asks for, and return the comparison with its winner.

    Parameters
    ----------
    setup : RankingSetup
    backbones : sequence of str, Card or Backbone, or None
        None: all that are on this machine.
    limits : CostLimits
        Of which the size is applied here.
    """
    modality = modality_of(setup.given.samples[0].data)
    most = read_size(limits.max_size, "max_size")
    provider = read_provider(limits.provider)
    candidates, left_out = find_candidates(backbones, modality, most, provider)
    some = draw_some(setup)
    entries, dropped = rank(candidates, some, setup)
    ranked = setup.clock.seconds
    average = _best_on_average(entries)
    going_on = entries[: setup.best]
    if average is not None and all(one.candidate != average.candidate for one in going_on):
        going_on = [*going_on, average]
    finals = run_finals(going_on, setup)
    table = ComparisonTable(setup, entries, finals, average, len(some))
    timings = {"quick pass": ranked, "measuring the best": setup.clock.seconds - ranked}
    comparison = Comparison(
        task=setup.task.name,
        score=finals.score_name,
        n=len(setup.given.samples),
        n_quick=len(some),
        n_measured=finals.n,
        method=finals.method,
        contenders=table.contenders(),
        left_out=(*left_out, *dropped),
        notes=table.notes(),
        timings=timings,
    )
    return Chosen(comparison, table.winner.candidate, finals.rejects)


def _best_on_average(entries: Sequence[RankedBackbone]) -> RankedBackbone | None:
    """Return the one that does best on average elsewhere; None where none was measured there."""
    known = [(rank, one) for one in entries if (rank := one.candidate.mean_rank) is not None]
    return min(known, key=lambda pair: pair[0])[1] if known else None


def _check_heads(task: Task, heads: Any, config: HeadConfig) -> tuple[Any, ...]:
    """Return the heads that are asked for; refuse names that the task does not know."""
    several = isinstance(heads, Sequence) and not isinstance(heads, str)
    chosen = tuple(heads) if several else (heads,)
    if not chosen:
        raise BadOption("heads = []: expected one or more, or None for the one that fit takes")
    for head in chosen:
        if isinstance(head, str):
            check_head_name(head, task.head_names)
        task.check_config(replace(config, head=head))
    return chosen


def _check_counts(**counts: int) -> None:
    for name, value in counts.items():
        if not is_whole_number(value, 1):
            raise BadOption(f"{name} = {value!r:.60}: expected a whole number, 1 or more")
