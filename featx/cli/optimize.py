"""``featx optimize``: a faster backbone on your shelf, made of another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from featx.cli.options import RunChoice, SourceChoice, run_options, source_options

if TYPE_CHECKING:
    from featx.catalog import Card
    from featx.optimize import Labelled

__all__ = ["optimize"]


@click.command()
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
@click.option("--name", help="Of the new backbone [default: BACKBONE-int8 or BACKBONE-fp16].")
@click.option("--shelf", type=click.Path(path_type=Path), help="Where to put it [default: yours].")
@source_options
@run_options(on_error="fail")
def optimize(
    backbone: str,
    calibrate: str,
    labelled: tuple[str, ...],
    max_drop: float,
    min_cosine: float,
    weights: str,
    name: str | None,
    shelf: Path | None,
    columns: SourceChoice,
    run: RunChoice,
) -> None:
    """Make a faster backbone of BACKBONE, compare it, and print its card.

    Its convolutions or dense layers compute in eight-bit integers, with ranges from your own samples. Layers
    that cost too much fidelity stay in float; where even that is not enough nothing is written, and the figures
    are told.
    """
    from featx.catalog import get_card
    from featx.optimize import Bounds
    from featx.optimize import optimize as make

    card = get_card(backbone)
    samples = columns.read(calibrate, card)
    with run.engine(None) as engine:
        made = make(
            card,
            samples,
            name=name,
            labelled=[_labelled(source, columns, card) for source in labelled],
            bounds=Bounds(max_drop, min_cosine),
            weights=weights,
            shelf=shelf,
            engine=engine,
            tell=lambda words: click.echo(words, err=True),
        )
    click.echo(made.to_toml(), nl=False)
    where = f" with {shelf} in $FEATX_MODELS" if shelf else ""
    click.echo(f"Wrote {made.path}; try{where}: featx fit FOLDER --backbone {made.name}", err=True)


def _labelled(source: str, columns: SourceChoice, card: Card) -> Labelled:
    """The parts of a source: to learn from and to measure on, or all where it has no parts."""
    from featx.optimize import Labelled

    train, test = (columns.read(source, card, split=part) for part in ("train", "test"))
    whole = [each.id for each in train] == [each.id for each in test]
    return Labelled(source, train, None if whole else test)
