"""``featx demo``: a first look, without any data or download."""

from __future__ import annotations

import time

import click

from featx.cli.options import BackboneChoice, RunChoice, backbone_options, run_options

__all__ = ["demo_command"]

_KINDS = {"image": "pictures", "text": ".txt files", "audio": "recordings"}
_BETTER = "  What the backbone learned elsewhere is of use here."
_WORSE = "  Here {} do better: each `featx fit` reports both, so that you see it."
_NEXT = """
Next, on your own folder with one folder of {} for each class:

  featx fit FOLDER --output mine.featx
  featx predict mine.featx FILES...
  featx inspect mine.featx
  featx backbones list
"""


@click.command("demo")
@backbone_options
@run_options(on_error="fail")
def demo_command(chosen: BackboneChoice, run: RunChoice) -> None:
    """Train on a few samples a class, with a frozen backbone and without, and compare.

    Pictures, or with --modality text or audio sentences or sounds; nothing is downloaded.
    """
    from featx.demo import run_demo

    start = time.perf_counter()
    backbone = chosen.open(run.provider)
    plain = backbone.card.input.baseline_name
    click.echo(f"Frozen backbone {backbone.card.name}, {backbone.dim} features; head: logistic")
    with run.engine(None) as engine:
        for contest in run_demo(backbone, engine):
            data = contest.data
            click.echo(
                f"\n{data.text[0].upper()}{data.text[1:]}: {contest.shots} samples a class to learn "
                f"from, {len(data.test)} others to measure on"
            )
            for name, report in ((plain, contest.plain), ("features", contest.features)):
                low, high = report.intervals["accuracy"]
                reached = f"accuracy {report.accuracy:.3f} (95 %: {low:.3f} to {high:.3f})"
                click.echo(f"  {name:<{len(plain)}} {reached}")
            better = contest.features.accuracy > contest.plain.accuracy
            click.echo(_BETTER if better else _WORSE.format(plain))
    click.echo(f"\n{time.perf_counter() - start:.1f} s on this machine's CPU.")
    click.echo(_NEXT.format(_KINDS[backbone.card.modality]), nl=False)
