"""``featx explain``: what of a sample speaks for an answer, and what against it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from featx.cli.input_options import rows_option
from featx.cli.inputs import Inputs
from featx.cli.options import RunChoice, SourceChoice, run_options, source_options, trust_option
from featx.cli.paths import PathOrAddress, PredictorPath
from featx.cli.sample_reader import SampleReader

if TYPE_CHECKING:
    from featx.explanation.output import ExplanationOutput
    from featx.storage.remote import AnyPath

__all__ = ["explain_command"]


@click.command("explain")
@click.argument("classifier", type=PredictorPath())
@click.argument("sources", metavar="FILES...", nargs=-1, required=True)
@click.option(
    "--output",
    "-o",
    type=PathOrAddress(),
    help="A page (.html), JSON lines (.jsonl), a picture of one sample (.png, .svg), or a folder of them "
    "[default: JSON lines on standard output].",
)
@click.option(
    "--class",
    "target",
    metavar="NAME",
    help="The class, label or number that is explained [default: the most probable one].",
)
@click.option("--against", metavar="NAME", help="Explain how far the class is before this one.")
@click.option(
    "--method",
    type=click.Choice(["auto", "exact", "occlusion"]),
    default="auto",
    show_default=True,
    help="An exact sum over places, or hiding one place after the other.",
)
@click.option(
    "--places",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many places are hidden, each for a prediction [default: 49 of a picture, 64 of a text, 32 of a "
    "sound].",
)
@click.option(
    "--neighbours",
    type=click.IntRange(min=0),
    default=0,
    metavar="K",
    help="Show the K nearest training samples with their labels.",
)
@rows_option
@trust_option
@source_options
@run_options(on_error="skip")
def explain_command(
    classifier: Path,
    sources: tuple[str, ...],
    output: AnyPath | None,
    target: str | None,
    against: str | None,
    method: str,
    places: int | None,
    neighbours: int,
    rows: tuple[str, ...],
    trusted: tuple[str, ...],
    columns: SourceChoice,
    run: RunChoice,
) -> None:
    """Say what of each of FILES speaks for an answer of CLASSIFIER, and what against it.

    With a linear head on a backbone that takes the mean of a map, the score is exactly a sum over the places
    of a picture, the tokens of a text or the windows of a sound. Where it is not, that is said, and places are
    hidden one after the other. Of several inputs each adds its part.
    """
    from featx.embedding.rows import Reject
    from featx.explanation.explaining import Explainer, ExplanationOptions
    from featx.explanation.output import open_output
    from featx.persistence.artifact import load

    loaded = load(classifier, provider=run.provider, trusted=trusted)
    inputs = Inputs.read(sources, SampleReader.of(loaded, columns, rows), (), skip=run.skips)
    options = ExplanationOptions(target, against, method, places, neighbours)  # type: ignore[arg-type]
    lost = n = 0
    with (
        open_output(output, loaded, classifier.name, inputs.total) as writer,
        inputs.engine(run, "explaining", quiet=output is None) as engine,
    ):
        explainer = Explainer(loaded, options, engine=engine)
        for batch in inputs.batches():
            for sample, found in zip(batch, explainer.stream(batch), strict=True):
                n += 1
                if isinstance(found, Reject):
                    lost += 1
                    click.echo(f"{found.id}: {found.reason}", err=True)
                else:
                    _tell(writer, sample, found)
    if output is not None and n > lost:
        click.echo(output)
    if lost:
        click.echo(f"{lost} of {n} could not be read", err=True)
        sys.exit(1)


def _tell(writer: ExplanationOutput | None, sample: Any, found: Any) -> None:
    if writer is None:
        click.echo(json.dumps(found.to_dict(digits=6), ensure_ascii=False))
    else:
        writer.write(sample, found)
