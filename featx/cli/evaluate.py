"""``featx evaluate``: how good a classifier is on labelled samples it has not seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featx.cli.input_options import rows_option
from featx.cli.options import (
    RunChoice,
    SourceChoice,
    format_option,
    run_options,
    source_options,
    trust_option,
)
from featx.cli.paths import PathOrAddress, PredictorPath
from featx.cli.sample_reader import SampleReader
from featx.cli.sureness import SurenessChoice, sureness_options

if TYPE_CHECKING:
    from featx.metrics.report import Report
    from featx.storage.remote import AnyPath

__all__ = ["evaluate_command"]


@click.command("evaluate")
@click.argument("classifier", type=PredictorPath())
@click.argument("source", metavar="DATA")
@click.option(
    "--top-k",
    type=click.IntRange(min=1),
    metavar="K",
    help="Also the share whose label is among the K most probable classes, with its interval.",
)
@click.option(
    "--errors",
    type=PathOrAddress(),
    help="Where to list what was predicted wrongly, the worst first: .csv, .jsonl or .parquet (id, true, "
    "predicted, probability; of numbers the hundred largest errors: id, output, target, prediction).",
)
@format_option("table", "json", help="How to print the report.")
@sureness_options
@trust_option
@source_options
@rows_option
@run_options(on_error="fail")
def evaluate_command(
    classifier: Path,
    source: str,
    top_k: int | None,
    errors: AnyPath | None,
    style: str,
    sureness: SurenessChoice,
    trusted: tuple[str, ...],
    columns: SourceChoice,
    run: RunChoice,
    rows: tuple[str, ...],
) -> None:
    """Measure CLASSIFIER on the labelled samples of DATA; on its test part where it has one."""
    from featx.persistence.artifact import load
    from featx.tables.records import check_records_output

    if errors is not None:
        check_records_output(errors)
    run.check(exact=True)
    loaded = sureness.apply(load(classifier, provider=run.provider, trusted=trusted))
    reader = SampleReader.of(loaded, columns, rows, labelled=True)
    samples = reader.read(source, split="test", skip=run.skips)
    from featx.evaluation import evaluate

    with run.engine(len(samples)) as engine:
        ignore_case = bool(columns.ignore_label_case)
        report = evaluate(loaded, samples, engine=engine, ignore_label_case=ignore_case)
    table = report.to_dict()
    text = report.format_table()
    if top_k is not None:
        value, (low, high) = _top_k(report, top_k)
        name = f"top-{top_k} accuracy"
        table |= {"top_k": {"k": top_k, "accuracy": value, "interval": [low, high]}}
        text = f"{name:<18} {value:.3f}   95 % interval {low:.3f} to {high:.3f}\n{text}"
    if style == "json":
        click.echo(json.dumps(table, ensure_ascii=False))
    else:
        click.echo(f"{report.n} samples of {source}\n\n{text}")
    if errors is not None:
        _list_errors(errors, report)


def _list_errors(path: AnyPath, report: Report) -> None:
    from featx.tables.records import RecordWriter

    columns, records, said = report.list_errors()
    with RecordWriter(path, columns) as writer:
        for record in records:
            writer.write(record)
    click.echo(f"{said}, listed in {path}", err=True)


def _top_k(report: Report, k: int) -> tuple[float, tuple[float, float]]:
    from featx.errors import BadOption
    from featx.metrics.classification import ClassificationReport

    if not isinstance(report, ClassificationReport):
        raise BadOption(f"--top-k {k}: only a classification has classes to rank")
    return report.top_k_accuracy(k)
