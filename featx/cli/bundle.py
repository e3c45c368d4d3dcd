"""``featx bundle``: a classifier that brings its backbone along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from featx.cli.options import trust_option
from featx.cli.paths import PathOrAddress

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath

__all__ = ["bundle_command"]


@click.command("bundle")
@click.argument("classifier", type=PathOrAddress())
@click.option(
    "--output",
    "-o",
    type=PathOrAddress(),
    help="Another folder, or one file, NAME.featx.zip [default: CLASSIFIER itself].",
)
@click.option("--overwrite", is_flag=True, help="Replace a classifier of that name.")
@trust_option
def bundle_command(
    classifier: AnyPath, output: AnyPath | None, overwrite: bool, trusted: tuple[str, ...]
) -> None:
    """Put the backbone's bytes into CLASSIFIER, so that it runs on a machine without that backbone.

    Written as NAME.featx.zip it is one file; every command takes it as it takes the folder. Its head is copied
    as it is and never built, so that --trust is not needed here.
    """
    from featx.persistence.artifact import bundle

    click.echo(str(bundle(classifier, output, overwrite=overwrite)))
