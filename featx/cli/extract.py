"""``featx extract``: rows of a source into a file."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import click

from featx.cli.engines import EngineChoice, engine_options
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
from featx.cli.paths import PathOrAddress
from featx.cli.row_maker import RowMaker, RowMakerChoice, row_maker_options

if TYPE_CHECKING:
    from featx.backbones.backbone import Backbone
    from featx.embedding.joint_rows import JointEmbedder
    from featx.embedding.rows import Reject, Rows
    from featx.sources import Sample
    from featx.storage.remote import AnyPath
    from featx.tables import TableWriter, Written
    from featx.tables.shards import Shard

__all__ = ["extract_command"]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class OutputChoice:
    """The options that say where rows and rejects go."""

    output: AnyPath
    rejects: AnyPath | None
    dtype: str

    @property
    def is_stdout(self) -> bool:
        """True where rows go to standard output."""
        return str(self.output) == "-"

    @property
    def listed(self) -> AnyPath:
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

    def open(
        self, backbone: Backbone | JointEmbedder, columns: Mapping[str, type]
    ) -> TableWriter | PrintedRows:
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

    def list_rejects(self, rejects: tuple[Reject, ...]) -> AnyPath:
        """Write the rejects, and return where they are listed."""
        from featx.tables import write_rejects

        write_rejects(self.listed, rejects)
        return self.listed


@dataclass(frozen=True, slots=True)
class ShardChoice:
    """The options that part the rows into several files."""

    shards: int | None
    shard_size: int | None
    shard: Shard | None

    @property
    def is_asked(self) -> bool:
        """True where rows go into a folder of shards."""
        return any(value is not None for value in (self.shards, self.shard_size, self.shard))

    def check(self, target: OutputChoice) -> None:
        """Refuse options that contradict each other, and an output that is no folder."""
        from featx.storage.writable import check_writable
        from featx.tables import check_output

        given = [self.shards, self.shard_size, self.shard]
        if sum(value is not None for value in given) > 1:
            raise click.UsageError(
                "--shards, --shard-size and --shard: expected one of them; --shard i/n is one of n shards"
            )
        if target.is_stdout:
            raise click.UsageError("--output -: shards are files; expected the name of a folder")
        check_output(target.output / "part.parquet", target.dtype)
        if not target.output.is_dir():
            check_writable(target.output, folder=True)
        check_writable(target.output / "_index.json", parents=True)
        if target.rejects:
            check_writable(target.rejects)

    def total(self, n_samples: int) -> int:
        """Return the number of shards in all."""
        if self.shard:
            return self.shard.total
        if self.shard_size:
            from featx.tables.shards import number_of_shards

            return number_of_shards(n_samples, self.shard_size)
        return self.shards or 1


class ShardType(click.ParamType[Any]):
    """The type of ``--shard``: i/n."""

    name = "i/n"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the shard that a text names."""
        from featx.tables.shards import Shard, parse_part

        return value if isinstance(value, Shard) else parse_part(value)


class CountType(click.ParamType[Any]):
    """The type of ``--shard-size``: a whole number, such as 100000 or 100k."""

    name = "count"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """Return the number that a text names."""
        match = re.fullmatch(r"(\d{1,12})([kKmM]?)", str(value))
        number = (
            int(match[1]) * {"": 1, "k": 1000, "m": 1_000_000}[match[2].lower()] if match else 0
        )
        if number < 1:
            self.fail(f"{value!r}: expected a number of samples such as 100000 or 100k", param, ctx)
        return number


