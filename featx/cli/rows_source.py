"""Rows that were extracted, as the DATA of a command: the options that are of samples are refused."""

from __future__ import annotations

from collections.abc import Iterable

import click

from featx.cli.options import was_typed

__all__ = ["SAMPLE_OPTIONS", "refuse_sample_options"]

# Options that say how samples are read or embedded: rows are.
SAMPLE_OPTIONS = (
    *("path_column", "text_column", "start_column", "end_column", "duration_column", "root"),
    *("time_column", "modality", "batch_size", "cache", "on_error", "provider"),
)


def refuse_sample_options(names: Iterable[str] = SAMPLE_OPTIONS) -> None:
    """Refuse options that were typed, for DATA holds rows."""
    for name in names:
        if was_typed(name):
            option = "--report" if name == "page" else f"--{name.replace('_', '-')}"
            raise click.UsageError(
                f"{option}: DATA holds rows that were extracted, of which no sample is read; leave it out"
            )
