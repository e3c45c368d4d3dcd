"""``featx demo``: a first look, without any data or download."""

from __future__ import annotations

import time

import click

from featx.cli.options import BackboneChoice, RunChoice, backbone_options, run_options

__all__ = ["demo"]

_BETTER = "  What the backbone learned elsewhere is of use here."
_WORSE = "  Here raw pixels do better: each `featx fit` reports both, so that you see it."
_NEXT = """
Next, on your own folder with one folder of pictures for each class:

  featx fit FOLDER --output mine.featx
  featx predict mine.featx FILES...
  featx inspect mine.featx
  featx backbones list
"""


@click.command()
@backbone_options
@run_options(on_error="fail")
def demo(chosen: BackboneChoice, run: RunChoice) -> None:
    """Train on a few samples a class, on frozen features and on raw pixels, and compare."""
    from featx.demo import run_demo

    start = time.perf_counter()
    backbone = chosen.open()
    click.echo(f"Frozen backbone {backbone.card.name}, {backbone.dim} features; head: logistic")
    with run.engine(None) as engine:
        for contest in run_demo(backbone, engine):
            data = contest.data
            click.echo(
                f"\n{data.text[0].upper()}{data.text[1:]}: {contest.shots} samples a class to learn "
                f"from, {len(data.test)} others to measure on"
            )
            for name, report in (("raw pixels", contest.pixels), ("features", contest.features)):
                low, high = report.intervals["accuracy"]
                click.echo(
                    f"  {name:<12} accuracy {report.accuracy:.3f} (95 %: {low:.3f} to {high:.3f})"
                )
            better = contest.features.accuracy > contest.pixels.accuracy
            click.echo(_BETTER if better else _WORSE)
    click.echo(f"\n{time.perf_counter() - start:.1f} s on this machine's CPU.\n{_NEXT}", nl=False)
