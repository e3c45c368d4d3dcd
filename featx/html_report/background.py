"""What a page says of a predictor besides its answers: what it is, its training, and how to make it again."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from featx._display import shell_command
from featx.catalog import Card
from featx.inputs.input import is_joint
from featx.pages.charts import Bar, bar_chart, charts
from featx.pages.document import PageSection, code_block, facts, notes, subsection
from featx.pages.markup import Child, Markup
from featx.pages.tables import Cell, format_number, html_table, interval_mark
from featx.predictor import Predictor
from featx.reporting.fit_report import Baseline, FitReport
from featx.reporting.text import describe_method, hints, summarize
from featx.tasks import get_task

__all__ = ["baseline_parts", "identity", "making", "training_section"]

# What decides a number of a prediction, by the names of their distributions.
_LIBRARIES = ("numpy", "onnxruntime", "scikit-learn", "scipy")
# Bars of classes.
_CLASSES = 40


def identity(predictor: Predictor) -> list[Child]:
    """Return what the predictor is, in a sentence and a list of terms."""
    head, report = predictor.head, predictor.report
    noun = get_task(predictor.task_name).output_noun
    outputs = f"{len(head.classes):,} {noun[len(head.classes) > 1]}"
    names = " + ".join(one.label for one in predictor.inputs)
    sentence = (
        summarize(report)
        if report is not None
        else f"Head {head.name} on {names}, {outputs}; saved without an account of its training."
    )
    pairs = [
        ("task", predictor.task_name),
        ("outputs", f"{outputs}: {_listed(head.classes)}"),
        *_inputs(predictor),
        ("fingerprint of its rows", predictor.fingerprint),
        ("head", head.name),
    ]
    if report is not None and report.tuning.params:
        settings = (f"{k.rpartition('__')[2]} = {v}" for k, v in report.tuning.params.items())
        pairs.append(("settings of the head", ", ".join(settings)))
    return [sentence, facts(pairs)]


def _inputs(predictor: Predictor) -> list[tuple[str, str]]:
    """Return what the predictor reads, and by which backbones and encoders."""
    if not is_joint(predictor.inputs):
        [only] = predictor.inputs
        return [("reads", only.kind), ("backbone", _described(only.card, predictor.head.dim))]
    pairs = []
    for one in predictor.inputs:
        by = _described(one.card, one.dim) if one.has_backbone else one.encoder.describe()
        where = f" in the {'columns' if one.pair else 'column'} {', '.join(one.columns)}"
        pairs.append((f"input {one.name:.60}", f"{one.kind}{where:.120}: {by}"))
    return pairs


def _described(card: Card, dim: int) -> str:
    tap = f"tap {card.output}, " if card.output else ""
    return f"{card.name} ({tap}{dim:,} columns, licence {card.license})"


def _listed(names: tuple[str, ...], most: int = 20) -> str:
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {left:,} more" if left > 0 else "")


def baseline_parts(predictor: Predictor) -> list[Child]:
    """Return the scores of the training beside those of baselines: charts and a table."""
    report = predictor.report
    if report is None:
        return []
    task = get_task(report.task)
    measured = report.validation.report
    own = Baseline("this predictor", task.main_scores(measured), measured.intervals)
    rows = [*report.baselines, own, *filter(None, [report.without_groups])]
    drawn = [_baseline_chart(key, rows) for key in own.scores]
    header = ["predictor"]
    for key in own.scores:
        header += [_title(key), f"95 % of {_title(key)}"]
    cells = [(one.name, *(cell for key in own.scores for cell in _cells(one, key))) for one in rows]
    return [
        describe_method(report),
        charts(drawn),
        html_table("Scores beside baselines", header, cells),
        *_contributions(report),
    ]


def _contributions(report: FitReport) -> list[Child]:
    """Return what each of several inputs brings: the score without it, and the paired difference."""
    found = report.contributions
    if not found:
        return []
    ends = [
        end
        for one in found
        if (apart := one.difference) is not None
        for end in (apart.low, apart.high)
        if end is not None
    ]
    limits = (min(ends, default=0.0), max(ends, default=0.0))
    rows: list[tuple[Cell, ...]] = []
    for one in found:
        drawn: tuple[Cell, ...] = ("", "not known")
        apart = one.difference
        if apart is not None and apart.low is not None and apart.high is not None:
            mark = interval_mark(apart.value, apart.low, apart.high, limits)
            between = f"{format_number(apart.low)} to {format_number(apart.high)}"
            drawn = (mark, f"{between}{'' if apart.tells else ', which may be nothing'}")
        value = None if apart is None else float(apart.value)
        rows.append((one.name, one.weight, one.score_without, value, *drawn))
    header = ("input", "weight", f"{found[0].score_name} without it", "brings", "drawn", "95 %")
    return [
        "Without each input in turn the head was tuned, trained and measured on the same samples:",
        html_table("What each input brings", header, rows),
    ]


def _baseline_chart(key: str, rows: list[Baseline]) -> Markup:
    bars = [
        Bar(one.name, one.scores[key], one.intervals.get(key), int(one.name != "this predictor"))
        for one in rows
        if key in one.scores
    ]
    values = [end for bar in bars for end in (bar.value, *(bar.interval or ()))]
    unit = all(0 <= value <= 1 for value in values)
    return bar_chart(_title(key), bars, limits=(0.0, 1.0) if unit else None)


def _cells(one: Baseline, key: str) -> tuple[float | None, str]:
    low_high = one.intervals.get(key)
    between = f"{format_number(low_high[0])} to {format_number(low_high[1])}" if low_high else ""
    value = one.scores.get(key)
    return (None if value is None else float(value)), between


def _title(key: str) -> str:
    return {"r2": "R²", "rmse": "RMSE"}.get(key, key.replace("_", " ").replace("f1", "F1"))


def training_section(predictor: Predictor) -> PageSection:
    """Return what the predictor was trained on, what was left out, and how long it took."""
    report = predictor.report
    if report is None:
        return PageSection("Training", [])
    task, parts = get_task(report.task), list[Child]()
    parts.append(f"{report.data.n:,} samples {task.describe_summary(report.data.targets)}.")
    counts = {key: value for key, value in report.data.targets.items() if isinstance(value, int)}
    if counts and len(counts) == len(report.data.targets):
        order = sorted(counts, key=lambda name: -counts[name])
        bars = [Bar(name, counts[name]) for name in order[:_CLASSES]]
        left = len(order) - len(bars)
        note = f"{left:,} smaller ones are not drawn." if left > 0 else ""
        parts.append(charts([bar_chart(f"Samples of each {task.output_noun[0]}", bars, note=note)]))
    said = [text.removeprefix("Hint: ") for text in hints(report)]
    if said:
        parts.append(subsection("Hints", notes(said)))
    if report.rejects:
        rows = [(one.id, one.reason) for one in report.rejects]
        title = f"{len(rows):,} samples could not be read and were left out"
        parts.append(html_table(title, ("sample", "reason"), rows, most=50))
    parts.append(subsection("Tuning and times", facts(_tuning(report))))
    return PageSection("Training", parts)


def _tuning(report: FitReport) -> list[tuple[str, Child]]:
    tuning = report.tuning
    pairs: list[tuple[str, Child]] = [
        ("candidates compared", f"{tuning.candidates:,}"),
        ("folds", _folds(tuning.folds, tuning.repeats)),
        ("seed", str(tuning.random_state)),
    ]
    if tuning.class_weight:
        pairs.append(("weights of classes", tuning.class_weight))
    pairs += [
        (f"seconds: {name}", f"{seconds:.1f}") for name, seconds in sorted(report.timings.items())
    ]
    return pairs


def _folds(folds: int, repeats: int) -> str:
    if not folds:
        return "none: there were too few samples"
    return f"{folds:,}" if repeats == 1 else f"{folds:,}, drawn {repeats:,} times"


def making(predictor: Predictor, name: str, made_with: Mapping[str, str]) -> PageSection:
    """Return the versions, the configuration and the commands that make it again.

    Parameters
    ----------
    name : str
        What its file is called.
    made_with : mapping of str to str
        The versions of the libraries that wrote it; empty where that is not known.
    """
    here = {"featx": import_module("featx").__version__, "Python": platform.python_version()}
    here |= {library: found for library in _LIBRARIES if (found := _version(library))}
    pairs: list[tuple[str, Child]] = []
    if made_with:
        pairs.append(("made with", _versions(made_with)))
    pairs.append(("this page was made with", _versions(here)))
    config = predictor.config
    parts: list[Child] = [facts(pairs)]
    output = name if name.endswith((".featx", ".featx.zip")) else f"{name}.featx"
    command = shell_command("featx", "fit", "DATA", "-o", output)
    if config is not None:
        command = shell_command("featx", "fit", "DATA", "--config", "fit.toml", "-o", output)
        parts += ["What it was asked for, as fit.toml:", code_block(config.to_toml().strip())]
    commands = [
        command,
        shell_command("featx", "evaluate", output, "DATA"),
        shell_command("featx", "report", output, "DATA", "-o", "report.html"),
    ]
    parts += ["DATA is your folder or table.", code_block("\n".join(commands))]
    return PageSection("Versions, and how to make it again", parts)


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _versions(versions: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())
