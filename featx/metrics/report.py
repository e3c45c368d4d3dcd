"""What every report of measuring offers, whichever the task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from types import MappingProxyType, NoneType
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

from featx._display import TextTable, html_page, plain_line
from featx.errors import BadLabels
from featx.metrics.answers import AnswerReport

__all__ = [
    "MeasuredReport",
    "Report",
    "ShownReport",
    "answers_entry",
    "check_fields",
    "read_answers",
    "reading_report",
]

# The types of fields whose annotation names them; a whole number stands for any.
_PLAIN: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {
        "int": (int,),
        "float": (int, float),
        "str": (str,),
        "float | None": (int, float, NoneType),
        "str | None": (str, NoneType),
    }
)


def check_fields(record: Any) -> None:
    """Raise TypeError where a number or text of a dataclass is of another type than its field says.

    A file may hold anything; what is neither a number nor a text is not looked at.
    """
    for one in fields(record):
        expected, value = _PLAIN.get(str(one.type)), getattr(record, one.name)
        if expected and (isinstance(value, bool) or not isinstance(value, expected)):
            raise TypeError(f"{one.name} = {value!r:.40}: expected {one.type}")


@contextmanager
def reading_report(name: str) -> Iterator[None]:
    """Turn what a table that is no report makes Python raise into BadLabels.

    Parameters
    ----------
    name : str
        The kind of report, such as "classification".
    """
    try:
        yield
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise BadLabels(f"not the JSON of a {name} report: {error}") from error


def answers_entry(answers: AnswerReport | None) -> dict[str, Any]:
    """Return what a report's table has of answers: nothing where nothing was asked.

    >>> answers_entry(None)
    {}
    """
    return {} if answers is None else {"answers": answers.to_dict()}


def read_answers(table: Mapping[str, Any]) -> AnswerReport | None:
    """Return what the table of a report has of answers; None where it has nothing.

    >>> read_answers({}) is None
    True
    """
    entry = table.get("answers")
    if entry is None:
        return None
    answers = AnswerReport.from_dict(entry)
    check_fields(answers)
    return answers


class ShownReport(ABC):
    """A report that shows itself as lines of its scores, tables and notes."""

    __slots__ = ()

    def format_table(self) -> str:
        """Return the report as lines of text."""
        tables = "\n\n".join(table.to_text() for table in self._tables())
        lines, notes = (map(plain_line, texts) for texts in (self._score_lines(), self._notes()))
        return "\n".join([*lines, "", tables, *notes])

    def __repr__(self) -> str:
        return self.format_table()

    def sections(self) -> list[str | TextTable]:
        """Return the report as paragraphs and tables, for a notebook or a page."""
        return [*self._score_lines(), *self._tables(), *self._notes()]

    def _repr_html_(self) -> str:
        return html_page(self.sections())

    @abstractmethod
    def _score_lines(self) -> list[str]:
        """Return a line for each score of the whole."""

    @abstractmethod
    def _tables(self) -> list[TextTable]:
        """Return the scores of classes, labels or numbers."""

    def _notes(self) -> list[str]:
        """Return what else there is to say."""
        return []


class MeasuredReport(ShownReport):
    """A report on answers whose truth is known, with what was measured of sets and of what is answered."""

    __slots__ = ()

    if TYPE_CHECKING:
        answers: AnswerReport | None

    def with_answers(self, answers: AnswerReport) -> Self:
        """Return the report with what was measured of sets and answers."""
        # It is a frozen dataclass.
        changed: Any = self
        return cast("Self", replace(changed, answers=answers))

    def _score_lines(self) -> list[str]:
        return [*self._own_lines(), *(self.answers.lines() if self.answers else ())]

    @abstractmethod
    def _own_lines(self) -> list[str]:
        """Return a line for each score of the answers."""


class Report(Protocol):
    """Measured scores with 95 % intervals, of one task; ``ClassificationReport`` is one.

    Attributes
    ----------
    n : int
        Samples that were measured.
    intervals : mapping of str to (float, float)
        The 95 % interval of each main score, by the name of its attribute.
    answers : AnswerReport or None
        What was measured of sets and answers, where the predictor was ``with_abstention``.

    Examples
    --------
    >>> from featx.metrics.classification import evaluate_predictions
    >>> report: Report = evaluate_predictions(list("aabb"), list("aaba"))
    >>> report.n, sorted(report.intervals)
    (4, ['accuracy', 'balanced_accuracy', 'macro_f1'])
    """

    @property
    def n(self) -> int:
        """Return the number of samples that were measured."""

    @property
    def intervals(self) -> Mapping[str, tuple[float, float]]:
        """Return the 95 % interval of each main score, by its name."""

    @property
    def answers(self) -> AnswerReport | None:
        """Return what was measured of sets and answers; None where nothing was asked."""

    def with_answers(self, answers: AnswerReport) -> Self:
        """Return the report with what was measured of sets and answers."""

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""

    def to_frame(self) -> Any:
        """Return its table as a pandas DataFrame."""

    def list_errors(self) -> tuple[dict[str, type], list[dict[str, Any]], str]:
        """Return the columns of a table of wrong predictions, its records, and how many there are in words.

        Raises
        ------
        BadOption
            The report knows none of single samples.
        """

    def format_table(self) -> str:
        """Return the report as lines of text."""

    def sections(self) -> list[str | TextTable]:
        """Return the report as paragraphs and tables, for a notebook or a page."""
