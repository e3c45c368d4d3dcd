"""``featx fit``: from labelled samples to a classifier on disk."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from featx._display import shell_command
from featx.cli.fit_rows import RowsChoice, fit_rows_of, rows_options
from featx.cli.input_options import InputChoice, input_options, propose
from featx.cli.messages import as_options
from featx.cli.options import (
    BackboneChoice,
    RunChoice,
    SourceChoice,
    backbone_options,
    format_option,
    run_options,
    source_options,
)
from featx.cli.paths import PathOrAddress
from featx.cli.sample_reader import SampleReader
from featx.cli.targets import TargetChoice, target_options
from featx.errors import FeatxWarning
from featx.heads.names import check_head_name

if TYPE_CHECKING:
    from featx.fit_config import FitConfig
    from featx.predictor import Predictor
    from featx.storage.remote import AnyPath

__all__ = ["fit_command"]


def _read_config(context: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Let the entries of a configuration stand in for options that are not typed."""
    if path is None:
        return
    from featx.errors import BadOption, reason_of
    from featx.fit_config import FitConfig
    from featx.storage.toml_text import read_toml_file

    # Not in the words of options: these are entries of the file.

    try:
        config = FitConfig.from_toml(read_toml_file(path))
    except BadOption as error:
        message = str(error).removeprefix("config: ")
        raise click.ClickException(f"{path}: {message}") from error
    except ValueError as error:
        raise click.ClickException(f"{path}: {reason_of(error, path)}") from error
    defaults = config.to_dict()
    defaults["seed"] = defaults.pop("random_state")
    defaults["balance"] = defaults.pop("class_weight", None) == "balanced"
    defaults["set"] = [f"{k}={json.dumps(v)}" for k, v in defaults.pop("options").items()]
    context.default_map = {**(context.default_map or {}), **defaults}


@click.command("fit")
@click.argument("source", metavar="DATA")
@click.option(
    "--output",
    "-o",
    required=True,
    type=PathOrAddress(),
    help="Folder to write, by custom NAME.featx; or one file, NAME.featx.zip.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    is_eager=True,
    expose_value=False,
    callback=_read_config,
    help="Options from a TOML file, as `featx inspect --config` prints it; those typed win.",
)
@target_options
@click.option(
    "--baseline/--no-baseline",
    default=True,
    show_default=True,
    help="Measure what raw pixels, words or mel bands reach without the backbone.",
)
@click.option(
    "--max-latency",
    metavar="TIME",
    help="With --backbone auto: leave out slower ones, such as 5ms a sample, measured.",
)
@click.option(
    "--time-limit",
    metavar="TIME",
    help="With --backbone auto: how long comparing may take, such as 10min.",
)
@click.option("--bundle", is_flag=True, help="Put the backbone's bytes into it.")
@click.option("--overwrite", is_flag=True, help="Replace a classifier of that name.")
@format_option("table", "json", help="How to print the report.")
@click.option(
    "--report",
    "page",
    type=PathOrAddress(),
    help="Also write one HTML page on it, as `featx report` does.",
)
@input_options
@backbone_options
@source_options
@rows_options
@run_options(on_error="fail")
def fit_command(
    source: str,
    output: AnyPath,
    baseline: bool,
    max_latency: str | None,
    time_limit: str | None,
    bundle: bool,
    overwrite: bool,
    style: str,
    page: Path | None,
    target: TargetChoice,
    chosen: BackboneChoice,
    columns: SourceChoice,
    rows: RowsChoice,
    run: RunChoice,
    several: InputChoice,
) -> None:
    """Train a predictor on the labelled samples of DATA and say how good it is.

    DATA is a folder of class folders, a table (.csv, .tsv, .jsonl, .parquet) or a .tar; or rows that `featx
    extract` wrote, a file or a folder of shards, of any number. Where it has a train and a test part only train
    is used; `featx evaluate` measures on the other. With --input a predictor reads several columns of a table.
    """
    from featx.persistence.artifact import check_target, save
    from featx.storage.writable import check_writable
    from featx.tables.stored_rows import is_rows
    from featx.tasks import get_task

    task = get_task(target.task or "classification")
    if target.head is not None:
        check_head_name(target.head, task.head_names)
    check_target(output, overwrite=overwrite)
    if is_rows(source):
        _fit_rows(source, output, target, chosen, columns, run, rows, (bundle, overwrite, style))
        return
    rows.refuse()
    run.check(exact=True)
    if page is not None:
        check_writable(page)
    if run.on_error == "skip":
        check_writable(_rejects_file(output))
    prepared = several.prepare(source, chosen, columns, run)
    if prepared is None:
        plan = _plan_backbone(source, output, chosen, columns, run)
    else:
        specs, reader = prepared
        plan = _Plan(reader, lambda: specs.arguments(several.missing), several.to_config(specs))
    config = replace(_config(target, chosen, columns, run), baseline=baseline, **plan.config)
    if note := plan.note():
        # Before it is read: it may have no column of usual name.
        click.echo(f"Note: {note}", err=True)
    samples = target.check(task, plan.reader.read(source, split="train", skip=run.skips))
    # It takes seconds to import: what can be refused has been.
    from featx.training import fit

    with run.engine(len(samples)) as engine:
        classifier = fit(
            samples,
            engine=engine,
            baseline=baseline,
            verbose=sys.stderr.isatty(),
            max_latency=max_latency,
            time_limit=time_limit,
            config=config,
            # Groups stand in the samples already.
            **{**target.arguments(), "groups": None},
            **plan.arguments(),
        )
    save(classifier, output, overwrite=overwrite, bundle=bundle)
    if run.cache:
        columns.remember_source(source, output)
    if page is not None:
        from featx.html_report.page import ReportOptions, report

        options = ReportOptions(name=output.name)
        report(classifier, training=samples, options=options).save(page)
    _print(classifier, output, style)
    if samples_note := _kept(classifier):
        click.echo(samples_note, err=True)
    click.echo(_next(source, output, plan.reader, len(samples), several.rows_words()), err=True)


