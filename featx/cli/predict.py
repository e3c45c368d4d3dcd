"""``featx predict``: labels and probabilities, a line a sample."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from featx.cli.input_options import rows_option
from featx.cli.inputs import Inputs
from featx.cli.kept import KeptColumns
from featx.cli.options import (
    RunChoice,
    SourceChoice,
    format_option,
    keep_option,
    run_options,
    source_options,
    trust_option,
)
from featx.cli.paths import PathOrAddress, PredictorPath
from featx.cli.predictions import PredictionOutput
from featx.cli.sample_reader import SampleReader
from featx.cli.sureness import SurenessChoice, sureness_options

if TYPE_CHECKING:
    from featx.embedding.engine import Engine
    from featx.embedding.rows import Reject
    from featx.predictor import Predictor
    from featx.sources import Sample
    from featx.storage.remote import AnyPath
    from featx.tasks import Prediction

__all__ = ["predict_command"]

_Answering = Callable[["Sequence[Sample]"], Iterable[tuple["Prediction | Reject", dict[str, Any]]]]


@click.command("predict")
@click.argument("classifier", type=PredictorPath())
@click.argument("sources", metavar="FILES...", nargs=-1, required=True)
@click.option(
    "--output",
    "-o",
    type=PathOrAddress(),
    help="File to write: .csv, .jsonl or .parquet [default: standard output].",
)
@click.option(
    "--top-k",
    default=3,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many classes to list in `top` of JSON lines; CSV and Parquet have a column a class.",
)
@format_option("jsonl", "csv", help="One JSON object a line, or CSV with a header.")
@keep_option
@click.option(
    "--rejects",
    type=PathOrAddress(),
    help="Where to list what could not be read, as CSV (id, reason).",
)
@click.option(
    "--explain",
    is_flag=True,
    help="Say in each JSON line what of the sample speaks for the answer; see `featx explain`.",
)
@sureness_options
@trust_option
@source_options
@rows_option
@run_options(on_error="skip")
def predict_command(
    classifier: Path,
    sources: tuple[str, ...],
    output: AnyPath | None,
    top_k: int,
    style: str,
    keep: tuple[str, ...],
    rejects: AnyPath | None,
    explain: bool,
    sureness: SurenessChoice,
    trusted: tuple[str, ...],
    columns: SourceChoice,
    run: RunChoice,
    rows: tuple[str, ...],
) -> None:
    """Say what each of FILES is: its id, label, probability and the most probable classes.

    FILES may also be folders, tables, tars, or - for a list of paths (or texts) on standard input, answered as
    they come. A predictor of several inputs reads its columns of tables (also of a .json), and of JSON lines or
    CSV on standard input. A sample that cannot be read is told on standard error, the others are still
    predicted, and the exit status is 1.
    """
    from featx.embedding.rows import Reject
    from featx.persistence.artifact import load
    from featx.storage.writable import check_writable

    target = PredictionOutput.of(output, style)
    target.check()
    if explain and target.is_flat:
        raise click.UsageError("--explain: a table has no cell for it; expected JSON lines")
    if rejects:
        check_writable(rejects)
    loaded = sureness.apply(load(classifier, provider=run.provider, trusted=trusted))
    reader = SampleReader.of(loaded, columns, rows)
    inputs = Inputs.read(sources, reader, keep, skip=run.skips)
    classes = loaded.head.classes
    own = loaded.columns
    kept = KeptColumns.of(inputs.types, {*own, "top"}.__contains__)
    lost: list[Reject] = []
    n = 0
    with (
        inputs.engine(run, "predicting", quiet=target.shares_terminal) as engine,
        target.open({**own, **kept.types}) as write,
    ):
        most = len(classes) if target.is_flat else top_k
        answers = _answering(loaded, most, engine, explain=explain)
        for batch in inputs.batches():
            n += len(batch)
            cells = {sample.id: sample.columns for sample in batch} if kept.names else {}
            for result, more in answers(batch):
                if isinstance(result, Reject):
                    lost.append(result)
                    click.echo(f"{result.id}: {result.reason}", err=True)
                else:
                    write(target.record(result) | more | kept.cells(cells.get(result.id)))
    _tell(lost, n, rejects)


def _answering(loaded: Predictor, top_k: int, engine: Engine, *, explain: bool) -> _Answering:
    """Return what gives the answer to each sample of a batch, and what is to stand beside it."""
    if not explain:
        return lambda batch: (
            (one, {}) for one in loaded.predict_samples(batch, top_k=top_k, engine=engine)
        )
    from featx.explanation.explaining import Explainer, ExplanationOptions
    from featx.explanation.explanation import Explanation

    explainer = Explainer(loaded, ExplanationOptions(top_k=top_k), engine=engine)

    def answers(batch: Sequence[Sample]) -> Iterator[tuple[Prediction | Reject, dict[str, Any]]]:
        for found in explainer.stream(batch):
            if isinstance(found, Explanation):
                yield found.prediction, {"explanation": found.to_inner_dict(digits=6)}
            else:
                yield found, {}

    return answers


def _tell(lost: list[Reject], n: int, rejects: AnyPath | None) -> None:
    """List what could not be read, where that was asked for, and end with status 1 where there is any."""
    if rejects:
        from featx.tables import write_rejects

        write_rejects(rejects, lost)
    if lost:
        click.echo(f"{len(lost)} of {n} could not be read", err=True)
        sys.exit(1)
