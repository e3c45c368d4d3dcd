"""``featx extract``: rows of a source into a file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import click

from featx.cli.inputs import Inputs
from featx.cli.kept import KeptColumns
from featx.cli.options import (
    BackboneChoice,
    RunChoice,
    SourceChoice,
    backbone_options,
    gather_options,
    keep_option,
    run_options,
    source_options,
)

if TYPE_CHECKING:
    from featx.backbones.backbone import Backbone
    from featx.embedding.rows import Reject, Rows
    from featx.sources import Sample
    from featx.tables import TableWriter, Written

__all__ = ["extract_command"]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class OutputChoice:
    """The options that say where rows and rejects go."""

    output: Path
    rejects: Path | None
    dtype: str

    @property
    def is_stdout(self) -> bool:
        """True where rows go to standard output."""
        return str(self.output) == "-"

    @property
    def listed(self) -> Path:
        """The file of what could not be read."""
        default = Path("rejects.csv") if self.is_stdout else self.output.with_name("rejects.csv")
        return self.rejects or default

    def check(self, *, skips: bool) -> None:
        """Refuse a file that cannot be written, before there is anything to write."""
        from featx.storage.writable import check_writable
        from featx.tables import check_output

        # Standard output is JSON lines.
        check_output(Path("standard output.jsonl") if self.is_stdout else self.output, self.dtype)
        if not self.is_stdout:
            check_writable(self.output)
        if skips:
            check_writable(self.listed)
        elif self.rejects:
            click.echo("Note: nothing is listed in --rejects without --on-error skip", err=True)

    def open(self, backbone: Backbone, columns: Mapping[str, type]) -> TableWriter | PrintedRows:
        """Return the writer of the rows of a backbone, with the columns that samples carry."""
        from featx.tables import TableWriter

        if self.is_stdout:
            return PrintedRows()
        return TableWriter(
            self.output,
            fingerprint=backbone.fingerprint,
            dim=backbone.dim,
            dtype=self.dtype,
            columns=columns,
        )

    def list_rejects(self, rejects: tuple[Reject, ...]) -> Path:
        """Write the rejects, and return where they are listed."""
        from featx.tables import write_rejects

        write_rejects(self.listed, rejects)
        return self.listed


@dataclass(slots=True)
class PrintedRows:
    """A writer of rows as JSON lines on standard output, each block as soon as it is there."""

    rows: int = 0
    rejects: list[Reject] = field(default_factory=list)

    @property
    def written(self) -> Written:
        """The number of rows that were printed, and the rejects of all blocks."""
        from featx.tables import Written

        return Written(self.rows, tuple(self.rejects))

    def __enter__(self) -> Self:
        """Begin; there is nothing to open."""
        return self

    def write(self, block: Rows) -> None:
        """Print a line a row."""
        from featx.tables import json_lines

        for line in json_lines(block):
            click.echo(line)
        self.rows += len(block)
        self.rejects += block.rejects

    def __exit__(self, *failure: object) -> None:
        """End; there is nothing to close."""


def output_options(function: F) -> F:
    """Give a command ``--output --rejects --dtype`` as one ``OutputChoice`` named ``target``."""
    options = [
        click.option(
            "--output",
            "-o",
            required=True,
            type=click.Path(path_type=Path),
            help="File to write: .parquet, .npz, .csv or .jsonl; - is JSON lines on standard output.",
        ),
        click.option(
            "--rejects",
            type=click.Path(path_type=Path),
            help="Where to list what could not be read [default: rejects.csv beside the output].",
        ),
        click.option(
            "--dtype",
            type=click.Choice(["float32", "float16"]),
            default="float32",
            show_default=True,
            help="How numbers are stored; float16 is half as large, and for .parquet only.",
        ),
    ]
    return gather_options(function, options, OutputChoice, "target")


@click.command("extract")
@click.argument("source")
@output_options
@click.option("--split", metavar="NAME", help="Only this part of a folder, such as train or test.")
@keep_option
@backbone_options
@source_options
@run_options(on_error="fail")
def extract_command(
    source: str,
    target: OutputChoice,
    split: str | None,
    keep: tuple[str, ...],
    chosen: BackboneChoice,
    columns: SourceChoice,
    run: RunChoice,
) -> None:
    """Turn every sample of SOURCE into a row of numbers.

    SOURCE is a folder (of class folders, or flat), a table (.csv, .tsv, .jsonl, .parquet), a .tar, one file,
    or - for a list of paths on standard input. Killed and started again, it goes on where it was: what the
    cache holds is not embedded twice.
    """
    from featx.tables.writer import own_column

    target.check(skips=run.on_error == "skip")
    backbone = chosen.open(run.provider)
    inputs = Inputs.read((source,), columns, backbone.card, keep, split=split, skip=run.skips)
    kept = KeptColumns.of(_new_columns(inputs), own_column)
    start = time.perf_counter()
    with (
        inputs.engine(run, "embedding", quiet=target.is_stdout) as engine,
        target.open(backbone, kept.types) as writer,
    ):
        for batch in inputs.batches():
            for block in engine.stream(map(kept.rename, _drained(batch)), backbone):
                writer.write(block)
    seconds = time.perf_counter() - start
    summary = f"{writer.written.rows} rows of {backbone.dim} columns in {seconds:.1f} s"
    if run.on_error == "skip":
        rejects = writer.written.rejects
        summary += f"; {len(rejects)} rejected, listed in {target.list_rejects(rejects)}"
    click.echo(summary, err=True)


def _new_columns(inputs: Inputs) -> dict[str, type]:
    """Return the columns of the samples but those that say again what the output says: id and label."""
    from featx.sources import to_label

    types = inputs.types
    for name in {"id", "label"} & set(types):
        cells = ((to_label(s.columns[name]), getattr(s, name)) for s in inputs.known if s.columns)
        if all(cell == own for cell, own in cells):
            del types[name]
    return types


def _drained(samples: list[Sample]) -> Iterator[Sample]:
    """Give each sample in turn, forgotten as it is taken: a million take a third of a gigabyte."""
    samples.reverse()
    while samples:
        yield samples.pop()
