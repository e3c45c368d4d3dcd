"""``featx evaluate``: how good a classifier is on labelled samples it has not seen."""

from __future__ import annotations

import json
from pathlib import Path

import click

from featx.cli.options import (
    RunChoice,
    SourceChoice,
    format_option,
    run_options,
    source_options,
)

__all__ = ["evaluate"]


@click.command()
@click.argument("classifier", type=click.Path(path_type=Path))
@click.argument("source", metavar="DATA")
@format_option("table", "json", help="How to print the report.")
@source_options
@run_options(on_error="fail")
def evaluate(
    classifier: Path, source: str, style: str, columns: SourceChoice, run: RunChoice
) -> None:
    """Measure CLASSIFIER on the labelled samples of DATA; on its test part where it has one."""
    from featx.evaluation import evaluate as evaluate_classifier
    from featx.persistence.artifact import load

    loaded = load(classifier, provider=run.provider)
    samples = columns.read(source, loaded.card, split="test")
    with run.engine(len(samples)) as engine:
        report = evaluate_classifier(loaded, samples, engine=engine)
    if style == "json":
        click.echo(json.dumps(report.to_dict(), ensure_ascii=False))
    else:
        click.echo(f"{report.n} samples of {source}\n\n{report.format_table()}")
