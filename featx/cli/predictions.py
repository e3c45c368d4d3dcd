"""The place of predictions and their form: JSON lines, CSV or Parquet."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from featx.cli.options import was_typed

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath
    from featx.tasks import Prediction

__all__ = ["PredictionOutput"]

Write = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class PredictionOutput:
    """The place of predictions and their form: a file, or standard output where there is no path."""

    path: AnyPath | None
    style: str

    @classmethod
    def of(cls, output: AnyPath | None, style: str) -> PredictionOutput:
        """Return the output that the options name; a file's form is told by its suffix."""
        if output is None or str(output) == "-":
            return cls(None, style)
        suffix = output.suffix.lower().removeprefix(".")
        if was_typed("style") and suffix != style:
            raise click.UsageError(
                f"--format {style}: the name of a file says its format, and {output} says another"
            )
        return cls(output, suffix)

    @property
    def is_flat(self) -> bool:
        """Tell whether a prediction is one cell a class, and not a list of the most probable ones."""
        return self.style != "jsonl"

    @property
    def shares_terminal(self) -> bool:
        """Tell whether lines of it would stand between those of a progress bar."""
        return self.path is None and sys.stdout.isatty()

    def check(self) -> None:
        """Refuse a file that cannot be written, before there is anything to write."""
        if self.path is not None:
            from featx.tables.records import check_records_output

            check_records_output(self.path)
        if self.is_flat and was_typed("top_k"):
            click.echo("Note: --top-k is for JSON lines; here every class has a column", err=True)

    def record(self, prediction: Prediction) -> dict[str, Any]:
        """Return a prediction as a record of this form."""
        if self.is_flat:
            return dict(prediction.to_cells())
        return {"id": prediction.id, **prediction.to_dict(digits=6)}

    @contextmanager
    def open(self, columns: Mapping[str, type]) -> Iterator[Write]:
        """Give a function that writes a record."""
        if self.path is not None:
            from featx.tables.records import RecordWriter

            with RecordWriter(self.path, columns) as writer:
                yield writer.write
            return
        if not self.is_flat:
            yield lambda record: click.echo(json.dumps(record, ensure_ascii=False))
            return
        from featx.tables.csv import csv_line

        names = tuple(columns)
        click.echo(csv_line(names))
        yield lambda record: click.echo(csv_line(map(record.get, names)))
