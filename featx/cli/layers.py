"""``featx backbones layers``: the tensors at which a backbone can be read, and how well each tells labels."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from featx._display import display_width, one_line, pad
from featx.cli.fit import fit_command
from featx.cli.options import (
    RunChoice,
    SourceChoice,
    format_option,
    plot_option,
    run_options,
    source_options,
    was_typed,
)
from featx.cli.results import print_result, write_plot
from featx.cli.targets import TargetChoice, target_options

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath

__all__ = ["layers_command", "print_table"]


@click.command("layers")
@click.argument("name")
@click.option(
    "--probe",
    "source",
    metavar="DATA",
    help="Score the sensible ones on these labelled samples, all in one pass, and say which to use. The "
    "options below are for this alone.",
)
@click.option(
    "--tap",
    "taps",
    metavar="TENSOR",
    multiple=True,
    help="Score this one; again for each of several [default: what lies behind each layer or block].",
)
@click.option(
    "--input",
    "column",
    metavar="COLUMN:KIND",
    help="Of a table of several columns the one that is scored: photo:image.",
)
@click.option(
    "--max-samples",
    default=2000,
    show_default=True,
    type=click.IntRange(min=2),
    metavar="N",
    help="Of more samples so many are drawn.",
)
@plot_option
@format_option("table", "json", help="What to print.")
@partial(target_options, without=("test-size", "target-error", "keep-rows", "keep-samples"))
@source_options
@run_options(on_error="fail")
def layers_command(
    name: str,
    source: str | None,
    taps: tuple[str, ...],
    column: str | None,
    max_samples: int,
    plot: AnyPath | None,
    style: str,
    target: TargetChoice,
    columns: SourceChoice,
    run: RunChoice,
) -> None:
    """List what --tap can read of NAME, a backbone or an .onnx file, from shallow to deep.

    With --probe: how well each tells the labels of DATA, by a ridge on its rows with every sample left out in
    turn. Maps are pooled by their mean; tokens by the class token, by the mean of the others, and by both.
    """
    if source is not None:
        if column is not None and not name.endswith(".onnx"):
            columns = _of_column(column, name, columns)
        _probe(name, source, (taps, max_samples, plot, style), target, columns, run)
        return
    for parameter in click.get_current_context().command.params:
        if parameter.name not in ("name", "style") and was_typed(str(parameter.name)):
            raise click.UsageError(f"{parameter.opts[0]}: only with --probe DATA")
    _list_taps(name, style)


def _list_taps(name: str, style: str) -> None:
    from featx.catalog import get_card, verify_files
    from featx.graphs import taps

    if name.endswith(".onnx"):
        available, named = taps(Path(name)), []
    else:
        card = get_card(name)
        available, named = taps(verify_files(card)[card.graph.name]), list(card.taps)
    known = {tap.name: tap for tap in available}
    facts: list[dict[str, Any]] = [
        {
            "depth": tap.depth,
            "op": tap.op,
            "shape": tap.shape,
            "output": tap.output,
            "name": tap.name,
        }
        for tap in available
    ]
    # What the card calls by a name stands last: it is deep, and the end of a long list is seen.
    for one in named:
        tap = known.get(one.output)
        if tap is not None:
            facts.append(
                {
                    "depth": tap.depth,
                    "op": tap.op,
                    "shape": tap.shape,
                    "output": tap.output,
                    "name": one.name,
                    "tensor": one.output,
                    "pooling": one.pooling,
                    "note": one.note,
                }
            )
    if style == "json":
        click.echo(json.dumps(facts, indent=2))
        return
    rows = [[fact["depth"], fact["op"], _shape(fact["shape"]), fact["name"]] for fact in facts]
    print_table(["depth", "made by", "shape", "name"], rows)
    for one in named:
        pooled = "" if one.pooling == "none" else f", pooling {one.pooling}"
        click.echo(f"{one.name} is {one.output}{pooled}: {one.note}")


def _probe(
    name: str,
    source: str,
    asked: tuple[tuple[str, ...], int, AnyPath | None, str],
    target: TargetChoice,
    columns: SourceChoice,
    run: RunChoice,
) -> None:
    """Score the taps of a backbone on the labelled samples of a source, and print the result."""
    from featx.backbones.backbone import open_backbone
    from featx.backbones.providers import read_provider
    from featx.catalog import get_card
    from featx.errors import BadOption
    from featx.selection.plots import check_plot
    from featx.tasks import get_task

    taps, max_samples, plot, style = asked
    if name.endswith(".onnx"):
        raise BadOption(
            f"{name}: a graph alone does not say how samples are read; make it a backbone first with "
            "`featx backbones add`"
        )
    if plot is not None:
        check_plot(plot)
    run.check()
    task, card = get_task(target.task or "classification"), get_card(name)
    samples = target.check(task, columns.read(source, card, split="train", skip=run.skips))
    backbone = open_backbone(card, read_provider(run.provider))
    # It takes seconds to import: what can be refused has been.
    from featx.selection.layers import probe_layers

    with run.engine(min(len(samples), max_samples)) as engine:
        probe = probe_layers(
            samples,
            backbone=backbone,
            taps=taps or None,
            max_samples=max_samples,
            engine=engine,
            verbose=sys.stderr.isatty(),
            **_without_heads(target),
        )
    # What it advises is typed for fit.
    print_result(probe, style, fit_command.params)
    write_plot(probe, plot)


def _of_column(text: str, name: str, columns: SourceChoice) -> SourceChoice:
    """Return the options of a source whose samples stand in a column that is named as an input."""
    from featx.catalog import get_card
    from featx.errors import BadOption
    from featx.inputs.spec import InputSpec

    spec, modality = InputSpec.parse(text), get_card(name).modality
    if spec.kind != modality or spec.backbone is not None:
        raise BadOption(
            f"input {text!r:.60}: expected a column of what {name} reads, such as "
            f"{spec.columns[0]:.60}:{modality}"
        )
    if columns.path_column is not None or columns.text_column is not None:
        raise click.UsageError("--input, --path-column, --text-column: name the column once")
    [named] = spec.columns
    if modality == "text":
        return replace(columns, text_column=named)
    return replace(columns, path_column=named)


def _without_heads(target: TargetChoice) -> dict[str, Any]:
    """Return the arguments of a probe, which has a head of its own."""
    for name, value in (("head", target.head), ("threshold", target.threshold)):
        if value is not None:
            raise click.UsageError(f"--{name}: layers are scored by a ridge; leave it out")
    values = target.measuring_arguments()
    del values["head"], values["threshold"]
    return values


def _shape(shape: Iterable[int | str | None] | None) -> str:
    if shape is None:
        return "?"
    return f"[{', '.join('?' if side is None else str(side) for side in shape)}]"


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print columns of text under a head, two spaces apart."""
    cells = [[one_line(str(cell)) for cell in row] for row in (head, *rows)]
    widths = [max(map(display_width, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (pad(cell, width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(padded).rstrip())
