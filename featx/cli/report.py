"""``featx report``: one page on a classifier that opens from disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from featx.cli.input_options import rows_option
from featx.cli.options import (
    RunChoice,
    SourceChoice,
    run_options,
    source_options,
    trust_option,
)
from featx.cli.paths import PathOrAddress, PredictorPath
from featx.cli.sample_reader import SampleReader, training_samples

if TYPE_CHECKING:
    from featx.selection.curve_report import LearningCurve
    from featx.storage.remote import AnyPath

__all__ = ["report_command"]

# The most bytes of a learning curve.
_LARGEST = 10_000_000


@click.command("report")
@click.argument("classifier", type=PredictorPath())
@click.argument("source", metavar="[DATA]", required=False)
@click.option(
    "--output",
    "-o",
    required=True,
    type=PathOrAddress(),
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
@click.option(
    "--explain",
    type=click.Choice(["auto", "occlusion", "none"]),
    default="auto",
    show_default=True,
    help="Explain errors where scores are exact sums over places, by hiding one place after the other, or not.",
)
@click.option(
    "--audit/--no-audit",
    default=True,
    show_default=True,
    help="Look for copies, leaks from the training and labels that are doubtful.",
)
@click.option(
    "--curve",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A learning curve to show, as `featx curve --format json` prints it.",
)
@rows_option
@trust_option
@source_options
@run_options(on_error="fail")
def report_command(
    classifier: Path,
    source: str | None,
    output: AnyPath,
    slices: tuple[str, ...],
    examples: int,
    explain: str,
    audit: bool,
    curve: Path | None,
    rows: tuple[str, ...],
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
        reader = SampleReader.of(loaded, columns, rows, labelled=True)
        samples = reader.read(source, split="test", keep=("all",), skip=run.skips)
    from featx.html_report.page import ReportOptions, report

    options = ReportOptions(
        name=classifier.name,
        slices=slices or None,
        targets=columns.target_column,
        examples=examples,
        explain=explain,  # type: ignore[arg-type]
        audit=audit,
        curve=None if curve is None else _read_curve(curve),
        ignore_label_case=bool(columns.ignore_label_case),
        made_with=read_metadata(classifier).versions,
    )
    known = training_samples(classifier, loaded)
    with run.engine(None if samples is None else len(samples)) as engine:
        page = report(loaded, samples, training=known, options=options, engine=engine)
    page.save(output)
    click.echo(f"{len(page.html.encode()) / 1e6:.2f} MB", err=True)
    click.echo(output)


def _read_curve(path: Path) -> LearningCurve:
    """Return the learning curve of a file of JSON; raise BadLabels where it is none that can be shown."""
    from featx.errors import BadLabels
    from featx.html_report.curve import curve_section
    from featx.selection.curve_report import LearningCurve
    from featx.storage.blob import Blob
    from featx.storage.border import library_border
    from featx.storage.json_text import parse_json_text

    table = parse_json_text(Blob.of_path(path).read(_LARGEST), str(path), limit=_LARGEST)
    try:
        with library_border("not a learning curve", BadLabels):
            curve = LearningCurve.from_dict(table)
            curve_section(curve)
            return curve
    except BadLabels as error:
        raise BadLabels(f"{path}: {error}") from error
