"""The quick pass: backbones, and heads on the best of them, ranked on some of the samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from featx.backbones.backbone import Backbone
from featx.embedding.engine import NOT_FINITE, Engine
from featx.embedding.rows import Rows
from featx.errors import BadLabels, BadOption, FeatxError, first_line
from featx.labelled import LabelledSamples
from featx.reporting.comparison import LeftOutBackbone
from featx.selection.candidates import BackboneCandidate
from featx.selection.clock import Clock, OutOfTime
from featx.selection.latency import measure_milliseconds
from featx.selection.quick import QuickScores, quick_scores
from featx.selection.ranked_taps import RankedTaps
from featx.sources import Sample
from featx.tasks import Task
from featx.tuning import HeadConfig, TuningProblem
from featx.tuning.search import tune
from featx.tuning.validation import heads_for

__all__ = [
    "TIME_TO_RANK",
    "RankedBackbone",
    "RankingSetup",
    "draw_some",
    "head_name",
    "rank",
    "score_table",
]

# Samples of each class or label that are looked at, where there are so many.
_LEAST_EACH = 10
TIME_TO_RANK = 0.6
"""The share of the time that ranking may take; the rest is for measuring the best."""


@dataclass(frozen=True, slots=True)
class RankingSetup:
    """The samples of a comparison, its settings, and what runs it.

    Attributes
    ----------
    given : LabelledSamples
    task : Task
    config : HeadConfig
        Without a head; ``heads`` has them.
    heads : tuple of str, estimator or None
    engine : Engine
    clock : Clock
    best : int
        How many go on.
    n_quick : int
        How many samples are looked at.
    max_milliseconds : float or None
    logme : bool
        Whether the evidence is computed too.
    skip : bool
        Whether a backbone that cannot be opened is left out, as where nobody named it.
    taps : bool
        Whether further taps of each backbone are ranked, and the best of them goes on where it is better than
        the backbone's own beyond chance.
    """

    given: LabelledSamples
    task: Task
    config: HeadConfig
    heads: tuple[Any, ...]
    engine: Engine
    clock: Clock
    best: int = 3
    n_quick: int = 2000
    max_milliseconds: float | None = None
    logme: bool = False
    skip: bool = True
    taps: bool = False

    def problem(self, rows: Rows) -> TuningProblem:
        """Return the targets of rows as what a head is tuned for."""
        targets = self.task.encode_targets(rows.labels, rows.ids)
        return self.task.tuning_problem(targets, self.config, self.given.design(rows.ids))

    def with_head(self, head: Any) -> HeadConfig:
        """Return the config of one of the heads."""
        return replace(self.config, head=head)


@dataclass(frozen=True, slots=True, eq=False)
class RankedBackbone:
    """A backbone with a head, as the quick pass ranked it.

    Attributes
    ----------
    candidate : BackboneCandidate
    head : str, estimator or None
    quick : mapping of str to float
    milliseconds : float or None
    dim : int
    rows : Rows or None
        Those of the quick pass, kept of the best alone.
    """

    candidate: BackboneCandidate
    head: Any
    quick: dict[str, float]
    milliseconds: float | None
    dim: int
    rows: Rows | None = field(default=None, repr=False)

    @property
    def key(self) -> tuple[float, ...]:
        """Return what entries are sorted by, the greatest first."""
        return self.quick.get("head", -math.inf), self.quick["rank"]


def rank(
    candidates: Sequence[BackboneCandidate], some: Sequence[Sample], setup: RankingSetup
) -> tuple[list[RankedBackbone], list[LeftOutBackbone]]:
    """Return the candidates, the best first, and those that were left out with the reason.

    Raises
    ------
    BadOption
        None is left.
    BadSample
        A sample cannot be read, and the engine does not skip.
    """
    entries: list[RankedBackbone] = []
    left_out: list[LeftOutBackbone] = []
    for number, candidate in enumerate(candidates):
        stage = "ranking", number * len(some), len(candidates) * len(some)
        try:
            ranked, taps_left_out = _rank_one(candidate, some, setup, stage)
            entries += ranked
            left_out += taps_left_out
        except OutOfTime:
            left_out += [
                LeftOutBackbone(one.name, "time_limit was over before it was ranked")
                for one in candidates[number:]
            ]
            break
        except _LeftOut as reason:
            left_out.append(LeftOutBackbone(candidate.name, str(reason)))
        entries = _without_rows_of_the_beaten(entries, setup.best)
    setup.clock.tell("ranking", 1, 1)
    if not entries:
        reasons = "; ".join(f"{one.name}: {one.reason}" for one in left_out[:3])
        more = f" and {len(left_out) - 3} others" if len(left_out) > 3 else ""
        raise BadOption(
            f"backbones: expected one or more to compare, none is left: {reasons}{more}"
        )
    if len(setup.heads) > 1:
        entries = _rank_heads(entries, setup)
    return entries, left_out


class _LeftOut(Exception):
    """Why a candidate is not compared."""


def _rank_one(
    candidate: BackboneCandidate,
    some: Sequence[Sample],
    setup: RankingSetup,
    stage: tuple[str, int, int],
) -> tuple[list[RankedBackbone], list[LeftOutBackbone]]:
    """Return a candidate as the quick pass scores it, beside it another tap that is better, and other taps."""
    if setup.clock.is_over(TIME_TO_RANK) and stage[1]:
        raise OutOfTime
    milliseconds, backbone = _timed(candidate, some, setup)
    taps, left_out = None, list[LeftOutBackbone]()
    # A tap that was named is the one that is meant.
    if setup.taps and "@" not in candidate.name:
        taps = RankedTaps.open(backbone)
        if taps is None:
            reason = "none was found behind its layers"
            left_out.append(LeftOutBackbone(_other_taps(candidate), reason))
    rows = _embed(backbone, taps, some, setup, stage)
    if taps and any(reject.reason == NOT_FINITE for reject in rows.rejects):
        # Another tap may overflow where the backbone's own does not.
        reason = "rows of some hold NaN or infinity"
        left_out.append(LeftOutBackbone(_other_taps(candidate), reason))
        taps, rows = None, _embed(backbone, None, some, setup, stage)
    _check_rows(rows, some, setup)
    own = rows if taps is None else taps.own_rows(rows)
    entry = _scored(candidate, own, setup, milliseconds)
    if taps is None:
        return [entry], left_out
    better, left_out = _better_tap(candidate, taps, rows, some, setup)
    return [entry, *better], left_out


def _timed(
    candidate: BackboneCandidate, some: Sequence[Sample], setup: RankingSetup
) -> tuple[float | None, Backbone]:
    """Return the milliseconds of a sample, and the backbone, open; leave out what is too slow."""
    try:
        backbone = candidate.open()
        milliseconds = measure_milliseconds(some, backbone)
    except FeatxError as error:
        if not setup.skip:
            raise
        raise _LeftOut(first_line(error)) from error
    most = setup.max_milliseconds
    if most is not None and milliseconds is not None and milliseconds > most:
        raise _LeftOut(f"{milliseconds:.1f} ms a sample, above max_latency = {most:g} ms")
    return milliseconds, backbone


def _embed(
    backbone: Backbone,
    taps: RankedTaps | None,
    some: Sequence[Sample],
    setup: RankingSetup,
    stage: tuple[str, int, int],
) -> Rows:
    """Return the rows of a backbone, or of all of its taps side by side."""
    # The first is ranked whatever it takes: a comparison of none says nothing.
    share = TIME_TO_RANK if stage[1] else None
    engine = replace(setup.engine, on_error="skip")
    return setup.clock.embed(engine, some, taps.several if taps else backbone, stage, share=share)


def _check_rows(rows: Rows, some: Sequence[Sample], setup: RankingSetup) -> None:
    """Leave out a backbone whose rows cannot be used; refuse samples that cannot be read."""
    # Rows that are not finite are the backbone's fault, and a picture that cannot be read is not.
    bad = sum(reject.reason == NOT_FINITE for reject in rows.rejects)
    if bad:
        raise _LeftOut(f"{bad} of {len(some)} rows hold NaN or infinity")
    if rows.rejects and setup.engine.on_error == "fail":
        raise rows.rejects[0].failure()
    if not len(rows):
        raise _LeftOut(f"it reads none of the samples: {rows.rejects[0].reason}")


def _scored(
    candidate: BackboneCandidate, rows: Rows, setup: RankingSetup, milliseconds: float | None
) -> RankedBackbone:
    """Return a candidate with the quick scores of its rows."""
    try:
        scores = quick_scores(rows.embeddings, setup.problem(rows), logme=setup.logme)
    except (BadLabels, BadOption) as error:
        raise BadLabels(f"ranking: {first_line(error)}") from error
    head = setup.heads[0]
    return RankedBackbone(candidate, head, score_table(scores), milliseconds, rows.dim, rows)


def _better_tap(
    candidate: BackboneCandidate,
    taps: RankedTaps,
    wide: Rows,
    some: Sequence[Sample],
    setup: RankingSetup,
) -> tuple[list[RankedBackbone], list[LeftOutBackbone]]:
    """Return the best other tap where it is better than the own beyond chance, and what the others are.

    The best of some dozens is a little lucky, so that one which is not better beyond chance does not go on.
    """
    layers = taps.scores(wide, setup.problem(wide), setup.config)
    better = [layer for layer in layers if layer.tells]
    n_others = sum(not layer.is_own for layer in layers)
    none_better = f"of {n_others} none is better than its own beyond chance"
    if not better:
        return [], [LeftOutBackbone(_other_taps(candidate), none_better)]
    best = max(better, key=lambda layer: layer.score)
    variant = BackboneCandidate.of(taps.card_of(best), taps.backbone.provider)
    if "@" not in variant.name:
        # Of a card in no model directory nothing says what is changed of it.
        variant = replace(variant, name=f"{candidate.name}@{best.tap}:{best.pooling}")
    try:
        milliseconds, backbone = _timed(variant, some, setup)
    except _LeftOut as reason:
        return [], [LeftOutBackbone(variant.name, str(reason))]
    rows = taps.rows_of(wide, best, backbone.fingerprint)
    rest = f"of {n_others - 1} none is above {variant.name}"
    left_out = [LeftOutBackbone(_other_taps(candidate), rest)] if n_others > 1 else []
    return [_scored(variant, rows, setup, milliseconds)], left_out


def _other_taps(candidate: BackboneCandidate) -> str:
    """Return how the table names the taps of a backbone that are not compared."""
    return f"{candidate.name}: other taps"


def score_table(scores: QuickScores) -> dict[str, float]:
    """Return the scores that there are, and the one that ranks."""
    table = {**asdict(scores), "rank": scores.rank}
    return {k: float(v) for k, v in table.items() if v is not None and math.isfinite(v)}


def _without_rows_of_the_beaten(
    entries: Sequence[RankedBackbone], best: int
) -> list[RankedBackbone]:
    """Return entries, the best first, that keep their rows where they may go on, and so may take memory."""
    ordered = sorted(entries, key=lambda one: one.key, reverse=True)
    return [one if place < best else replace(one, rows=None) for place, one in enumerate(ordered)]


def _rank_heads(entries: Sequence[RankedBackbone], setup: RankingSetup) -> list[RankedBackbone]:
    """Return the best backbones with each of the heads, the best first, then the other backbones.

    Heads are compared by cross-validation on the samples of the quick pass.
    """
    tried: list[RankedBackbone] = []
    kept = [entry for entry in entries if entry.rows is not None]
    total = len(kept) * len(setup.heads)
    for entry in kept:
        assert entry.rows is not None
        problem = setup.problem(entry.rows)
        for head in setup.heads:
            setup.clock.tell("ranking heads", len(tried), total)
            config = setup.with_head(head)
            found = tune(heads_for(problem, config), entry.rows.embeddings, problem, config=config)
            score = {"head": found.score} if math.isfinite(found.score) else {}
            tried.append(replace(entry, head=head, quick={**entry.quick, **score}))
    setup.clock.tell("ranking heads", total, total)
    tried.sort(key=lambda one: one.key, reverse=True)
    return [*tried, *(entry for entry in entries if entry.rows is None)]


def head_name(head: Any, setup: RankingSetup) -> str:
    """Return how a table names a head."""
    if head is None:
        return setup.task.head_names[0]
    return head if isinstance(head, str) else f"own:{type(head).__name__}"


def draw_some(setup: RankingSetup) -> list[Sample]:
    """Return the samples that the quick pass looks at, in their order: of each class some, where there are.

    Groups are not drawn whole: each sample is judged by those of other groups.
    """
    samples = setup.given.samples
    ids = [sample.id for sample in samples]
    targets = setup.task.encode_targets([sample.label for sample in samples], ids)
    problem = setup.task.tuning_problem(targets, setup.config, setup.given.design(ids))
    n, most = len(problem), setup.n_quick
    if n <= most:
        return list(samples)
    rng = np.random.default_rng(setup.config.random_state)
    folds = problem.without_groups().make_folds(-(-n // most), rng)
    chosen = folds == 0
    table = problem.neighbor_targets(np.arange(n)) > 0
    for column in table.T:
        lacking = _LEAST_EACH - int((column & chosen).sum())
        # Numbers have no members; of a class that is rare, all may be looked at.
        if lacking > 0 and (others := np.flatnonzero(column & ~chosen)).size:
            chosen[rng.permutation(others)[:lacking]] = True
    return [samples[i] for i in np.flatnonzero(chosen).tolist()]
