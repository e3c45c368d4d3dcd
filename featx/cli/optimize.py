"""``featx optimize``: make a faster backbone of another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from featx.cli.options import RunChoice, SourceChoice, run_options, source_options
from featx.cli.paths import LocalPath

if TYPE_CHECKING:
    from featx.catalog import Card
    from featx.optimize import Labelled

__all__ = ["optimize_command"]


@click.command("optimize")
@click.argument("backbone")
@click.option(
    "--calibrate",
    metavar="DATA",
    required=True,
    help="Samples of the kind it will see; no labels are needed. A hundred or two are enough.",
)
@click.option(
    "--labelled",
    metavar="DATA",
    multiple=True,
    help="Labelled samples on which the accuracy of a linear head must hold; may be given again.",
)
@click.option(
    "--max-drop", type=float, default=0.5, show_default=True, help="Points it may fall by."
)
@click.option(
    "--min-cosine",
    type=click.FloatRange(0, 1),
    default=0.994,
    show_default=True,
    help="Mean cosine of held-out rows with the parent's: aimed at, and required where there are no labels.",
)
@click.option(
    "--weights",
    type=click.Choice(["int8", "fp16"]),
    default="int8",
    show_default=True,
    help="int8 is for speed and size; fp16 only stores weights smaller.",
)
@click.option(
    "--for-this-machine",
    is_flag=True,
    help="Weights of eight bits instead of seven where this processor adds them exactly (others may give other "
    "rows), and layers in float that integers do not make faster here.",
)
@click.option("--name", help="Of the new backbone [default: BACKBONE-int8 or BACKBONE-fp16].")
@click.option(
    "--directory",
    type=LocalPath(),
    help="Model directory to put it in [default: yours].",
)
@source_options
@run_options(on_error="fail")
def optimize_command(
    backbone: str,
    calibrate: str,
    labelled: tuple[str, ...],
    max_drop: float,
    min_cosine: float,
    weights: str,
    for_this_machine: bool,
    name: str | None,
    directory: Path | None,
    columns: SourceChoice,
    run: RunChoice,
) -> None:
    """Make a faster backbone of BACKBONE, compare it, and print its card.

    Its convolutions or dense layers compute in eight-bit integers, with ranges from your own samples. Layers
    that cost too much fidelity stay in float; where even that is not enough nothing is written, and the figures
    are printed.
    """
    from featx.catalog import get_card
    from featx.optimize import QuantizationConfig, Tolerance, optimize

    config = QuantizationConfig(name, weights, for_this_machine, Tolerance(max_drop, min_cosine))
    card = get_card(backbone)
    samples = columns.read(calibrate, card, skip=run.skips)
    with run.engine(None) as engine:
        child = optimize(
            card,
            samples,
            config,
            labelled=[_labelled(source, columns, card, skip=run.skips) for source in labelled],
            directory=directory,
            engine=engine,
            log=lambda message: click.echo(message, err=True),
        )
    click.echo(child.to_toml(), nl=False)
    where = f" with {directory} in $FEATX_MODELS" if directory else ""
    click.echo(
        f"Wrote {child.path}; try{where}: featx fit FOLDER --backbone {child.name}", err=True
    )


def _labelled(source: str, columns: SourceChoice, card: Card, *, skip: bool) -> Labelled:
    """Return the parts of a source: to learn from and to measure on, or all where it has no parts."""
    from featx.optimize import Labelled

    train, test = (columns.read(source, card, split=part, skip=skip) for part in ("train", "test"))
    unsplit = [sample.id for sample in train] == [sample.id for sample in test]
    return Labelled(source, train, None if unsplit else test)
