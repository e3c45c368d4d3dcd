"""``featx export``: a classifier as one ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from featx.cli.options import SourceChoice, source_options, trust_option
from featx.cli.paths import PathOrAddress, PredictorPath
from featx.cli.sample_reader import SampleReader, training_samples
from featx.cli.sureness import SurenessChoice, sureness_options

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath

__all__ = ["export_command"]


@click.command("export")
@click.argument("classifier", type=PredictorPath())
@click.option("--to", "output", required=True, type=PathOrAddress(), help="File to write, .onnx.")
@click.option(
    "--check",
    metavar="DATA",
    help="Samples to compare on [default: those it was trained on, else drawn ones].",
)
@click.option(
    "--strings", is_flag=True, help="Texts go in as they are, not as tokens (BERT's tokenizers)."
)
@click.option("--overwrite", is_flag=True, help="Replace a file of that name.")
@sureness_options
@trust_option
@source_options
def export_command(
    classifier: Path,
    output: AnyPath,
    check: str | None,
    strings: bool,
    overwrite: bool,
    sureness: SurenessChoice,
    trusted: tuple[str, ...],
    columns: SourceChoice,
) -> None:
    """Write CLASSIFIER as one ONNX graph: preprocessing, backbone, head and calibration.

    Its answers are compared with the classifier's first, on up to 200 samples of DATA; it is not written where
    a probability differs by more than 0.0001 or a label changes. With --coverage, --novelty or --abstain it has
    further outputs: set, answered, novelty, novel.
    """
    from featx.export import export
    from featx.persistence.artifact import load

    loaded = sureness.apply(load(classifier, trusted=trusted))
    if check:
        samples, kind = SampleReader.of(loaded, columns).read(check), "of your samples"
    else:
        samples, kind = training_samples(classifier, loaded), "samples that it was trained on"
    comparison = export(
        loaded, output, samples=samples or None, strings=strings, overwrite=overwrite
    )
    kind = kind if comparison.real else "drawn samples; --check DATA compares on real ones"
    summary = f"at most {comparison.worst:.1e} from the classifier on {comparison.n} {kind}"
    click.echo(f"Wrote {output}: {summary}", err=True)
