"""``featx inspect``: what a classifier says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featx._display import plain_line
from featx.cli.messages import as_options
from featx.cli.options import format_option, trust_option
from featx.cli.paths import PredictorPath

if TYPE_CHECKING:
    from featx.persistence.metadata import InputMetadata, Metadata

__all__ = ["inspect_command"]

# The most classes that are named.
_MOST = 20


@click.command("inspect")
@click.argument("classifier", type=PredictorPath())
@format_option("table", "json", help="Words, or the whole manifest.")
@click.option(
    "--config", is_flag=True, help="Print what fit was asked for, as TOML; see fit --config."
)
@trust_option
def inspect_command(classifier: Path, style: str, config: bool, trusted: tuple[str, ...]) -> None:
    """Show what CLASSIFIER is, what it was trained on and how good it was.

    It needs no backbone, and builds no head, so that --trust is not needed here.
    """
    from featx.persistence.metadata import read_metadata

    metadata = read_metadata(classifier)
    if config:
        click.echo(_config(classifier, metadata), nl=False)
    elif style == "json":
        click.echo(json.dumps(metadata.manifest, ensure_ascii=False))
    else:
        click.echo(_described(metadata))


def _config(path: Path, metadata: Metadata) -> str:
    from featx.errors import BadArtifact
    from featx.fit_config import FitConfig
    from featx.storage.border import library_border

    if metadata.config is None:
        raise BadArtifact(f"{path}: was saved without its configuration; train it again to have it")
    with library_border(f"{path}: its configuration cannot be shown"):
        return FitConfig.from_dict(metadata.config).to_toml()


def _without_report(metadata: Metadata) -> str:
    """Return what is known of a classifier that was not trained by fit."""
    names = plain_line(", ".join(metadata.classes[:_MOST]))
    more = ", …" if len(metadata.classes) > _MOST else ""
    return (
        f"Head {plain_line(metadata.head)}, {len(metadata.classes)} classes: {names}{more}.\n"
        "Saved without a report: how good it is is not known; measure it with featx evaluate."
    )


def _fit_options() -> list[click.Parameter]:
    """Return the options of the command that follows the hints of a report."""
    from featx.cli.fit import fit_command

    return fit_command.params


def _sureness(metadata: Metadata) -> list[str]:
    """Return what a predictor can say of how sure it is, and what it keeps of its training samples."""
    from featx.persistence.metadata import CONFORMAL, SAMPLES

    lines = []
    if metadata.target_error is not None:
        from featx.heads.selective import ErrorThreshold

        lines.append(f"It {ErrorThreshold.from_dict(metadata.target_error).describe()}.")
    if CONFORMAL in metadata.files:
        lines.append("Calibrated for coverage on samples left out: predict --coverage 0.9.")
    if SAMPLES in metadata.files:
        size = metadata.files[SAMPLES]["size"] / 1024
        lines.append(f"Keeps its training samples: ids, digests, targets, scores; {size:.0f} KiB.")
    return lines


def _input_line(one: InputMetadata) -> str:
    """Return what an input reads, and what makes its columns of a row."""
    columns = "1 column" if one.dim == 1 else f"{one.dim} columns"
    made = f"{columns}, fingerprint {one.fingerprint[:16]}…"
    if not one.columns:
        return f"Backbone {one.backbone}, {made}"
    noun = "column" if len(one.columns) == 1 else "columns"
    by = f"backbone {one.backbone}" if one.backbone else _encoded(one)
    missing = ", missing ones say nothing" if one.missing == "zero" else ""
    read = ", ".join(one.columns)
    return f"Input {one.name}: {one.kind} of the {noun} {read}; {by}{missing}; {made}"


def _encoded(one: InputMetadata) -> str:
    """Return what the encoder of an input makes of its cells."""
    from featx.inputs.encoder import read_encoder

    return read_encoder(one.encoder, one.name).describe()


def _described(metadata: Metadata) -> str:
    from featx.reporting.fit_report import FitReport

    parts = []
    if metadata.report is not None:
        table = FitReport.from_dict(metadata.report).format_table()
        parts.append(as_options(table, _fit_options()))
    else:
        parts.append(_without_report(metadata))
    libraries = ", ".join(f"{name} {number}" for name, number in metadata.versions.items())
    size = sum(entry["size"] for entry in metadata.files.values()) / 1024
    bundled = "with" if metadata.is_bundled else "without"
    lines = [
        f"Format {metadata.format}, made with {libraries}; {size:.0f} KiB {bundled} its backbone."
    ]
    lines += map(_input_line, metadata.inputs)
    lines += _sureness(metadata)
    return "\n\n".join([*parts, "\n".join(map(plain_line, lines))])
