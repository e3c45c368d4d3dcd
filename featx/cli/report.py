"""``featx report``: one page on a classifier that opens from disk."""

from __future__ import annotations

from pathlib import Path

import click

from featx.cli.options import (
    RunChoice,
    SourceChoice,
    run_options,
    source_options,
    training_samples,
    trust_option,
)

__all__ = ["report_command"]


@click.command("report")
@click.argument("classifier", type=click.Path(path_type=Path))
@click.argument("source", metavar="[DATA]", required=False)
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(path_type=Path),
    help="The HTML file to write; one that is there is replaced.",
)
@click.option(
    "--slice",
    "slices",
    metavar="COLUMN",
    multiple=True,
    help="Column of DATA by which samples are divided; repeatable [default: all with values in common].",
)
@click.option(
    "--examples",
    type=click.IntRange(min=0),
    metavar="N",
    default=60,
    show_default=True,
    help="How many samples are shown with thumbnails, texts or players.",
)
@trust_option
@source_options
@run_options(on_error="fail")
def report_command(
    classifier: Path,
    source: str | None,
    output: Path,
    slices: tuple[str, ...],
    examples: int,
    trusted: tuple[str, ...],
    columns: SourceChoice,
    run: RunChoice,
) -> None:
    """Write one page on CLASSIFIER that needs no network: scores, errors, slices, how to make it again.

    It is measured on the labelled samples of DATA, on its test part where it has one. Without DATA the
    page shows what it kept of its training.
    """
    from featx.persistence.artifact import load
    from featx.persistence.metadata import read_metadata
    from featx.storage.writable import check_writable

    check_writable(output)
    run.check(exact=True)
    loaded = load(classifier, provider=run.provider, trusted=trusted)
    samples = None
    if source is not None:
        samples = columns.read(source, loaded.card, split="test", keep=("all",))
    from featx.html_report.page import ReportOptions, report

    options = ReportOptions(
        name=classifier.name,
        slices=slices or None,
        targets=columns.target_column,
        examples=examples,
        ignore_label_case=bool(columns.ignore_label_case),
        made_with=read_metadata(classifier).versions,
    )
    known = [] if samples is not None else training_samples(classifier, loaded.card)
    with run.engine(None if samples is None else len(samples)) as engine:
        page = report(loaded, samples, training=known, options=options, engine=engine)
    page.save(output)
    click.echo(f"{len(page.html.encode()) / 1e6:.2f} MB", err=True)
    click.echo(output)
