"""One self-contained page on a predictor: made of its own account, or of labelled samples."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, get_args

from featx._display import TextTable
from featx.audit.findings import AuditReport
from featx.embedding.engine import Engine
from featx.errors import BadOption, FeatxWarning, check_iterable, wrong_type
from featx.html_report.audit import audit_section
from featx.html_report.background import baseline_parts, identity, making, training_section
from featx.html_report.classes import ClassificationView
from featx.html_report.curve import curve_section
from featx.html_report.details import Explain, SampleDetails
from featx.html_report.evidence import Evidence, evidence_of_samples, evidence_of_training
from featx.html_report.examples import example_parts
from featx.html_report.label_sets import MultilabelView
from featx.html_report.numbers import RegressionView
from featx.html_report.projection import projection_chart
from featx.html_report.slices import slice_parts
from featx.html_report.view import TaskView
from featx.metrics.report import Report
from featx.modalities.showing import Budget
from featx.pages.charts import charts
from featx.pages.document import Page, PageSection, notes, tiles
from featx.pages.markup import Child
from featx.pages.tables import html_table
from featx.predictor import Predictor, check_predictor
from featx.selection.curve_report import LearningCurve
from featx.sources import Sample, make_samples
from featx.storage.address import to_path
from featx.storage.atomic import replace_text

if TYPE_CHECKING:
    from featx.storage.remote import RemotePath

__all__ = ["HtmlReport", "ReportOptions", "report"]

VIEWS: Mapping[str, type[TaskView]] = MappingProxyType(
    {
        "classification": ClassificationView,
        "multilabel": MultilabelView,
        "regression": RegressionView,
    }
)


# The most bytes of a page, characters of its media, and those of an example besides its picture.
_LARGEST, _MOST_MEDIA, _EXAMPLE = 1_950_000, 1_400_000, 800
# A page that is larger is told.
_TOLD = 2_000_000
_FOOTER = "Intervals are of 95 %. This page runs no script and asks no network."


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """The choice of what a page shows besides what every predictor has.

    Attributes
    ----------
    name : str, default="this predictor"
        What the predictor is called in the title, such as "flowers.featx".
    slices : sequence of str, default=None
        Columns of the samples by which they are divided; None: all that have values in common.
    targets : sequence of str, default=()
        Columns of the targets, which make no slices.
    examples : int, default=60
        Samples that are shown, with thumbnails, texts or players; 0 shows none.
    explain : {"auto", "occlusion", "none"}, default="auto"
        Whether samples are explained: where their scores are exact sums over places, by hiding one place after
        the other, or not.
    audit : AuditReport or bool, default=True
        An audit to be shown; True makes one of the rows of the samples, where they are not too many.
    curve : LearningCurve, default=None
        One that was computed, to be shown.
    ignore_label_case : bool, default=False
        See ``evaluate``.
    made_with : mapping of str to str
        The versions of the libraries that wrote the predictor, where they are known.

    Examples
    --------
    >>> ReportOptions(name="flowers.featx").examples
    60
    """

    name: str = "this predictor"
    slices: Sequence[str] | None = None
    targets: Sequence[str] = ()
    examples: int = 60
    explain: Explain = "auto"
    audit: AuditReport | bool = True
    curve: LearningCurve | None = None
    ignore_label_case: bool = False
    made_with: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HtmlReport:
    """One page that holds all that it needs; ``report`` makes it.

    Attributes
    ----------
    html : str
        The whole document.

    Examples
    --------
    >>> import featx, numpy as np
    >>> images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    >>> predictor = featx.fit(images, ["dark"] * 3 + ["light"] * 3)
    >>> HtmlReport("<!doctype html>…")
    HtmlReport(18 bytes; save it with save(path))
    """

    html: str = field(repr=False)

    def __repr__(self) -> str:
        size = len(self.html.encode())
        return f"HtmlReport({size:,} bytes; save it with save(path))"

    def save(self, path: str | os.PathLike[str] | RemotePath) -> Path | RemotePath:
        """Write the page and return where it is; a file that is there is replaced as a whole.

        Raises
        ------
        OutputFailed
            It cannot be written.
        """
        target = to_path(path)
        replace_text(target, self.html)
        return target

    def _repr_html_(self) -> str:
        # in a frame of its own, so that its style is not the notebook's
        style = "width:100%;height:40rem"
        return (
            f'<iframe title="report" style="{style}" sandbox srcdoc="{escape(self.html)}"></iframe>'
        )


def report(
    predictor: Predictor,
    samples: Iterable[Any] | None = None,
    labels: Any = None,
    *,
    training: Iterable[Any] = (),
    options: ReportOptions | None = None,
    engine: Engine | None = None,
) -> HtmlReport:
    """Return one page on a predictor, which opens from disk without a network and runs no script.

    It shows what the predictor is, its scores with intervals beside baselines, what it takes for what,
    how true its probabilities are, the classes, labels or numbers and the slices of the samples on which
    it is worst, errors that are worth looking at, and how to make it again.

    Parameters
    ----------
    predictor : Predictor
    samples : iterable of Sample, or of anything that the backbone reads, default=None
        Labelled samples to measure it on; None: what it kept of its training, where each sample was
        answered by a head that had not seen it.
    labels : sequence, default=None
        One a sample; None where the samples bring their own.
    training : iterable of Sample, default=()
        The training samples, to show those that are near to an error and, without ``samples``, the errors.
    options : ReportOptions, default=None
    engine : Engine, default=None
        How to run; with ``on_error="skip"`` samples that cannot be read are left out.

    Returns
    -------
    HtmlReport
        Less than 2 MB: thumbnails, sounds and explanations that would make it larger are left out.

    Raises
    ------
    BadLabels
        A sample has no label, there is none, or the predictor knows none of them.
    BadSample
        A sample cannot be read.
    BadOption
        No sample has a column of ``options.slices``, or another option cannot be used.

    Warns
    -----
    FeatxWarning
        As ``evaluate``; or the page is larger nevertheless, for ids or labels are very long.

    Examples
    --------
    >>> import featx, numpy as np
    >>> images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    >>> predictor = featx.fit(images, ["dark"] * 3 + ["light"] * 3)
    >>> unseen = [np.full((9, 9, 3), value, np.uint8) for value in (10, 230)]
    >>> page = report(predictor, unseen, ["dark", "light"])
    >>> "Confusion matrix" in page.html
    True
    """
    check_predictor(predictor)
    if options is not None and not isinstance(options, ReportOptions):
        raise wrong_type("options", options, "ReportOptions")
    options = options or ReportOptions()
    if options.explain not in get_args(Explain):
        listed = ", ".join(get_args(Explain))
        raise BadOption(f"explain = {options.explain!r:.60}: expected one of {listed}")
    if not isinstance(options.examples, int) or options.examples < 0:
        raise BadOption(f"examples = {options.examples!r}: expected a whole number, 0 or more")
    if samples is not None:
        check_iterable("samples", samples, "a list of inputs")
    known = make_samples(training)
    evidence, said = _measured(predictor, samples, labels, known, options, engine)
    view = VIEWS[predictor.task_name]()
    html = _page(predictor, evidence, view, options, said, known).to_html()
    if (size := len(html.encode())) > _TOLD:
        warnings.warn(
            f"the page has {size / 1e6:.1f} MB: labels or ids are long; examples=0 makes it smaller",
            FeatxWarning,
            stacklevel=2,
        )
    return HtmlReport(html)


def _measured(
    predictor: Predictor,
    samples: Iterable[Any] | None,
    labels: Any,
    training: Sequence[Sample],
    options: ReportOptions,
    engine: Engine | None,
) -> tuple[Evidence | None, list[str]]:
    """Return the answers that are shown, and what there was to say of their samples, which is said as well."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FeatxWarning)
        if samples is None:
            evidence = evidence_of_training(predictor, training)
        else:
            evidence = evidence_of_samples(
                predictor,
                list(samples),
                labels,
                engine=engine,
                ignore_label_case=options.ignore_label_case,
            )
    said = list(
        dict.fromkeys(str(one.message) for one in caught if issubclass(one.category, FeatxWarning))
    )
    for one in caught:
        warnings.warn(one.message, one.category, stacklevel=4)
    return evidence, said


