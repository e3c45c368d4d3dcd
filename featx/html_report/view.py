"""What differs between the pages of the tasks: charts, tables, which samples are shown, and how."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from featx._typing import Integers
from featx.html_report.evidence import Evidence
from featx.metrics.report import Report
from featx.pages.document import PageSection
from featx.pages.markup import Child

__all__ = ["ExampleGroup", "SliceScore", "TaskView", "axis_note", "frequent_colors"]

# Names that have a colour each.
_COLORS = 7


@dataclass(frozen=True, slots=True)
class SliceScore:
    """The score by which slices are compared.

    Attributes
    ----------
    name : str
    value : float
    low, high : float
        Its 95 % interval.
    """

    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ExampleGroup:
    """Samples that are shown together.

    Attributes
    ----------
    title : str
    lead : str
        Why these, in a sentence.
    indices : ndarray, integers
        The most telling first.
    """

    title: str
    lead: str
    indices: Integers


class TaskView(Protocol):
    """The account that a page gives of the answers of one task."""

    @property
    def higher_is_better(self) -> bool:
        """Return whether a greater score of a slice is the better one."""

    def tiles(self, report: Report) -> list[tuple[str, str, str]]:
        """Return the main figures: name, value, interval."""

    def sections(self, evidence: Evidence) -> list[PageSection]:
        """Return charts and tables of the answers."""

    def slice_score(self, report: Report) -> SliceScore | None:
        """Return the score of a slice from its report; None where it has none."""

    def examples(self, evidence: Evidence) -> list[ExampleGroup]:
        """Return which samples are worth looking at."""

    def caption(self, evidence: Evidence, index: int) -> list[Child]:
        """Return lines of text that say what one sample is and what the predictor says of it."""

    def colors(self, evidence: Evidence, indices: Integers) -> tuple[list[int], Sequence[str]]:
        """Return the series of each of these samples in the projection, and the names of the series."""


def axis_note(evidence: Evidence) -> str:
    """Return what there is to say of bands that know neither groups nor weights; '' where there are none."""
    if evidence.design.groups is None and evidence.design.weights is None:
        return ""
    return (
        "Bands and shares are those of single samples: groups and weights are not considered here."
    )


def frequent_colors(names_of: Sequence[str], others: str) -> tuple[list[int], list[str]]:
    """Return a colour of each sample by its name, and the names of the colours.

    The most frequent names have colours of their own, and all others one together.

    >>> frequent_colors(["b", "a", "b"], "classes")
    ([1, 0, 1], ['a', 'b'])
    """
    names = [name for name, _ in Counter(names_of).most_common()]
    shown = sorted(names[:_COLORS]) if len(names) > _COLORS + 1 else sorted(names)
    place = {name: number for number, name in enumerate(shown)}
    rest = [f"{len(names) - len(shown)} other {others}"] if len(names) > len(shown) else []
    return [place.get(name, len(shown)) for name in names_of], [*shown, *rest]
