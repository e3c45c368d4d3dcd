"""``featx extract``: rows of a source into a file."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featx.cli.options import (
    BackboneChoice,
    RunChoice,
    SourceChoice,
    backbone_options,
    run_options,
    source_options,
)

if TYPE_CHECKING:
    from featx.embedding.rows import Rows
    from featx.sources import Sample
    from featx.tables import Written

__all__ = ["extract"]


@click.command()
@click.argument("source")
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(path_type=Path),
    help="File to write: .parquet, .npz, .csv or .jsonl; - is JSON lines on standard output.",
)
@click.option(
    "--rejects",
    type=click.Path(path_type=Path),
    help="Where to list what could not be read [default: rejects.csv beside the output].",
)
@click.option("--split", metavar="NAME", help="Only this part of a folder, such as train or test.")
@backbone_options
@source_options
@run_options(on_error="fail")
def extract(
    source: str,
    output: Path,
    rejects: Path | None,
    split: str | None,
    chosen: BackboneChoice,
    columns: SourceChoice,
    run: RunChoice,
) -> None:
    """Turn every sample of SOURCE into a row of numbers.

    SOURCE is a folder (of class folders, or flat), a manifest (.csv, .tsv, .jsonl, .parquet), a .tar, one
    file, or - for a list of paths on standard input. Killed and started again, it goes on where it was:
    what the cache holds is not embedded twice.
    """
    from featx.tables import check_output, write_rejects, write_rows

    to_stdout = str(output) == "-"
    if not to_stdout:
        check_output(output)
    backbone = chosen.open(run.provider)
    samples = columns.read(source, backbone.card, split=split)
    start = time.perf_counter()
    with run.engine(len(samples)) as engine:
        blocks = engine.stream(_drained(samples), backbone)
        if to_stdout:
            written = _print(blocks)
        else:
            written = write_rows(output, blocks, fingerprint=backbone.fingerprint, dim=backbone.dim)
    seconds = time.perf_counter() - start
    words = f"{written.rows} rows of {backbone.dim} columns in {seconds:.1f} s"
    if run.on_error == "skip":
        listed = rejects or (
            output.with_name("rejects.csv") if not to_stdout else Path("rejects.csv")
        )
        write_rejects(listed, written.rejects)
        words += f"; {len(written.rejects)} rejected, listed in {listed}"
    click.echo(words, err=True)


def _drained(samples: list[Sample]) -> Iterator[Sample]:
    """Each sample in turn, forgotten as it is taken: a million take a third of a gigabyte."""
    samples.reverse()
    while samples:
        yield samples.pop()


def _print(blocks: Iterable[Rows]) -> Written:
    """Rows as JSON lines on standard output, each block as soon as it is there."""
    from featx.embedding.rows import Reject
    from featx.tables import Written, json_lines

    rows, rejects = 0, list[Reject]()
    for block in blocks:
        for line in json_lines(block):
            click.echo(line.rstrip("\n"))
        rows += len(block)
        rejects += block.rejects
    return Written(rows, tuple(rejects))