def _page(
    predictor: Predictor,
    evidence: Evidence | None,
    view: TaskView,
    options: ReportOptions,
    remarks: Sequence[str],
    training: Sequence[Sample],
) -> Page:
    own = predictor.report
    headline: list[Child] = []
    shown: Report | None = None
    said = ""
    if evidence is not None and not evidence.in_training:
        shown, said = evidence.report, evidence.method
    elif own is not None:
        shown = own.validation.report
    if shown is not None:
        headline = [said, tiles(view.tiles(shown))]
    headline += [notes(remarks)] if remarks else []
    before = [
        PageSection("What it is", identity(predictor)),
        PageSection("Scores beside baselines", baseline_parts(predictor)),
        curve_section(options.curve),
    ]
    after = [training_section(predictor), making(predictor, options.name, options.made_with)]
    if evidence is None:
        before += _without_answers(own.validation.report if own is not None else None)
    else:
        before += _answers(evidence, view, options)
        after = [*_rows(evidence, view, options), *after]
    title = f"Report on {options.name}"
    page = Page(title, headline, [*before, *after], _FOOTER)
    if evidence is None or not options.examples:
        return page
    # the rest is known, so that pictures take what is left
    budget = Budget(
        left=max(0, _LARGEST - len(page.to_html().encode()) - _EXAMPLE * options.examples)
    )
    budget.left = min(budget.left, _MOST_MEDIA)
    near = {sample.id: sample for sample in training}
    details = SampleDetails(evidence, options.explain, budget, options.examples, near)
    examples = example_parts(evidence, view, options.examples, budget, details)
    return replace(
        page, sections=[*before, PageSection("Samples worth looking at", examples), *after]
    )


def _without_answers(measured: Report | None) -> list[PageSection]:
    """Return the tables of the training's own report, where no single answers are known."""
    if measured is None:
        said = "It has no report of its training: give labelled samples to see how good it is."
        return [PageSection("Answers", [said])]
    parts: list[Child] = [
        "Its answers to single samples were not kept: give labelled samples to see charts and errors."
    ]
    for part in measured.sections():
        if isinstance(part, TextTable):
            parts.append(html_table("Scores in detail", part.header, part.rows))
    return [PageSection("Answers", parts)]


def _doubts(evidence: Evidence) -> PageSection:
    """Return how often sets of answers hold the truth, and how much is answered how well."""
    answers = getattr(evidence.report, "answers", None)
    lines = [] if answers is None else [" ".join(line.split()) for line in answers.lines()]
    return PageSection("Sets, and what is not answered", [notes(lines)] if lines else [])


def _answers(evidence: Evidence, view: TaskView, options: ReportOptions) -> list[PageSection]:
    first, *rest = view.sections(evidence)
    if evidence.in_training:
        first = PageSection(first.title, [evidence.method, *first.parts])
    slices = slice_parts(evidence, view, options.slices, options.targets)
    return [_doubts(evidence), first, *rest, PageSection("Slices", slices)]


def _rows(evidence: Evidence, view: TaskView, options: ReportOptions) -> list[PageSection]:
    drawn = charts([projection_chart(evidence, view)])
    return [audit_section(evidence, options.audit), PageSection("Projection", [drawn])]
