"""Reports in sentences and tables, for terminals and notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from featx._display import TextTable, plain_line
from featx.tasks import get_task

if TYPE_CHECKING:
    from featx.reporting.fit_report import Baseline, FitReport

__all__ = ["describe", "describe_method", "hints", "sections", "summarize"]

# Samples below which scores say little.
_FEW = 50
# From here on decimals of a score say nothing.
_LARGE = 100


def describe(report: FitReport) -> str:
    """Return the whole report on a training: method, scores, baselines, times and hints."""
    parts = [
        plain_line(summarize(report)),
        plain_line(describe_method(report)),
        report.validation.report.format_table(),
        _baselines(report).to_text(),
        _contributions(report),
        ""
        if report.comparison is None
        else f"Compared before:\n{report.comparison.format_table()}",
        plain_line(_timings(report.timings)),
        *map(plain_line, hints(report)),
    ]
    return "\n\n".join(part for part in parts if part)


def sections(report: FitReport) -> list[str | TextTable]:
    """Return the report as paragraphs and tables, for a notebook."""
    return [
        summarize(report),
        describe_method(report),
        *report.validation.report.sections(),
        _baselines(report),
        *filter(None, [_contributions(report)]),
        *([] if report.comparison is None else report.comparison.sections()),
        _timings(report.timings),
        *hints(report),
    ]


def summarize(report: FitReport) -> str:
    """Return one line: what the predictor is and what it was trained on."""
    chosen = ", ".join(
        f"{key.rpartition('__')[2]} = {value}" for key, value in report.tuning.params.items()
    )
    settings = f" ({chosen})" if chosen else ""
    return (
        f"Head {report.tuning.head}{settings} on {' + '.join(report.data.inputs)}, trained on "
        f"{report.data.n} samples {get_task(report.task).describe_summary(report.data.targets)}."
    )


def describe_method(report: FitReport) -> str:
    """Return on which samples a training was measured, and how."""
    n, validation = report.validation.report.n, report.validation
    if validation.method == "hold-out":
        return (
            f"Measured on {n} samples held out of tuning and training; "
            "then trained again on everything."
        )
    return (
        f"Measured on {n} samples by nested cross-validation, {validation.folds} folds: "
        "each sample by a head that was neither tuned nor trained on it."
    )


def _baselines(report: FitReport) -> TextTable:
    task = get_task(report.task)
    own = task.main_scores(report.validation.report)
    names = [key for key in own if all(key in one.scores for one in report.baselines)]
    rows = [
        (f"  {label}", *(_number(scores[key]) for key in names))
        for label, scores in [
            *((one.name, one.scores) for one in report.baselines),
            ("this predictor", own),
            *((one.name, one.scores) for one in filter(None, [report.without_groups])),
        ]
    ]
    header = (f"{names[0].replace('_', ' ').capitalize()} of", *map(_column, names))
    return TextTable(header, rows)


def _contributions(report: FitReport) -> str:
    """Return what each input brings, one a line; "" where there is one."""
    return "\n".join(plain_line(str(one)) for one in report.contributions)


def _number(value: float) -> str:
    """Return a score with three decimals, or one that is large with four digits."""
    return f"{value:.3f}" if abs(value) < _LARGE else f"{value:,.4g}"


def _column(name: str) -> str:
    return name.removesuffix("_accuracy").replace("_", " ")


def _timings(timings: Mapping[str, float]) -> str:
    return "Times: " + ", ".join(f"{name} {value:.1f} s" for name, value in timings.items()) + "."


def _compared(baseline: Baseline, report: FitReport) -> str | None:
    """Return what a baseline says of the backbone; None where the backbone is better, beyond chance."""
    measured = report.validation.report
    main, own = next(iter(get_task(report.task).main_scores(measured).items()))
    low, high = measured.intervals[main]
    score = baseline.scores[main]
    least, _ = baseline.intervals.get(main, (score, score))
    name, unit = baseline.name.removeprefix("the same head on "), main.replace("_", " ")
    figures = f"{unit} {score:.3f} against {own:.3f}"
    if score < low:
        return None
    if least > high:
        return (
            f"{name} did far better ({figures}): this backbone does not suit these samples; choose "
            "another, such as one trained on their language or kind."
        )
    if score > high:
        return (
            f"{name} did better ({figures}): this backbone may not suit these samples; try another."
        )
    return (
        f"{name} did about as well ({figures}): this backbone may not help here; try another, or add "
        "samples."
    )


def hints(report: FitReport) -> list[str]:
    """Return advice that follows from a training, each a sentence that begins with "Hint:"."""
    task, measured = get_task(report.task), report.validation.report
    advice = [*report.notes, *task.hints(measured, report.tuning.class_weight)]
    advice += filter(None, (_compared(baseline, report) for baseline in report.baselines[1:]))
    if measured.n < _FEW:
        advice.append("so few samples say little; see how wide the intervals are.")
    return [f"Hint: {text}" for text in advice]
