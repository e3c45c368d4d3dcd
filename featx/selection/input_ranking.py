"""The quick pass over the backbones of each of several inputs, and over heads, in joint rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import Any, Literal

import numpy as np

from featx._typing import FloatArray
from featx.backbones.backbone import Backbone
from featx.backbones.providers import read_provider
from featx.catalog import Card
from featx.embedding.joint_rows import JointEmbedder, Missing, filled_block
from featx.errors import BadOption, FeatxError, first_line
from featx.inputs.input import Input
from featx.inputs.joint import blocks_of, open_joint
from featx.inputs.scaling import BlockScaling, InputBlock
from featx.inputs.spec import InputSpec
from featx.reporting.comparison import AS_NAMED, Contender, LeftOutBackbone
from featx.selection.candidates import BackboneCandidate, find_candidates
from featx.selection.clock import OutOfTime
from featx.selection.draws import draw_part
from featx.selection.input_costs import CostMeter, InputCost
from featx.selection.quick import quick_scores
from featx.selection.ranking import TIME_TO_RANK, RankingSetup, head_name, score_table
from featx.training_inputs import TrainingRows
from featx.tuning.block_weights import BlockWeights
from featx.tuning.search import tune
from featx.tuning.validation import heads_for

__all__ = ["InputChoices", "InputRanking", "JointChoice"]

_LATE = "time_limit was over before it was ranked"


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
        The size of all backbones of a choice above which it is left out.
    provider : str, default="cpu"
    """

    specs: tuple[InputSpec, ...]
    missing: Missing = "reject"
    backbones: Sequence[str | Card | Backbone] | None = None
    max_bytes: float | None = None
    provider: str = "cpu"

    def by_modality(self) -> dict[str, list[str | Card | Backbone]] | None:
        """Return named backbones by what they read; refuse those that read what no input holds."""
        if self.backbones is None:
            return None
        found: dict[str, list[str | Card | Backbone]] = {}
        kinds = sorted({one.kind for one in self.specs if one.has_backbone})
        for backbone in self.backbones:
            candidate = BackboneCandidate.of(backbone)
            modality = candidate.card.modality
            if modality not in kinds:
                raise BadOption(
                    f"{candidate.name} is a backbone for {modality}; the inputs with one are "
                    f"{', '.join(kinds) or 'none'}"
                )
            found.setdefault(modality, []).append(backbone)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class JointChoice:
    """A choice of inputs, their backbones and a head, with its joint rows.

    Attributes
    ----------
    name : str
    inputs : tuple of Input
        Those that are used.
    rows : ndarray of shape (n, d), float32, or None
        None where it is left behind, so that it takes no memory.
    weights : BlockWeights
    cost : InputCost
    head : str, estimator or None
    quick : mapping of str to float
    kind : {"named", "other", "without"}
    """

    name: str
    inputs: tuple[Input, ...]
    rows: FloatArray | None = field(repr=False)
    weights: BlockWeights
    cost: InputCost
    head: Any
    quick: Mapping[str, float] = field(default_factory=dict)
    kind: Literal["named", "other", "without"] = "other"

    @property
    def key(self) -> tuple[float, ...]:
        """Return what choices are sorted by in the quick pass, the greatest first."""
        return self.quick.get("head", -np.inf), self.quick.get("rank", -np.inf)


