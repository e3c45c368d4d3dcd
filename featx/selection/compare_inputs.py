"""Compare backbones for each of several inputs, the others as they are, and what is lost without each input."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from featx._typing import Doubles, FloatArray
from featx.backbones.backbone import Backbone
from featx.backbones.providers import read_provider
from featx.catalog import Card
from featx.embedding.joint_rows import Missing, filled_rows
from featx.embedding.rows import Rows
from featx.errors import BadOption, FeatxError, first_line
from featx.inputs.input import Input
from featx.inputs.joint import blocks_of, open_joint
from featx.inputs.scaling import BlockScaling, InputBlock
from featx.inputs.spec import InputSpec
from featx.metrics.paired import paired_difference
from featx.metrics.resampling import Resampling
from featx.reporting.comparison import AS_NAMED, Comparison, Contender, LeftOutBackbone
from featx.selection.candidates import BackboneCandidate, find_candidates
from featx.selection.draws import draw_part
from featx.selection.quick import quick_scores
from featx.selection.ranking import RankingSetup, head_name
from featx.training_inputs import TrainingRows, embed_inputs
from featx.tuning import HeadConfig
from featx.tuning.block_weights import BlockWeights
from featx.tuning.fit_warnings import warn_once
from featx.tuning.validation import ValidationResult, cross_validate, is_nested

__all__ = ["InputChoices", "compare_inputs"]


@dataclass(frozen=True, slots=True)
class InputChoices:
    """The plan of a comparison for several inputs.

    Attributes
    ----------
    specs : tuple of InputSpec
    missing : {"reject", "zero"}
    backbones : sequence of str, Card or Backbone, or None
        Those that are tried for the inputs that they can read; None: all that are on this machine.
    max_bytes : float or None
        The size above which backbones are left out.
    provider : str, default="cpu"
    """

    specs: tuple[InputSpec, ...]
    missing: Missing = "reject"
    backbones: Sequence[str | Card | Backbone] | None = None
    max_bytes: float | None = None
    provider: str = "cpu"


@dataclass(frozen=True, slots=True, eq=False)
class _Tried:
    """A choice of inputs with its joint rows."""

    name: str
    rows: FloatArray = field(repr=False)
    weights: BlockWeights
    candidate: BackboneCandidate | None = None
    quick: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Result:
    """A choice that was measured as ``fit`` measures."""

    tried: _Tried
    found: ValidationResult
    score: float
    measure: Callable[[Doubles], Doubles] = field(repr=False)


def compare_inputs(setup: RankingSetup, choices: InputChoices) -> Comparison:
    """Return how good a head is with each backbone for each input, and without each input.

    A quick pass ranks the backbones of each input in joint rows with the others as they are named; the best
    ``setup.best`` of each are measured as ``fit`` measures, on the same folds, as are all inputs as they are
    named and all but each of them.

    Parameters
    ----------
    setup : RankingSetup
        Its ``given`` holds records.
    choices : InputChoices

    Raises
    ------
    BadOption
        A backbone is for samples that no input holds.
    BadSample
        A sample cannot be read, and the engine does not skip.
    """
    start = time.perf_counter()
    made = embed_inputs(setup.given.whole, choices.specs, setup.engine, choices.missing)
    stage = _Stage(setup, made)
    others, left_out = stage.with_others(choices)
    ranked = time.perf_counter()
    results = [stage.measure(tried) for tried in (stage.as_named, *others, *stage.without_each())]
    results.sort(key=lambda one: one.score, reverse=True)
    contenders = [stage.contender(one, results[0]) for one in results]
    best = results[0].found
    trivial, scores = setup.task.trivial_baseline(best.report)
    baseline = Contender(trivial, "", True, {}, scores.get(stage.problem.score_name))
    return Comparison(
        task=setup.task.name,
        score=stage.problem.score_name,
        n=len(setup.given.samples),
        n_quick=len(stage.some),
        n_measured=len(best.tested),
        method=best.method,
        contenders=(*contenders, baseline),
        left_out=tuple(left_out),
        notes=tuple(stage.notes(results)),
        timings={"quick pass": ranked - start, "measuring": time.perf_counter() - ranked},
    )


class _Stage:
    """Joint rows of the inputs as they are named, and the targets, on which all choices are measured."""

    def __init__(self, setup: RankingSetup, made: TrainingRows) -> None:
        self.setup, self.made = setup, made
        self.inputs, self.blocks = made.inputs, blocks_of(made.inputs)
        self.problem = setup.problem(made.rows)
        self.config = setup.with_head(setup.heads[0])
        readable = set(made.rows.ids)
        self.samples = [one for one in setup.given.samples if one.id in readable]
        rng = np.random.default_rng(setup.config.random_state)
        self.some = draw_part(self.problem, setup.n_quick, rng)
        self.nested = is_nested(made.rows.embeddings, self.problem, self.config)
        self.as_named = _Tried(AS_NAMED, made.rows.embeddings, BlockWeights(self.blocks))

    def without_each(self) -> list[_Tried]:
        """Return the inputs without each of them."""
        if len(self.inputs) < 2:
            return []
        weights = self.as_named.weights
        return [
            _Tried(f"without {one.name}", self.as_named.rows, weights.without(number))
            for number, one in enumerate(self.inputs)
        ]

    def with_others(self, choices: InputChoices) -> tuple[list[_Tried], list[LeftOutBackbone]]:
        """Return the best other backbones of each input by the quick pass, and those left out."""
        found: list[_Tried] = []
        left_out: list[LeftOutBackbone] = []
        named = _by_modality(choices.backbones, self.inputs)
        for number, one in enumerate(self.inputs):
            if not one.has_backbone:
                continue
            own = None if named is None else named.get(one.kind, [])
            if own == []:
                continue
            provider = read_provider(choices.provider)
            candidates, without = find_candidates(own, one.kind, None, provider)
            left_out += [replace(each, name=f"{one.name}: {each.name}") for each in without]
            ranked: list[_Tried] = []
            for candidate in candidates:
                if candidate.card.fingerprint == one.card.fingerprint:
                    continue
                if candidate.is_above(choices.max_bytes):
                    reason = candidate.describe_size(choices.max_bytes)
                    left_out.append(LeftOutBackbone(f"{one.name}: {candidate.name}", reason))
                    continue
                try:
                    ranked.append(self._with(number, candidate))
                except FeatxError as error:
                    if named is not None:
                        raise
                    name = f"{one.name}: {candidate.name}"
                    left_out.append(LeftOutBackbone(name, first_line(error)))
                ranked.sort(key=lambda tried: -(tried.quick or -np.inf))
                for beaten in ranked[self.setup.best :]:
                    reason = f"behind the best {self.setup.best} of the quick pass"
                    left_out.append(LeftOutBackbone(beaten.name, reason))
                # What is left behind takes no memory.
                ranked = ranked[: self.setup.best]
            found += ranked
        return found, left_out

    def _with(self, number: int, candidate: BackboneCandidate) -> _Tried:
        """Return the inputs with another backbone for one of them, scored by the quick pass."""
        one = self.inputs[number]
        backbone = candidate.open()
        card = replace(candidate.card, dim=backbone.dim)
        other = replace(one, source=card, filling=None)
        embedder = open_joint((other,), backbone.provider)
        engine = replace(self.setup.engine, on_error="skip")
        rows = engine.embed(self.samples, embedder)
        if rows.rejects:
            first = rows.rejects[0]
            raise BadOption(
                f"cannot read {len(rows.rejects)} of {len(self.samples)} samples: {first.id}: {first.reason}"
            )
        rows, _ = filled_rows(rows, embedder.parts)
        joint, blocks = self._replaced(number, rows, other)
        scaled = BlockScaling.fit(joint[self.some], blocks).apply(joint[self.some])
        quick = quick_scores(scaled, self.problem.subset(self.some))
        name = f"{one.name}: {candidate.name}"
        return _Tried(name, joint, BlockWeights(blocks), candidate, float(quick.rank))

    def _replaced(
        self, number: int, rows: Rows, other: Input
    ) -> tuple[FloatArray, tuple[InputBlock, ...]]:
        """Return joint rows with other columns for one input, and their blocks."""
        table = self.as_named.rows
        tables = [table[:, block.columns] for block in self.blocks]
        tables[number] = rows.embeddings
        inputs = (*self.inputs[:number], other, *self.inputs[number + 1 :])
        return np.ascontiguousarray(np.concatenate(tables, axis=1)), blocks_of(inputs)

    def measure(self, tried: _Tried) -> _Result:
        """Return a choice as ``fit`` measures it."""
        clock = self.setup.clock

        def tell(stage: str, done: int, total: int, /) -> None:
            clock.tell(f"{tried.name}: {stage}", done, total)

        config: HeadConfig = replace(self.config, blocks=tried.weights, progress=tell)
        with warn_once():
            found = cross_validate(tried.rows, self.problem, config, nested=self.nested)
        measure = self.problem.measure(found.predictions, found.tested)
        score = float(measure(self._resampling(found).whole())[0])
        return _Result(tried, found, score, measure)

    def contender(self, one: _Result, best: _Result) -> Contender:
        """Return the line of a choice in the table."""
        candidate = one.tried.candidate
        quick = {} if one.tried.quick is None else {"rank": one.tried.quick}
        difference = None
        if one is not best:
            resampling = self._resampling(best.found)
            seed = self.setup.config.random_state
            difference = paired_difference(best.measure, one.measure, resampling, seed)
        weights = one.tried.weights
        used = [b for k, b in enumerate(weights.blocks) if k not in weights.left_out]
        return Contender(
            one.tried.name,
            head_name(self.config.head, self.setup),
            False,
            quick,
            one.score,
            one.found.report.intervals.get(self.problem.score_name),
            difference,
            bytes=None if candidate is None else candidate.bytes,
            dim=sum(block.width for block in used),
            license="" if candidate is None else candidate.card.license,
        )

    def notes(self, results: Sequence[_Result]) -> list[str]:
        """Return what follows, in sentences."""
        named = next(one for one in results if one.tried is self.as_named)
        resampling = self._resampling(named.found)
        said = []
        for one in results:
            if one is named:
                continue
            seed = self.setup.config.random_state
            apart = paired_difference(one.measure, named.measure, resampling, seed)
            if apart is None:
                continue
            if one.tried.candidate is not None and apart.low is not None and apart.low > 0:
                said.append(f"{one.tried.name} is better than what is named by {apart}.")
            left = one.tried.weights.left_out
            if left and not (apart.high is not None and apart.high < 0):
                said.append(f"{one.tried.name} nothing is lost beyond chance ({apart}).")
        if not said:
            said.append("No other choice is better beyond chance, and no input can be left out.")
        return said

    def _resampling(self, found: ValidationResult) -> Resampling:
        design = self.problem.design.subset(found.tested)
        return Resampling.of(len(found.tested), design.groups, design.weights)


def _by_modality(
    backbones: Sequence[str | Card | Backbone] | None, inputs: Sequence[Input]
) -> dict[str, list[str | Card | Backbone]] | None:
    """Return named backbones by what they read; refuse those that read what no input holds."""
    if backbones is None:
        return None
    found: dict[str, list[str | Card | Backbone]] = {}
    kinds = sorted({one.kind for one in inputs if one.has_backbone})
    for backbone in backbones:
        candidate = BackboneCandidate.of(backbone)
        modality = candidate.card.modality
        if modality not in kinds:
            raise BadOption(
                f"{candidate.name} is a backbone for {modality}; the inputs with one are "
                f"{', '.join(kinds) or 'none'}"
            )
        found.setdefault(modality, []).append(backbone)
    return found
