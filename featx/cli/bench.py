"""``featx bench``: how fast this host makes rows, and the setting that does it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from featx.cli.options import SourceChoice, format_option, provider_option, source_options

if TYPE_CHECKING:
    from featx.embedding.autotune import AutotuneResult
    from featx.sources import Sample

__all__ = ["bench_command"]


@click.command("bench")
@click.argument("backbone", default="featx-image-nano")
@click.argument("source", required=False)
@click.option("--limit", default=200, show_default=True, help="Samples of SOURCE to take.")
@click.option("--seconds", default=0.6, show_default=True, help="One round of one setting.")
@click.option(
    "--remember", is_flag=True, help="Keep the best settings: all commands on this host use them."
)
@click.option(
    "--forget", is_flag=True, help="Forget all settings that were kept, and measure nothing."
)
@format_option("table", "json", help="How to print what was measured.")
@click.option("--json", "style", flag_value="json", help="The same as --format json.")
@provider_option
@source_options
def bench_command(
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
    """Measure BACKBONE on samples of SOURCE, and show the best settings and why.

    Without SOURCE the samples are small ones that featx makes. Settings are a batch size and a number of
    worker threads; they change how fast rows are made, not which, beyond the last digits in which any batch
    differs from another. They stand until options of a command say otherwise.
    """
    from featx.backbones.backbone import Backbone
    from featx.embedding import run_settings
    from featx.embedding.autotune import autotune

    if forget:
        if remember:
            raise click.UsageError("--forget, --remember: name one of the two")
        run_settings.forget()
        click.echo(f"forgot all settings that {run_settings.settings_file()} held", err=True)
        return
    if remember:
        run_settings.check_settings()
    opened = Backbone(backbone, provider=provider)
    samples = columns.read(source, opened.card) if source else _synthetic(opened.card.modality)
    step = max(1, len(samples) // max(1, limit))
    result = autotune(
        samples[::step][:limit], opened, seconds=seconds, progress=lambda w: click.echo(w, err=True)
    )
    click.echo(json.dumps(result.to_dict()) if style == "json" else _table(result))
    if remember:
        path = run_settings.remember_settings(opened.cache_key, result.best)
        click.echo(f"remembered in {path}", err=True)


def _synthetic(modality: str) -> list[Sample]:
    """Return small samples that featx makes."""
    from featx.demo.synthetic import SETS

    labelled = SETS[modality][0]()
    return [*labelled.train, *labelled.test]


def _table(result: AutotuneResult) -> str:
    cores, best = result.cores, result.best
    of = f"{cores.host} on the host, {cores.affinity} by affinity"
    lines = [
        f"{result.backbone} on {result.provider}, {result.samples} samples a round",
        "",
        f"cores      {cores.usable:8}   {of}",
        f"decode     {result.decode * 1e3:8.2f} ms a sample on one core ({1 / result.decode:.0f}/s)",
        f"infer      {result.infer * 1e3:8.2f} ms a sample on one core ({1 / result.infer:.0f}/s)",
        f"roofline   {result.roofline:8.0f} samples/s: cores / (decode + infer)",
        "",
        "batch  workers  samples/s  of roofline  infer ms",
    ]
    for measured in sorted(result.rates, key=lambda m: (m.workers, m.batch_size)):
        chosen = (measured.batch_size, measured.workers) == (best.batch_size, best.workers)
        alone = result.infer_by_batch[measured.batch_size] * 1e3
        share = measured.rate / result.roofline
        cells = f"{measured.batch_size:5}  {measured.workers:7}  {measured.rate:9.0f}"
        lines.append(f"{cells}  {share:11.2f}  {alone:8.2f}{'  *' if chosen else ''}")
    why = "no setting is more than 3 % faster than the default"
    if best != result.default:
        default = result.default
        times = result.rate(best) / result.rate(default)
        why = (
            f"{times:.2f} × the default, batches of {default.batch_size}, {default.workers} workers"
        )
    lines += ["", f"best: batches of {best.batch_size}, {best.workers} workers; {why}"]
    return "\n".join(lines)