class InputRanking:
    """The quick pass over other backbones and heads, in joint rows with the inputs as they are named.

    Attributes
    ----------
    left_out : list of LeftOutBackbone
    """

    def __init__(
        self,
        setup: RankingSetup,
        choices: InputChoices,
        made: TrainingRows,
        named: Mapping[str, Sequence[str | Card | Backbone]] | None,
    ) -> None:
        self.setup, self.choices, self.made, self.backbones = setup, choices, made, named
        self.inputs, self.blocks = made.inputs, blocks_of(made.inputs)
        self.rows = made.rows.embeddings
        self.problem = setup.problem(made.rows)
        readable = set(made.rows.ids)
        self.samples = [one for one in setup.given.samples if one.id in readable]
        rng = np.random.default_rng(setup.config.random_state)
        self.some = draw_part(self.problem, setup.n_quick, rng)
        self.meter = CostMeter(self.samples)
        self.left_out: list[LeftOutBackbone] = []
        self.weights = BlockWeights(self.blocks)

    def run(self) -> list[JointChoice]:
        """Return the choices that are not left out: those as named, then the others by input, the best first.

        Those that are beaten have no rows any more.
        """
        cost = self.meter.measure(self.inputs)
        groups: list[list[JointChoice]] = []
        if self._keeps_to_limits(AS_NAMED, cost):
            quick = self._quick(self.rows, self.blocks)
            head = self.setup.heads[0]
            groups.append(
                [
                    JointChoice(
                        AS_NAMED, self.inputs, self.rows, self.weights, cost, head, quick, "named"
                    )
                ]
            )
        candidates = [
            (number, found)
            for number, one in enumerate(self.inputs)
            for found in self._candidates(one)
        ]
        groups += self._others(candidates)
        if len(self.setup.heads) > 1:
            total = sum(map(len, groups)) * len(self.setup.heads)
            for place, group in enumerate(groups):
                done = sum(map(len, groups[:place])) * len(self.setup.heads)
                groups[place] = self._with_heads(group, done, total)
            self.setup.clock.tell("ranking heads", total, total)
        return [one for group in groups for one in group]

    def without_each(self, head: Any) -> list[JointChoice]:
        """Return the inputs without each of them, with a head."""
        found = []
        for number, one in enumerate(self.inputs if len(self.inputs) > 1 else ()):
            name = f"without {one.name}"
            others = (*self.inputs[:number], *self.inputs[number + 1 :])
            cost = self.meter.measure(others)
            if self._keeps_to_limits(name, cost):
                weights = self.weights.without(number)
                found.append(
                    JointChoice(name, others, self.rows, weights, cost, head, kind="without")
                )
        return found

    def contender(self, one: JointChoice) -> Contender:
        """Return the line of a choice in the table, as the quick pass knows it."""
        blocks = [b for k, b in enumerate(one.weights.blocks) if k not in one.weights.left_out]
        cards = [used.card for used in one.inputs if used.has_backbone]
        return Contender(
            one.name,
            head_name(one.head, self.setup),
            False,
            dict(one.quick),
            milliseconds=one.cost.milliseconds,
            bytes=one.cost.bytes,
            dim=sum(block.width for block in blocks),
            license=", ".join(dict.fromkeys(card.license for card in cards if card.license)),
        )

    def _keeps_to_limits(self, name: str, cost: InputCost) -> bool:
        """Return whether a choice costs what it may; note what is left out."""
        reason = cost.describe_excess(
            max_milliseconds=self.setup.max_milliseconds, max_bytes=self.choices.max_bytes
        )
        if reason:
            self.left_out.append(LeftOutBackbone(name, reason))
        return not reason

    def _candidates(self, one: Input) -> list[BackboneCandidate]:
        """Return the other backbones of an input; note those that are left out."""
        if not one.has_backbone:
            return []
        own = None if self.backbones is None else self.backbones.get(one.kind, [])
        if own == []:
            return []
        provider = read_provider(self.choices.provider)
        candidates, without = find_candidates(own, one.kind, None, provider)
        self.left_out += [replace(each, name=f"{one.name}: {each.name}") for each in without]
        return [each for each in candidates if each.card.fingerprint != one.card.fingerprint]

    def _others(
        self, candidates: Sequence[tuple[int, BackboneCandidate]]
    ) -> list[list[JointChoice]]:
        """Return the best other backbones of each input by the quick pass."""
        groups: dict[int, list[JointChoice]] = {}
        for done, (number, candidate) in enumerate(candidates):
            name = f"{self.inputs[number].name}: {candidate.name}"
            try:
                found = self._with(number, candidate, (done, len(candidates)))
            except OutOfTime:
                self.left_out += [
                    LeftOutBackbone(f"{self.inputs[k].name}: {each.name}", _LATE)
                    for k, each in candidates[done:]
                ]
                break
            except FeatxError as error:
                if self.backbones is not None:
                    raise
                self.left_out.append(LeftOutBackbone(name, first_line(error)))
                continue
            group = groups.setdefault(number, [])
            group += [] if found is None else [found]
            group.sort(key=lambda one: one.key, reverse=True)
            for beaten in group[self.setup.best :]:
                reason = f"behind the best {self.setup.best} of the quick pass"
                self.left_out.append(LeftOutBackbone(beaten.name, reason))
            # What is left behind takes no memory.
            del group[self.setup.best :]
        self.setup.clock.tell("ranking", 1, 1)
        return list(groups.values())

    def _with(
        self, number: int, candidate: BackboneCandidate, place: tuple[int, int]
    ) -> JointChoice | None:
        """Return the inputs with another backbone for one of them, scored; None where it costs too much."""
        clock, n = self.setup.clock, len(self.samples)
        if clock.is_over(TIME_TO_RANK):
            raise OutOfTime
        one = self.inputs[number]
        name = f"{one.name}: {candidate.name}"
        inputs = (
            *self.inputs[:number],
            replace(one, source=candidate.card, filling=None),
            *self.inputs[number + 1 :],
        )
        size = InputCost(0.0, self.meter.count_bytes(inputs))
        if not self._keeps_to_limits(name, size):
            return None
        backbone = candidate.open()
        other = replace(inputs[number], source=replace(candidate.card, dim=backbone.dim))
        inputs = (*inputs[:number], other, *inputs[number + 1 :])
        cost = self.meter.measure(inputs, backbone.provider)
        if not self._keeps_to_limits(name, cost):
            return None
        embedder = open_joint((other,), backbone.provider)
        block = self._embed(embedder, ("ranking", place[0] * n, place[1] * n))
        tables = [self.rows[:, one.columns] for one in self.blocks]
        tables[number] = block
        joint, blocks = np.ascontiguousarray(np.concatenate(tables, axis=1)), blocks_of(inputs)
        quick = self._quick(joint, blocks)
        return JointChoice(
            name, inputs, joint, BlockWeights(blocks), cost, self.setup.heads[0], quick
        )

    def _embed(self, embedder: JointEmbedder, stage: tuple[str, int, int]) -> FloatArray:
        """Return the block of one input; that of samples without a value is the mean of the others.

        Raises
        ------
        BadOption
            A sample that the inputs as named could read cannot be read.
        """
        [part], clock = embedder.parts, self.setup.clock
        # Alone, a sample without a value would be one of which every input is missing.
        has_value = np.array([bool(part.values_of(one.data)) for one in self.samples])
        known = list(compress(self.samples, has_value))
        engine = replace(self.setup.engine, on_error="skip")
        rows = clock.embed(engine, known, embedder, stage, share=TIME_TO_RANK)
        if rows.rejects:
            first = rows.rejects[0]
            raise BadOption(
                f"cannot read {len(rows.rejects)} of {len(known)} samples: {first.id}: {first.reason}"
            )
        block = np.full((len(self.samples), embedder.dim), np.nan, np.float32)
        block[has_value] = rows.embeddings
        return filled_block(block)[0]

    def _quick(self, rows: FloatArray, blocks: Sequence[InputBlock]) -> dict[str, float]:
        """Return the scores of the quick pass of joint rows, all blocks of the same weight."""
        scaled = BlockScaling.fit(rows[self.some], blocks).apply(rows[self.some])
        problem = self.problem.subset(self.some)
        return score_table(quick_scores(scaled, problem, logme=self.setup.logme))

    def _with_heads(self, group: Sequence[JointChoice], done: int, total: int) -> list[JointChoice]:
        """Return choices with each of the heads by cross-validation on the quick pass, the best first.

        Where the time is over, those that are left are taken with the first head alone.
        """
        clock, problem = self.setup.clock, self.problem.subset(self.some)
        tried: list[JointChoice] = []
        for one in group:
            assert one.rows is not None
            rows = one.rows[self.some]
            for head in self.setup.heads:
                if clock.is_over(TIME_TO_RANK) and head is not self.setup.heads[0]:
                    name = f"{one.name} with {head_name(head, self.setup)}"
                    self.left_out.append(LeftOutBackbone(name, _LATE))
                    continue
                clock.tell("ranking heads", done + len(tried), total)
                config = replace(self.setup.with_head(head), blocks=one.weights)
                found = tune(heads_for(problem, config), rows, problem, config=config)
                score = {"head": found.score} if np.isfinite(found.score) else {}
                tried.append(replace(one, head=head, quick={**one.quick, **score}))
        tried.sort(key=lambda one: one.key, reverse=True)
        best = self.setup.best
        return [one if k < best else replace(one, rows=None) for k, one in enumerate(tried)]
