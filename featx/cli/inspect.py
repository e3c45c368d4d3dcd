"""``featx inspect``: what a classifier says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featx.cli.options import format_option

if TYPE_CHECKING:
    from featx.persistence.metadata import Metadata

__all__ = ["inspect_command"]


@click.command("inspect")
@click.argument("classifier", type=click.Path(path_type=Path))
@format_option("table", "json", help="Words, or the whole manifest.")
@click.option(
    "--config", is_flag=True, help="Print what fit was asked for, as TOML; see fit --config."
)
def inspect_command(classifier: Path, style: str, config: bool) -> None:
    """Show what CLASSIFIER is, what it was trained on and how good it was; needs no backbone."""
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


def _described(metadata: Metadata) -> str:
    from featx.reporting.fit_report import FitReport

    parts = []
    if metadata.report is not None:
        parts.append(FitReport.from_dict(metadata.report).format_table())
    libraries = ", ".join(f"{name} {number}" for name, number in metadata.versions.items())
    size = sum(entry["size"] for entry in metadata.files.values()) / 1024
    bundled = "with" if metadata.is_bundled else "without"
    lines = [
        f"Format {metadata.format}, made with {libraries}; {size:.0f} KiB {bundled} its backbone."
    ]
    lines += [
        f"Backbone {one.backbone}, {one.dim} columns, fingerprint {one.fingerprint[:16]}…"
        for one in metadata.inputs
    ]
    return "\n\n".join([*parts, "\n".join(lines)])