@dataclass(frozen=True, slots=True)
class _Plan:
    """The plan of a training: it tells what the samples are read for.

    Attributes
    ----------
    reader : SampleReader
    arguments : callable
        Gives the arguments of ``featx.fit`` that say it; a backbone is opened for it.
    config : mapping
        The entries of the configuration that say it.
    note : callable
        Gives what there is to say of the source before the work; '' for nothing.
    """

    reader: SampleReader
    arguments: Callable[[], dict[str, Any]]
    config: dict[str, Any]
    note: Callable[[], str] = str


def _plan_backbone(
    source: str, output: AnyPath, chosen: BackboneChoice, columns: SourceChoice, run: RunChoice
) -> _Plan:
    """Return the plan for one backbone, that of ``--backbone`` or the one for such samples."""
    automatic = chosen.backbone == "auto"
    if automatic:
        chosen = _without_a_name(chosen, run)
    card = chosen.card()
    return _Plan(
        SampleReader(columns, card),
        lambda: {"backbone": "auto" if automatic else chosen.open(run.provider)},
        {"backbone": card.name},
        lambda: propose(source, output, columns),
    )


def _fit_rows(
    source: str,
    output: AnyPath,
    target: TargetChoice,
    chosen: BackboneChoice,
    columns: SourceChoice,
    run: RunChoice,
    rows: RowsChoice,
    how: tuple[bool, bool, str],
) -> None:
    """Train on extracted rows, save the predictor and print its report."""
    from featx.persistence.artifact import save

    bundle, overwrite, style = how
    predictor = fit_rows_of(
        source,
        target,
        chosen,
        columns,
        run,
        rows,
        lambda choice: _config(target, choice, columns, run),
    )
    save(predictor, output, overwrite=overwrite, bundle=bundle)
    _print(predictor, output, style)
    if samples_note := _kept(predictor):
        click.echo(samples_note, err=True)
    click.echo(
        f"\nWrote {output}. Next: {shell_command('featx', 'predict', output)} FILES…", err=True
    )


