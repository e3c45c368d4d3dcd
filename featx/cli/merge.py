"""``featx merge``: the shards of a job of many machines, checked and made one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from featx.cli.paths import PathOrAddress

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath

__all__ = ["merge_command"]


@click.command("merge")
@click.argument("folder", type=PathOrAddress())
@click.option(
    "--output",
    "-o",
    type=PathOrAddress(),
    help="Write all rows into this one file as well: .parquet, .npz, .csv or .jsonl.",
)
@click.option(
    "--rejects",
    type=PathOrAddress(),
    help="Where to list what could not be read [default: rejects.csv beside the folder, where anything].",
)
def merge_command(folder: AnyPath, output: AnyPath | None, rejects: AnyPath | None) -> None:
    """Check that all shards in FOLDER are there and whole, and write its index.

    The shards are those of ``featx extract --shard i/n``. Nothing is embedded.
    """
    from featx.storage.writable import check_apart, check_writable
    from featx.tables import TableWriter, check_output, merge_shards, write_rejects
    from featx.tables.shards import read_shards

    if output:
        check_output(output)
        check_writable(output)
        check_apart(output, folder)
    if rejects:
        check_writable(rejects)
        check_apart(rejects, folder)
    if rejects and rejects == output:
        raise click.UsageError("--output and --rejects: name the same file; expected two")
    n_rows, unread = merge_shards(folder)
    said = f"{n_rows} rows"
    if unread or rejects:
        listed = rejects or folder.absolute().with_name("rejects.csv")
        write_rejects(listed, unread)
        said += f"; {len(unread)} rejected, listed in {listed}"
    if output:
        with TableWriter(output) as writer:
            for block in read_shards(folder):
                writer.write(block)
        said += f"; wrote {output}"
    click.echo(said, err=True)
