"""``featx inspect``: what a classifier says of itself."""

from __future__ import annotations

import json
from pathlib import Path

import click

from featx.cli.options import format_option

__all__ = ["inspect"]


@click.command()
@click.argument("classifier", type=click.Path(path_type=Path))
@format_option("table", "json", help="Words, or the whole manifest.")
def inspect(classifier: Path, style: str) -> None:
    """Show what CLASSIFIER is, what it was trained on and how good it was; needs no backbone."""
    from featx.persistence.metadata import is_bundled, read_metadata
    from featx.reporting.text import describe

    manifest = read_metadata(classifier)
    if style == "json":
        click.echo(json.dumps(manifest, ensure_ascii=False))
        return
    backbone = manifest["backbone"]
    click.echo(describe(manifest["head"]["name"], backbone["name"], manifest["training"]))
    made = ", ".join(f"{name} {number}" for name, number in manifest["versions"].items())
    size = sum(each["size"] for each in manifest["files"].values()) / 1024
    kept = "with" if is_bundled(manifest) else "without"
    click.echo(
        f"\nFormat {manifest['format']}, made with {made}; {size:.0f} KiB {kept} its backbone.\n"
        f"Backbone {backbone['name']}, {backbone['dim']} columns, "
        f"fingerprint {backbone['fingerprint'][:16]}…"
    )
