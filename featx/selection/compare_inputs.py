"""Compare backbones for each of several inputs, the others as they are, and what is lost without each input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from featx._typing import Doubles
from featx.errors import BadOption
from featx.inputs.joint import baseline_blocks, baseline_name
from featx.metrics.paired import Difference, paired_difference
from featx.metrics.resampling import Resampling
from featx.reporting.comparison import Comparison, Contender
from featx.selection.advice import against_baselines
from featx.selection.clock import OutOfTime
from featx.selection.input_ranking import InputChoices, InputRanking, JointChoice
from featx.selection.ranking import RankingSetup, head_name
from featx.training_inputs import embed_inputs, embed_raw_inputs
from featx.tuning import HeadConfig
from featx.tuning.block_weights import BlockWeights
from featx.tuning.fit_warnings import warn_once
from featx.tuning.validation import ValidationResult, cross_validate, is_nested

__all__ = ["compare_inputs"]

Measure = Callable[[Doubles], Doubles]


@dataclass(frozen=True, slots=True, eq=False)
class _Result:
    """A choice that was measured as ``fit`` measures."""

    choice: JointChoice
    found: ValidationResult
    score: float
    measure: Measure = field(repr=False)


def compare_inputs(setup: RankingSetup, choices: InputChoices) -> Comparison:
    """Return how good heads are with each backbone for each input, and without each input.

    A quick pass ranks the backbones of each input in joint rows with the others as they are named, and then
    the heads; the best ``setup.best`` of each are measured as ``fit`` measures, on the same folds, as are all
    inputs as they are named and all but each of them. A choice costs what all its inputs cost, and is left out
    where that is above a limit.

    Parameters
    ----------
    setup : RankingSetup
        Its ``given`` holds records.
    choices : InputChoices

    Raises
    ------
    BadOption
        A backbone is for samples that no input holds, or no choice keeps to the limits.
    BadSample
        A sample cannot be read, and the engine does not skip.
    """
    named = choices.by_modality()
    made = embed_inputs(setup.given.whole, choices.specs, setup.engine, choices.missing)
    ranking = InputRanking(setup, choices, made, named)
    ranked = ranking.run()
    seconds = setup.clock.seconds
    finals = _Finals(ranking)
    finals.run([one for one in ranked if one.rows is not None])
    measured = {id(one.choice) for one in finals.results}
    behind = sorted((one for one in ranked if id(one) not in measured), key=lambda one: one.key)
    best = finals.results[0] if finals.results else None
    baselines = finals.baselines()
    return Comparison(
        task=setup.task.name,
        score=ranking.problem.score_name,
        n=len(setup.given.samples),
        n_quick=len(ranking.some),
        n_measured=len(best.found.tested) if best else 0,
        method=best.found.method if best else "",
        contenders=(
            *map(finals.contender, finals.results),
            *map(ranking.contender, reversed(behind)),
            *baselines,
        ),
        left_out=tuple(ranking.left_out),
        notes=tuple(finals.notes(baselines)),
        timings={"quick pass": seconds, "measuring": setup.clock.seconds - seconds},
    )


class _Finals:
    """The choices measured as ``fit`` measures, all on the same folds, with baselines beside.

    Attributes
    ----------
    results : list of _Result
        The best first.
    """

    def __init__(self, ranking: InputRanking) -> None:
        self.ranking, self.setup, self.problem = ranking, ranking.setup, ranking.problem
        self.nested = is_nested(ranking.rows, self.problem, self.setup.config)
        self.results: list[_Result] = []
        self.late: list[str] = []
        self._lacks_baseline = False

    def run(self, ranked: Sequence[JointChoice]) -> None:
        """Measure choices one after the other, then all inputs but each; what comes too late is noted.

        Raises
        ------
        BadOption
            There is nothing to measure.
        """
        self._measure_all(ranked)
        done = [one for one in self.results if one.choice.kind == "named"] or self.results
        head = max(done, key=lambda one: one.score).choice.head if done else self.setup.heads[0]
        without = self.ranking.without_each(head)
        if not ranked and not without:
            first = "; ".join(f"{one.name}: {one.reason}" for one in self.ranking.left_out[:3])
            raise BadOption(
                f"inputs: expected one choice or more to compare, none is left: {first}"
            )
        self._measure_all(without)
        self.results.sort(key=lambda one: one.score, reverse=True)

    def _measure_all(self, choices: Sequence[JointChoice]) -> None:
        for place, choice in enumerate(choices):
            try:
                self.results.append(self._measure(choice))
            except OutOfTime:
                self.late += [one.name for one in choices[place:]]
                break

    def _measure(self, choice: JointChoice) -> _Result:
        """Return a choice as ``fit`` measures it."""
        clock = self.setup.clock

        def tell(stage: str, done: int, total: int, /) -> None:
            clock.tell(f"{choice.name}: {stage}", done, total)
            if clock.is_over():
                raise OutOfTime

        if clock.is_over():
            raise OutOfTime
        assert choice.rows is not None
        config: HeadConfig = replace(
            self.setup.with_head(choice.head), blocks=choice.weights, progress=tell
        )
        with warn_once():
            found = cross_validate(choice.rows, self.problem, config, nested=self.nested)
        measure = self.problem.measure(found.predictions, found.tested)
        score = float(measure(self._resampling(found).whole())[0])
        return _Result(choice, found, score, measure)

    def contender(self, one: _Result) -> Contender:
        """Return the line of a choice in the table."""
        return replace(
            self.ranking.contender(one.choice),
            score=one.score,
            interval=one.found.report.intervals.get(self.problem.score_name),
            difference=None if one is self.results[0] else self._apart(self.results[0], one),
        )

    def baselines(self) -> list[Contender]:
        """Return what needs no features, and what the same head reaches without any backbone."""
        if not self.results:
            return []
        best, name = self.results[0].found, self.problem.score_name
        trivial, scores = self.setup.task.trivial_baseline(best.report)
        score = scores.get(name, float("nan"))
        constant = self._apart_from(lambda weights: np.full(len(weights), score))
        found = [Contender(trivial, "", True, {}, scores.get(name), None, constant)]
        inputs = self.ranking.inputs
        if not (raw_name := baseline_name(inputs)):
            return found
        self._lacks_baseline = self.setup.clock.is_over()
        if self._lacks_baseline:
            return found
        engine = replace(self.setup.engine, on_error="fail")
        rows = embed_raw_inputs(self.ranking.samples, inputs, engine).embeddings
        weights, head = BlockWeights(baseline_blocks(inputs)), self.results[0].choice.head
        config = replace(self.setup.with_head(head), blocks=weights)
        with warn_once():
            result = cross_validate(rows, self.problem, config, nested=self.nested)
        measure = self.problem.measure(result.predictions, result.tested)
        score = float(measure(self._resampling(result).whole())[0])
        interval, title = result.report.intervals.get(name), f"the same head on {raw_name}"
        behind = self._apart_from(measure)
        return [*found, Contender(title, "", True, {}, score, interval, behind)]

    def notes(self, baselines: Sequence[Contender]) -> list[str]:
        """Return what follows, in sentences."""
        if not self.results:
            return ["No time was left to measure any as fit measures: the quick pass alone ranks."]
        said = self._advice()
        said += against_baselines(self.contender(self.results[0]), baselines)
        if self._lacks_baseline:
            said.append("No time was left to measure the baseline without a backbone.")
        if self.late:
            said.append(f"No time was left to measure {', '.join(self.late)} as fit measures.")
        return said

    def _advice(self) -> list[str]:
        """Return what is better than the inputs as named, and what can be left out, beyond chance."""
        named = next((one for one in self.results if one.choice.kind == "named"), None)
        if named is None:
            return []
        said = []
        for one in self.results:
            if one.choice.kind == "named" or (apart := self._apart(one, named)) is None:
                continue
            several = len(self.setup.heads) > 1
            name = one.choice.name
            if several:
                name += f" with {head_name(one.choice.head, self.setup)}"
            if one.choice.kind == "other" and apart.low is not None and apart.low > 0:
                said.append(f"{name} is better than what is named by {apart}.")
            lost = apart.high is not None and apart.high < 0
            if one.choice.kind == "without" and not lost:
                said.append(f"{one.choice.name} nothing is lost beyond chance ({apart}).")
        if not said and not self.late:
            said.append("No other choice is better beyond chance, and no input can be left out.")
        return said

    def _apart_from(self, measure: Measure) -> Difference | None:
        """Return by how much the best choice is above what a function measures on the same samples."""
        best, seed = self.results[0], self.setup.config.random_state
        return paired_difference(best.measure, measure, self._resampling(best.found), seed)

    def _apart(self, first: _Result, second: _Result) -> Difference | None:
        """Return by how much one choice is above another on the same samples."""
        resampling, seed = self._resampling(first.found), self.setup.config.random_state
        return paired_difference(first.measure, second.measure, resampling, seed)

    def _resampling(self, found: ValidationResult) -> Resampling:
        design = self.problem.design.subset(found.tested)
        return Resampling.of(len(found.tested), design.groups, design.weights)
