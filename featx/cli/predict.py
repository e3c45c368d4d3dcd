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
    from featx.embedding.rows import Reject
    from featx.predictor import Prediction

__all__ = ["predict"]


@click.command()
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
def predict(
    classifier: Path,
    sources: tuple[str, ...],
    top_k: int,
    style: str,
    rejects: Path | None,
    columns: SourceChoice,
    run: RunChoice,
) -> None:
    """Say what each of FILES is: its id, label, probability and the most probable classes.

    FILES may also be folders, manifests, tars, or - for a list of paths on standard input. A sample that
    cannot be read is told on standard error, the others are still predicted, and the exit status is 1.
    """
    from featx.embedding.rows import Reject
    from featx.persistence.artifact import load
    from featx.sources import unique_ids
    from featx.tables import write_rejects

    loaded = load(classifier, provider=run.provider)
    samples = unique_ids(sample for each in sources for sample in columns.read(each, loaded.card))
    if style == "csv":
        click.echo("id,label,probability,top")
    lost: list[Reject] = []
    with run.engine(len(samples), "predicting") as engine:
        for each in loaded.predict_samples(samples, top_k=top_k, engine=engine):
            if isinstance(each, Reject):
                lost.append(each)
                click.echo(f"{each.id}: {each.reason}", err=True)
            else:
                click.echo(_line(each, style))
    if rejects:
        write_rejects(rejects, lost)
    if lost:
        click.echo(f"{len(lost)} of {len(samples)} could not be read", err=True)
        sys.exit(1)


def _line(each: Prediction, style: str) -> str:
    top = [{"label": label, "probability": round(share, 6)} for label, share in each.top]
    probability = round(each.probability, 6)
    if style == "jsonl":
        line = {"id": each.id, "label": each.label, "probability": probability, "top": top}
        return json.dumps(line, ensure_ascii=False)
    cell = io.StringIO()
    listed = json.dumps(top, ensure_ascii=False)
    csv.writer(cell, lineterminator="").writerow([each.id, each.label, probability, listed])
    return cell.getvalue()
