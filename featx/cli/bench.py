"""``featx bench``: how fast this host makes rows, and the setting that does it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from featx.cli.options import SourceChoice, format_option, provider_option, source_options

if TYPE_CHECKING:
    from featx.embedding.autotune import AutotuneResult
    from featx.sources import Sample

__all__ = ["bench"]


@click.command()
@click.argument("backbone", default="featx-image-nano")
@click.argument("source", required=False)
@click.option("--limit", default=200, show_default=True, help="Samples of SOURCE to take.")
@click.option("--seconds", default=0.6, show_default=True, help="One round of one setting.")
@click.option("--remember", is_flag=True, help="Keep the plan: all commands on this host use it.")
@click.option(
    "--forget", is_flag=True, help="Forget every plan that was kept, and measure nothing."
)
@format_option("table", "json", help="How to print what was measured.")
@click.option("--json", "style", flag_value="json", help="The same as --format json.")
@provider_option
@source_options
def bench(
    backbone: str,
    source: str | None,
    limit: int,
    seconds: float,
    remember: bool,
    forget: bool,
    style: str,
    provider: str,
    columns: SourceChoice,
) -> None:
    """Measure BACKBONE on samples of SOURCE, and show the plan and why.

    Without SOURCE the samples are small ones that featx makes. A plan is a batch size and a number of worker
    threads; it changes how fast rows are made, not which, beyond the last digits in which any batch differs
    from another. It stands until options of a command say otherwise.
    """
    from featx.backbones.backbone import Backbone
    from featx.embedding import run_settings as plans
    from featx.embedding.autotune import autotune

    if forget:
        plans.forget()
        return
    opened = Backbone(backbone, provider=provider)
    samples = columns.read(source, opened.card) if source else _made(opened.card.modality)
    step = max(1, len(samples) // max(1, limit))
    found = autotune(
        samples[::step][:limit], opened, seconds=seconds, progress=lambda w: click.echo(w, err=True)
    )
    click.echo(json.dumps(found.to_json()) if style == "json" else _table(found))
    if remember:
        kept = plans.remember(opened.cache_key, found.plan)
        click.echo(f"remembered in {kept}", err=True)


def _made(modality: str) -> list[Sample]:
    """Small samples that featx makes."""
    from featx.demo.synthetic import SETS

    made = SETS[modality][0]()
    return [*made.train, *made.test]


def _table(found: AutotuneResult) -> str:
    cores, plan = found.cores, found.plan
    of = f"{cores.host} on the host, {cores.affinity} by affinity"
    lines = [
        f"{found.backbone} on {found.provider}, {found.samples} samples a round",
        "",
        f"cores      {cores.usable:8}   {of}",
        f"decode     {found.decode * 1e3:8.2f} ms a sample on one core ({1 / found.decode:.0f}/s)",
        f"infer      {found.infer * 1e3:8.2f} ms a sample on one core ({1 / found.infer:.0f}/s)",
        f"roofline   {found.roofline:8.0f} samples/s: cores / (decode + infer)",
        "",
        "batch  workers  samples/s  of roofline  infer ms",
    ]
    for trial in sorted(found.trials, key=lambda t: (t.workers, t.batch_size)):
        chosen = (trial.batch_size, trial.workers) == (plan.batch_size, plan.workers)
        alone = found.infer_by_batch[trial.batch_size] * 1e3
        share = trial.rate / found.roofline
        cells = f"{trial.batch_size:5}  {trial.workers:7}  {trial.rate:9.0f}"
        lines.append(f"{cells}  {share:11.2f}  {alone:8.2f}{'  *' if chosen else ''}")
    why = "no setting is more than 3 % faster than the default"
    if plan != found.default:
        default = found.default
        times = found.rate(plan) / found.rate(default)
        why = (
            f"{times:.2f} × the default, batches of {default.batch_size}, {default.workers} workers"
        )
    lines += ["", f"plan: batches of {plan.batch_size}, {plan.workers} workers; {why}"]
    return "\n".join(lines)
