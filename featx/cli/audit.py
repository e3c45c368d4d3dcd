"""``featx audit``: what may be wrong with a data set."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from featx.cli.input_options import InputChoice, input_options
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
from featx.cli.rows_source import SAMPLE_OPTIONS, refuse_sample_options
from featx.cli.sample_reader import SampleReader

if TYPE_CHECKING:
    from featx.audit.findings import AuditReport
    from featx.inputs.showing import SampleView
    from featx.sources import Sample
    from featx.storage.remote import AnyPath

__all__ = ["audit_command"]


@click.command("audit")
@click.argument("source", metavar="DATA")
@click.option(
    "--output",
    "-o",
    type=PathOrAddress(),
    help="Where to list all findings: .csv, .jsonl or .parquet (id, code, score, related, suggested, message).",
)
@click.option(
    "--html",
    type=PathOrAddress(),
    help="A page to write that shows findings with thumbnails, texts or players.",
)
@click.option(
    "--fix",
    type=PathOrAddress(),
    help="A table of the samples to write, .csv, .jsonl or .parquet: without exact leaks and broken ones.",
)
@click.option(
    "--group-copies",
    is_flag=True,
    help="With --fix: give copies and near-duplicates a group in common, in the column group.",
)
@click.option(
    "--task",
    type=click.Choice(["classification", "multilabel", "regression"]),
    help="What is to be predicted of a sample: a label, several labels, or numbers [default: a label].",
)
@click.option(
    "--groups",
    metavar="PATTERN",
    help="Regular expression that finds the group of a sample in its name; or parent for the folder above.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Decides the folds in which samples are left out.",
)
@click.option(
    "--targets",
    type=click.Path(path_type=Path),
    metavar="TABLE",
    help="With extracted rows as DATA: a table of ids and labels, in place of the labels of the rows.",
)
@format_option("table", "json", help="How to print the report.")
@input_options
@backbone_options
@source_options
@run_options(on_error="skip")
def audit_command(
    source: str,
    output: AnyPath | None,
    html: AnyPath | None,
    fix: AnyPath | None,
    group_copies: bool,
    task: str | None,
    groups: str | None,
    seed: int,
    targets: Path | None,
    style: str,
    chosen: BackboneChoice,
    columns: SourceChoice,
    run: RunChoice,
    several: InputChoice,
) -> None:
    """Tell what may be wrong with DATA: copies and leaks, wrong labels, outliers, broken samples, shortcuts.

    All parts of DATA are looked at. Nothing is changed; exit status 0 whatever is found. With --input several
    columns of a table are looked at together: copies are equal in all of them. DATA may be rows that `featx
    extract` wrote, a file or a folder of shards: all but contents and shortcuts is looked at.
    """
    from featx.tables.stored_rows import is_rows

    _check(output, html, fix, group_copies=group_copies)
    if not several.inputs and not several.pairs and is_rows(source):
        if fix is not None:
            raise click.UsageError(
                "--fix: lists samples, of which DATA holds rows alone; audit the samples that they were "
                "extracted from, or leave it out"
            )
        refuse_sample_options((*SAMPLE_OPTIONS, "backbone", "tap", "pooling", "normalize", "set"))
        found = _audit_rows(source, targets, columns, (task, groups, seed))
        _write(found, output, style)
        if html is not None:
            _show(html, source, found, [], None)
        return
    if targets is not None:
        raise click.UsageError("--targets: is for rows that featx extract wrote; leave it out")
    run.check()
    plan = _plan(source, several, chosen, columns, run)
    # A column of the usual name says the part of each.
    samples = plan.reader.read(source, keep=plan.keep, skip=run.skips, parts=True)
    if fix is not None:
        from featx.audit.fixing import check_files

        check_files(samples, plan.view, fix.parent)
    from featx.audit.auditing import audit_samples

    with run.engine(len(samples)) as engine:
        report = audit_samples(
            samples,
            task=task,
            groups=groups,
            engine=engine,
            random_state=seed,
            verbose=sys.stderr.isatty(),
            **plan.arguments,
        )
    _write(report, output, style)
    if html is not None:
        _show(html, source, report, samples, plan.view)
    if fix is not None:
        _fix(fix, report, samples, plan, group_copies=group_copies)


@dataclass(frozen=True, slots=True)
class _Plan:
    """The plan of an audit: it tells what the samples are read as.

    Attributes
    ----------
    reader : SampleReader
    arguments : mapping
        Those of ``audit_samples`` that say it.
    view : SampleView
    keep : tuple of str
        Columns that go along into the table of ``--fix``.
    target : str or None
        The column of the targets, where it is to keep its name.
    """

    reader: SampleReader
    arguments: dict[str, Any]
    view: SampleView
    keep: tuple[str, ...] = ()
    target: str | None = None


def _plan(
    source: str,
    several: InputChoice,
    chosen: BackboneChoice,
    columns: SourceChoice,
    run: RunChoice,
) -> _Plan:
    from featx.inputs.showing import SampleView

    prepared = several.prepare(source, chosen, columns, run)
    if prepared is None:
        backbone = chosen.open(run.provider)
        reader = SampleReader(columns, backbone.card)
        return _Plan(reader, {"backbone": backbone}, SampleView({}, backbone.card.input))
    specs, reader = prepared
    targets = columns.target_column
    return _Plan(
        reader,
        specs.arguments(several.missing),
        SampleView.of_specs(specs.joint),
        ("all",),
        targets[0] if len(targets) == 1 else None,
    )


def _check(
    output: AnyPath | None, html: AnyPath | None, fix: AnyPath | None, *, group_copies: bool
) -> None:
    """Refuse what could not be written, before the work."""
    from featx.errors import BadOption
    from featx.storage.writable import check_writable
    from featx.tables.records import check_records_output

    if group_copies and fix is None:
        raise BadOption("--group-copies: expected --fix FILE, the table that gets the groups")
    written = [path.absolute() for path in (output, html, fix) if path is not None]
    if len(set(written)) < len(written):
        raise BadOption("--output, --html, --fix: expected files of different names")
    if html is not None:
        check_writable(html)
    for path in (output, fix):
        if path is not None:
            check_records_output(path)


def _audit_rows(
    source: str,
    targets: Path | None,
    columns: SourceChoice,
    asked: tuple[str | None, str | None, int],
) -> AuditReport:
    """Return what may be wrong with rows that were extracted; ``asked`` are task, groups and seed."""
    from featx.audit.stored_rows import audit_stored_rows
    from featx.many_rows.reading import RowColumns

    task, groups, seed = asked
    of_rows = RowColumns(
        targets=targets,
        target=tuple(columns.target_column),
        id=columns.id_column,
        group=columns.group_column,
        groups=groups,
        separator=columns.label_separator,
        encoding=columns.encoding,
        ignore_label_case=bool(columns.ignore_label_case),
    )
    return audit_stored_rows(
        source,
        of_rows,
        task=task,
        part=columns.split_column,
        random_state=seed,
        verbose=sys.stderr.isatty(),
    )


def _write(report: AuditReport, output: AnyPath | None, style: str) -> None:
    if style == "json":
        click.echo(json.dumps(report.to_dict(), ensure_ascii=False))
    else:
        click.echo(report.format_table())
    if output is not None:
        _list(output, report)


def _list(path: AnyPath, report: AuditReport) -> None:
    from featx.audit.findings import COLUMNS
    from featx.tables.records import RecordWriter

    with RecordWriter(path, COLUMNS) as writer:
        writer.write_all(report.records(as_text=path.suffix.lower() != ".jsonl"))
    click.echo(f"{len(report.findings)} findings, listed in {path}", err=True)


def _show(
    path: AnyPath,
    source: str,
    report: AuditReport,
    samples: list[Sample],
    view: SampleView | None,
) -> None:
    from featx.audit.page import audit_page
    from featx.storage.atomic import replace_text

    page = audit_page(report, samples, view, title=f"Audit of {Path(source).name or source}")
    replace_text(path, page)
    click.echo(f"{len(page.encode()) / 1e6:.2f} MB, {path}", err=True)


def _fix(
    path: AnyPath,
    report: AuditReport,
    samples: list[Sample],
    plan: _Plan,
    *,
    group_copies: bool,
) -> None:
    from featx.audit.fixing import Manifest

    manifest = Manifest.of(
        samples,
        report,
        plan.view,
        path.parent,
        group_copies=group_copies,
        target=plan.target,
    )
    manifest.save(path)
    left_out = f"; left out: {', '.join(manifest.left_out[:3])}" if manifest.left_out else ""
    more = ", …" if len(manifest.left_out) > 3 else ""
    click.echo(
        f"{len(manifest.records)} of {len(samples)} samples, listed in {path}{left_out}{more}",
        err=True,
    )
