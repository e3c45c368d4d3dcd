"""``featx compare``: which backbone, layer and head suit labelled samples, before any is chosen."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import click

from featx._display import shell_command
from featx.cli.input_options import InputChoice, InputSpecs, input_options
from featx.cli.options import (
    BackboneChoice,
    RunChoice,
    SourceChoice,
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
    from featx.catalog import Card
    from featx.reporting.comparison import Comparison
    from featx.storage.remote import AnyPath

__all__ = ["compare_command"]


@click.command("compare")
@click.argument("source", metavar="DATA")
@click.option(
    "--backbone",
    "backbones",
    multiple=True,
    metavar="NAME",
    help="One to compare: NAME, NAME@TAP or NAME@TAP:POOLING; again for each [default: all].",
)
@click.option("--all", "everything", is_flag=True, help="All backbones that are on this machine.")
@click.option(
    "--head",
    "heads",
    multiple=True,
    metavar="NAME",
    help="A head to compare on the best backbones; again for each [default: that of featx fit].",
)
@click.option(
    "--max-latency", metavar="TIME", help="Leave out slower ones, such as 5ms a sample, measured."
)
@click.option("--max-size", metavar="SIZE", help="Leave out larger ones, such as 20MB.")
@click.option(
    "--time-limit", metavar="TIME", help="Leave out what is not ranked or measured by then: 10min."
)
@click.option(
    "--best",
    "n_best",
    default=3,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many to measure as featx fit measures.",
)
@click.option(
    "--quick",
    "n_quick",
    default=2000,
    show_default=True,
    type=click.IntRange(min=1),
    help="The most samples that the quick pass looks at.",
)
@click.option("--logme", is_flag=True, help="Compute LogME too, which is in JSON alone.")
@click.option(
    "--taps",
    is_flag=True,
    help="Rank the taps behind each layer of a backbone too, and take one that is better beyond chance.",
)
@click.option("--modality", metavar="NAME", help="image, text or audio [default: what files are].")
@input_options
@partial(target_options, without=("head", "target-error", "keep-rows", "keep-samples"))
@format_option("table", "json", help="How to print the comparison.")
@plot_option
@source_options
@run_options(on_error="fail")
def compare_command(
    source: str,
    backbones: tuple[str, ...],
    everything: bool,
    heads: tuple[str, ...],
    max_latency: str | None,
    max_size: str | None,
    time_limit: str | None,
    n_best: int,
    n_quick: int,
    logme: bool,
    taps: bool,
    modality: str | None,
    style: str,
    plot: AnyPath | None,
    target: TargetChoice,
    columns: SourceChoice,
    run: RunChoice,
    several: InputChoice,
) -> None:
    """Compare backbones on the labelled samples of DATA, and say which suits them.

    A quick pass over some of the samples ranks all of them; the best are measured as `featx fit` measures,
    on the same folds, beside baselines without a backbone. Rows are kept: what is interrupted goes on where
    it was, and `featx fit` with the best need not embed again.

    With --input backbones are compared for each photo, text or sound, the other inputs as they are named,
    beside what is lost without each input.
    """
    from featx.tasks import get_task

    if everything and backbones:
        raise click.UsageError("--all, --backbone: name one of the two")
    task = get_task(target.task or "classification")
    for head in heads:
        check_head_name(head, task.head_names)
    run.check(exact=True)
    chosen = BackboneChoice(None, None, None, None, (), modality)
    prepared = several.prepare(source, chosen, columns, run)
    specs, reader = prepared or (None, SampleReader(columns, _card(backbones, modality)))
    samples = target.check(task, reader.read(source, split="train", skip=run.skips))
    # It takes seconds to import: what can be refused has been.
    from featx.selection.compare import compare
    from featx.selection.plots import check_plot

    if plot is not None:
        check_plot(plot)
    asked = {**target.measuring_arguments(), "test_size": target.test_size}
    del asked["head"]
    # The comparison has bars of its own.
    with run.engine(1) as engine:
        comparison = compare(
            samples,
            backbones=backbones or None,
            heads=heads or None,
            max_latency=max_latency,
            max_size=max_size,
            time_limit=time_limit,
            n_best=n_best,
            n_quick=n_quick,
            logme=logme,
            taps=taps,
            provider=run.provider,
            engine=engine,
            verbose=sys.stderr.isatty(),
            **({} if specs is None else specs.arguments(several.missing)),
            **asked,
        )
    print_result(comparison, style)
    write_plot(comparison, plot)
    if specs is None:
        following = _next(source, comparison, columns, target)
    else:
        words = [*_input_words(specs, comparison.best.name), *several.to_words()]
        following = _next_of_inputs(source, comparison, columns, target, words)
    click.echo(following, err=True)


def _card(backbones: tuple[str, ...], modality: str | None) -> Card:
    """Return the card that decides which files of the source are samples."""
    name = backbones[0].partition("@")[0] if backbones else None
    return BackboneChoice(name, None, None, None, (), modality).card()


def _input_words(specs: InputSpecs, best: str) -> list[str]:
    """Return the options that name the inputs of the best choice, by what a comparison calls it."""
    words: list[str] = []
    for spec in specs.joint:
        if best == f"without {spec.name}":
            continue
        backbone = best.removeprefix(f"{spec.name}: ")
        chosen = spec if backbone == best else replace(spec, backbone=backbone)
        for column in spec.columns:
            words += ["--input", replace(chosen, columns=(column,)).to_text()]
        words += ["--pair", ",".join(spec.columns)] if spec.is_pair else []
    return words


def _next_of_inputs(
    source: str,
    comparison: Comparison,
    columns: SourceChoice,
    target: TargetChoice,
    inputs: list[str],
) -> str:
    """Return the command that trains a predictor with the best inputs."""
    words = ["featx", "fit", source, *columns.to_words(), *inputs]
    words += ["--task", target.task] if target.task else []
    words += ["--head", comparison.best.head, "--output", "NAME.featx"]
    return f"\nNext: {shell_command(*words)}"


def _next(source: str, comparison: Comparison, columns: SourceChoice, target: TargetChoice) -> str:
    """Return the command that trains a predictor with the best."""
    from featx.catalog.tap_names import read_name
    from featx.fit_config import card_changes

    card = read_name(comparison.best.name)
    words = ["featx", "fit", source, *columns.to_words(), "--backbone", card.name]
    for key in ("tap", "pooling"):
        if value := card_changes(card).get(key):
            words += [f"--{key}", value]
    words += ["--task", target.task] if target.task else []
    words += ["--head", comparison.best.head, "--output", "NAME.featx"]
    return f"\nNext: {shell_command(*words)}"