def shard_options(function: F) -> F:
    """Give a command ``--shards --shard-size --shard`` as one ``ShardChoice`` named ``parts``."""
    options = [
        click.option(
            "--shards",
            type=click.IntRange(1, 99_999),
            metavar="N",
            help="Write N Parquet files into the folder --output, each when it is whole; started again, those "
            "that are there are kept.",
        ),
        click.option(
            "--shard-size",
            type=CountType(),
            metavar="COUNT",
            help="The same, with as many files as COUNT samples a file make: 100000, 100k.",
        ),
        click.option(
            "--shard",
            type=ShardType(),
            metavar="i/n",
            help="Write only file i, from 0 on, of n: for a job of many machines; featx merge ends it.",
        ),
    ]
    return gather_options(function, options, ShardChoice, "parts")


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
            type=PathOrAddress(),
            help="File to write: .parquet, .npz, .csv or .jsonl; - is JSON lines on standard output.",
        ),
        click.option(
            "--rejects",
            type=PathOrAddress(),
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
@shard_options
@engine_options
@click.option("--split", metavar="NAME", help="Only this part of a folder, such as train or test.")
@keep_option
@row_maker_options
@backbone_options
@source_options
@run_options(on_error="fail")
def extract_command(
    source: str,
    target: OutputChoice,
    parts: ShardChoice,
    cluster: EngineChoice,
    split: str | None,
    keep: tuple[str, ...],
    chosen: BackboneChoice,
    columns: SourceChoice,
    run: RunChoice,
    maker: RowMakerChoice,
) -> None:
    """Turn every sample of SOURCE into a row of numbers.

    SOURCE is a folder (of class folders, or flat), a table (.csv, .tsv, .jsonl, .parquet), a .tar, one file,
    or - for a list of paths on standard input. Killed and started again, it goes on where it was: what the
    cache holds is not embedded twice. With --predictor the rows are those that its head is given: of several
    inputs the blocks of all of them, as they are before training scaled them.
    """
    from featx.tables.writer import own_column

    cluster.check(
        run, target.output, in_shards=parts.shards is not None or parts.shard_size is not None
    )
    if parts.is_asked:
        parts.check(target)
    else:
        target.check(skips=run.on_error == "skip")
    made = maker.open(columns, run) or RowMaker.of_backbone(chosen.open(run.provider), columns)
    backbone = made.embedder
    if made.is_joint:
        cluster.refuse_joint()
    inputs = Inputs.read((source,), made.reader, keep, split=split, skip=run.skips)
    kept = KeptColumns.of(_new_columns(inputs), own_column)
    start = time.perf_counter()
    if parts.is_asked:
        _write_shards(target, parts, inputs, kept, backbone, run, cluster)
        return
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


def _write_shards(
    target: OutputChoice,
    parts: ShardChoice,
    inputs: Inputs,
    kept: KeptColumns,
    backbone: Backbone | JointEmbedder,
    run: RunChoice,
    cluster: EngineChoice,
) -> None:
    """Write the shards that are missing, or the one that was asked for, and say what was written."""
    from featx.tables.shard_plan import ShardPlan
    from featx.tables.shards import Shard, ShardFolder, merge_shards

    start, total = time.perf_counter(), inputs.total
    if total is None:
        raise click.UsageError(
            "-: the samples of shards are counted first; expected a folder, a table or a list in a file"
        )
    samples = [kept.rename(sample) for batch in inputs.batches() for sample in batch]
    folder = ShardFolder(
        target.output,
        parts.total(total),
        fingerprint=backbone.fingerprint,
        dim=backbone.dim,
        dtype=target.dtype,
        columns=kept.types,
    )
    folder.open()
    wanted = [parts.shard] if parts.shard else [Shard(k, folder.total) for k in range(folder.total)]
    plan = ShardPlan(folder, samples, tuple(wanted))
    n_samples = sum(len(shard.of(total)) for shard in wanted)
    with run.engine(n_samples, "embedding") as engine:
        done = plan.kept(engine)
        n_kept = len(done)
        done |= cluster.make(plan, plan.missing(done), backbone, engine)
    written = plan.total(done)
    seconds = time.perf_counter() - start
    summary = f"{written.rows} rows of {backbone.dim} columns in {seconds:.1f} s"
    if n_kept:
        summary += f"; {n_kept} of {len(wanted)} shards were there"
    if parts.shard is None:
        merge_shards(target.output)
    if run.on_error == "skip" and (parts.shard is None or target.rejects):
        rejects = written.rejects
        summary += f"; {len(rejects)} rejected, listed in {target.list_rejects(rejects)}"
    elif written.rejects:
        summary += f"; {len(written.rejects)} rejected, which featx merge lists"
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
