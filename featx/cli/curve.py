"""``featx curve``: the score by the number of labels, and what more labels would bring."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from featx.cli.input_options import InputChoice, input_options
from featx.cli.options import (
    BackboneChoice,
    RunChoice,
    SourceChoice,
    backbone_options,
    format_option,
    plot_option,
    run_options,
    source_options,
)
from featx.cli.results import print_result, write_plot
from featx.cli.sample_reader import SampleReader
from featx.cli.targets import TargetChoice, target_options
from featx.heads.names import check_head_name

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath

__all__ = ["curve_command"]


@click.command("curve")
@click.argument("source", metavar="DATA")
@click.option(
    "--sizes",
    type=click.IntRange(min=2),
    multiple=True,
    metavar="N",
    help="Number of labels to train on; again for each of several [default: four fifths of all, and down "
    "from there by halves].",
)
@click.option(
    "--draws",
    default=10,
    show_default=True,
    type=click.IntRange(min=2),
    metavar="N",
    help="Training sets of each size.",
)
@click.option(
    "--max-labels",
    default=10_000,
    show_default=True,
    type=click.IntRange(min=10),
    metavar="N",
    help="Of more samples so many are drawn to train on.",
)
@click.option(
    "--baseline/--no-baseline",
    default=True,
    show_default=True,
    help="Measure the same head on raw pixels, words or mel bands.",
)
@plot_option
@format_option("table", "json", help="How to print the curve.")
@partial(target_options, without=("test-size", "target-error", "keep-rows", "keep-samples"))
@input_options
@backbone_options
@source_options
@run_options(on_error="fail")
def curve_command(
    source: str,
    sizes: tuple[int, ...],
    draws: int,
    max_labels: int,
    baseline: bool,
    plot: AnyPath | None,
    style: str,
    target: TargetChoice,
    chosen: BackboneChoice,
    columns: SourceChoice,
    run: RunChoice,
    several: InputChoice,
) -> None:
    """Measure the score by the number of labels in DATA, and forecast what twice as many would bring.

    Of each number of labels, sets are drawn with the labels in the shares of all, and measured on a part that
    is left out. Where DATA has a train and a test part only train is used.
    """
    from featx.selection.plots import check_plot
    from featx.tasks import get_task

    task = get_task(target.task or "classification")
    if target.head is not None:
        check_head_name(target.head, task.head_names)
    if plot is not None:
        check_plot(plot)
    run.check()
    prepared = several.prepare(source, chosen, columns, run)
    specs, reader = prepared or (None, SampleReader(columns, chosen.card()))
    samples = target.check(task, reader.read(source, split="train", skip=run.skips))
    if specs is None:
        own: dict[str, Any] = {"backbone": chosen.open(run.provider)}
    else:
        own = specs.arguments(several.missing)
    # It takes seconds to import: what can be refused has been.
    from featx.selection.curve import learning_curve

    with run.engine(len(samples)) as engine:
        curve = learning_curve(
            samples,
            engine=engine,
            baseline=baseline,
            sizes=sizes or None,
            draws=draws,
            max_labels=max_labels,
            verbose=sys.stderr.isatty(),
            **target.measuring_arguments(),
            **own,
        )
    print_result(curve, style)
    write_plot(curve, plot)
