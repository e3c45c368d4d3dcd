"""``featx predict``: labels and probabilities, a line a sample."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featx.cli.options import (
    RunChoice,
    SourceChoice,
    format_option,
    run_options,
    source_options,
)

if TYPE_CHECKING:
    from featx.tasks import Prediction

__all__ = ["predict_command"]


@click.command("predict")
@click.argument("classifier", type=click.Path(path_type=Path))
@click.argument("sources", metavar="FILES...", nargs=-1, required=True)
@click.option(
    "--top-k",
    default=3,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many classes to list in `top`.",
)
@format_option("jsonl", "csv", help="One JSON object a line, or CSV with a header.")
@click.option(
    "--rejects",
    type=click.Path(path_type=Path),
    help="Where to list what could not be read, as CSV (id, reason).",
)
@source_options
@run_options(on_error="skip")
def predict_command(
    classifier: Path,
    sources: tuple[str, ...],
    top_k: int,
    style: str,
    rejects: Path | None,
    columns: SourceChoice,
    run: RunChoice,
) -> None:
    """Say what each of FILES is: its id, label, probability and the most probable classes.

    FILES may also be folders, tables, tars, or - for a list of paths on standard input. A sample that
    cannot be read is told on standard error, the others are still predicted, and the exit status is 1.
    """
    from featx.embedding.rows import Reject
    from featx.persistence.artifact import load
    from featx.sources import unique_ids
    from featx.tasks import get_task

    loaded = load(classifier, provider=run.provider)
    samples = unique_ids(
        sample for source in sources for sample in columns.read(source, loaded.card)
    )
    if style == "csv":
        click.echo(",".join(get_task(loaded.task_name).csv_header))
    lost: list[Reject] = []
    with run.engine(len(samples), "predicting") as engine:
        for result in loaded.predict_samples(samples, top_k=top_k, engine=engine):
            if isinstance(result, Reject):
                lost.append(result)
                click.echo(f"{result.id}: {result.reason}", err=True)
            else:
                click.echo(_line(result, style))
    if rejects:
        from featx.tables import write_rejects

        write_rejects(rejects, lost)
    if lost:
        click.echo(f"{len(lost)} of {len(samples)} could not be read", err=True)
        sys.exit(1)


def _line(prediction: Prediction, style: str) -> str:
    if style == "jsonl":
        return json.dumps({"id": prediction.id, **prediction.to_dict(digits=6)}, ensure_ascii=False)
    cell = io.StringIO()
    csv.writer(cell, lineterminator="").writerow(prediction.to_csv_row())
    return cell.getvalue()
