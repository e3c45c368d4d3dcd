"""Results of measuring on standard output, as a table or JSON, and as a plot."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from featx.cli.messages import as_options

if TYPE_CHECKING:
    from featx.selection.plots import Plotted
    from featx.storage.remote import AnyPath

__all__ = ["print_result", "write_plot"]


def print_result(
    result: Any, style: str, parameters: Iterable[click.Parameter] | None = None
) -> None:
    """Print a report as JSON, or as its table in the words of the command line.

    Parameters
    ----------
    result : ShownReport with ``to_dict``
    style : {"table", "json"}
    parameters : iterable of click.Parameter, default=None
        The options of the command to be typed next; None: those of the running one.
    """
    if style == "json":
        click.echo(json.dumps(result.to_dict(), ensure_ascii=False))
    else:
        click.echo(as_options(result.format_table(), parameters))


def write_plot(result: Plotted, path: AnyPath | None) -> None:
    """Draw a result into a file and say so, where a file was named."""
    if path is not None:
        from featx.selection.plots import save_plot

        save_plot(result, path)
        click.echo(f"drawn in {path}", err=True)