def _without_a_name(chosen: BackboneChoice, run: RunChoice) -> BackboneChoice:
    """Return the choice of a card by modality alone; refuse what only a named backbone can have."""
    for option, value in (
        ("--tap", chosen.tap),
        ("--pooling", chosen.pooling),
        ("--normalize", chosen.normalize),
        ("--set", chosen.set or None),
    ):
        if value is not None:
            raise click.UsageError(
                f"{option}: --backbone auto compares backbones as they are; name one"
            )
    if run.provider != "cpu":
        raise click.UsageError(
            f"--provider {run.provider}: --backbone auto compares on cpu; name the best of featx compare"
        )
    return replace(chosen, backbone=None)


def _config(
    target: TargetChoice,
    chosen: BackboneChoice,
    columns: SourceChoice,
    run: RunChoice,
) -> FitConfig:
    from featx.fit_config import FitConfig

    asked = target.arguments()

    return FitConfig(
        backbone=chosen.backbone,
        tap=chosen.tap,
        pooling=chosen.pooling,
        normalize=chosen.normalize,
        options=chosen.options,
        **{**asked, "task": target.task or "classification"},
        on_error=run.on_error,
        modality=chosen.modality,
        **columns.to_config(),
    )


def _print(classifier: Predictor, output: AnyPath, style: str) -> None:
    """Print the report, and write and name the samples that were left out."""
    from featx.tables import write_rejects

    report = classifier.report
    assert report is not None
    if style == "json":
        table = {"classifier": str(output), **report.to_dict()}
        click.echo(json.dumps(table, ensure_ascii=False))
    else:
        click.echo(as_options(report.format_table()))
    if report.rejects:
        path = _rejects_file(output)
        write_rejects(path, report.rejects)
        click.echo(f"{len(report.rejects)} rejected, listed in {path}", err=True)


def _rejects_file(output: AnyPath) -> AnyPath:
    return output.absolute().parent / "rejects.csv"


def _kept(classifier: Predictor) -> str:
    """Return what the predictor keeps of its training samples, and how that is left out; '' for nothing."""
    samples = classifier.samples
    if samples is None:
        return ""
    rows = ""
    if samples.rows is not None:
        some = "their rows" if len(samples.rows) == len(samples) else f"{len(samples.rows)} rows"
        rows = f" and {some} ({samples.rows.nbytes / 1e6:.1f} MB; without: --no-keep-rows)"
    return (
        f"\nIt keeps ids, digests, targets and out-of-fold scores of {len(samples)} samples{rows}; without "
        "all of these: --no-keep-samples."
    )


def _next(
    source: str, output: AnyPath, reader: SampleReader, used: int, rows: Sequence[str]
) -> str:
    """Return where the classifier is, and what to do with it; ``rows`` say where those of vectors lie."""
    written = f"\nWrote {output}. "
    typed = reader.columns.to_words()
    with warnings.catch_warnings():
        # What was said of the part that was trained on is enough.
        warnings.simplefilter("ignore", FeatxWarning)
        whole = [] if source == "-" else reader.read(source, skip=True)
    if len(whole) > used:
        return (
            f"{written}{len(whole) - used} samples outside the train part were left alone; "
            f"measure on them: {shell_command('featx', 'evaluate', output, source, *typed, *rows)}"
        )
    if reader.specs and source != "-":
        # A table, in which the columns of training are looked for.
        labels = ("weight_column", "group_column", "split_column", "time_column", "label_separator")
        known = replace(reader.columns, target_column=(), **dict.fromkeys(labels))
        read = known.to_words()
        return f"{written}Next: {shell_command('featx', 'predict', output, source, *read, *rows)}"
    files = "TABLE" if reader.specs else "FILES…"
    return f"{written}Next: {shell_command('featx', 'predict', output)} {files}"
