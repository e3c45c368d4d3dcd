"""The rows of a comparison and its sentences, from what was ranked and what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from featx.metrics.paired import Difference
from featx.reporting.comparison import Contender
from featx.selection.advice import advise, gain_of_doubling
from featx.selection.choice import choose_first
from featx.selection.finals import Finals, Measured
from featx.selection.ranking import RankedBackbone, RankingSetup, head_name

__all__ = ["ComparisonTable"]

AVERAGE = "best on average elsewhere"


class ComparisonTable:
    """The contenders of a comparison in order, and what follows from them.

    Parameters
    ----------
    setup : RankingSetup
    entries : sequence of RankedBackbone
        The best of the quick pass first.
    finals : Finals
    average : RankedBackbone or None
        The backbone that does best on average on other sets.
    n_quick : int
        Samples of the quick pass.
    """

    def __init__(
        self,
        setup: RankingSetup,
        entries: Sequence[RankedBackbone],
        finals: Finals,
        average: RankedBackbone | None,
        n_quick: int,
    ) -> None:
        self.setup, self.entries, self.finals = setup, entries, finals
        # The quick score counts all classes the same where that is asked for, and the measured one does not.
        comparable = 0 if setup.config.class_weight == "balanced" else n_quick
        self.measured = choose_first(finals, comparable, setup.config.random_state)
        self._backbones = [self._backbone(one) for one in self.measured]
        self._baselines = [
            Contender(one.name, "", True, {}, one.score, one.interval, self._behind(one))
            for one in finals.measured
            if one.entry is None
        ]
        self._average = [
            replace(
                Contender(f"{AVERAGE}: {row.name}", row.head, True, {}),
                score=row.score,
                interval=row.interval,
                difference=row.difference,
            )
            for one, row in zip(self.measured, self._backbones, strict=True)
            if one.entry is average
        ]

    @property
    def winner(self) -> RankedBackbone:
        """The backbone and the head to take; by the quick pass alone where none was measured."""
        entry = self.measured[0].entry if self.measured else self.entries[0]
        assert entry is not None
        return entry

    def contenders(self) -> tuple[Contender, ...]:
        """Return backbones, the best first, then the baselines."""
        done = {id(one.entry) for one in self.measured}
        others = [self._ranked(one) for one in self.entries if id(one) not in done]
        return (*self._backbones, *others, *self._baselines, *self._average)

    def notes(self) -> tuple[str, ...]:
        """Return what follows, in sentences."""
        if not self.measured:
            return ("No time was left to measure any as fit measures: the quick pass alone ranks.",)
        best, *others = self._backbones
        gain = gain_of_doubling(self.winner, self.setup)
        n = len(self.setup.given.samples)
        notes = advise(best, others, self._baselines, n=n, gain=gain)
        if others and (others[0].score or 0.0) > (best.score or 0.0):
            notes.insert(0, _first_of_two_scores(best, others[0]))
        if len(self._baselines) < 2:
            notes.append("No time was left to measure the baseline without a backbone.")
        missed = min(self.setup.best, len(self.entries)) - len(self.measured)
        if missed > 0:
            notes.append(f"No time was left to measure {missed} more of the best as fit measures.")
        return tuple(notes)

    def _behind(self, one: Measured) -> Difference | None:
        """Return by how much the best is above another."""
        seed = self.setup.config.random_state
        return self.finals.difference(self.measured[0], one, seed)

    def _ranked(self, entry: RankedBackbone) -> Contender:
        card = entry.candidate.card
        return Contender(
            name=entry.candidate.name,
            head=head_name(entry.head, self.setup),
            quick=entry.quick,
            milliseconds=entry.milliseconds,
            bytes=entry.candidate.bytes,
            dim=entry.dim,
            license=card.license,
        )

    def _backbone(self, one: Measured) -> Contender:
        assert one.entry is not None
        is_best = one is self.measured[0]
        return replace(
            self._ranked(one.entry),
            score=one.score,
            interval=one.interval,
            difference=None if is_best else self._behind(one),
        )


def _first_of_two_scores(first: Contender, other: Contender) -> str:
    """Return why one with the lower measured score stands first."""
    names = [
        one.name if first.head == other.head else f"{one.head} on {one.name}"
        for one in (first, other)
    ]
    return (
        f"{names[0]} is first by the quick and the measured score together; by the measured one alone it "
        f"cannot be told from {names[1]}."
    )
