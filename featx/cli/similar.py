"""``featx similar``: the nearest of kept rows for each query."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from featx.cli.inputs import Inputs
from featx.cli.options import (
    BackboneChoice,
    RunChoice,
    SourceChoice,
    backbone_options,
    run_options,
    source_options,
    was_typed,
)
from featx.cli.paths import PathOrAddress
from featx.cli.row_maker import RowMaker, RowMakerChoice, row_maker_options

if TYPE_CHECKING:
    from featx.embedding.rows import Rows
    from featx.inputs.comparing import RowSpace
    from featx.inputs.showing import SampleView
    from featx.retrieval import SimilarRow
    from featx.sources import Sample
    from featx.storage.remote import AnyPath

__all__ = ["similar_command"]

_COLUMNS = {"query": str, "rank": int, "id": str, "label": str, "distance": float}


@click.command("similar")
@click.argument("rows", type=PathOrAddress())
@click.argument("sources", metavar="QUERY...", nargs=-1, required=True)
@click.option(
    "-k",
    "k",
    default=10,
    show_default=True,
    type=click.IntRange(min=1),
    help="Rows for each query.",
)
@click.option(
    "--metric",
    type=click.Choice(["cosine", "euclidean"]),
    default="cosine",
    show_default=True,
    help="What is small between rows that are alike.",
)
@click.option(
    "--output",
    "-o",
    type=PathOrAddress(),
    help="File to write: .csv, .jsonl or .parquet [default: JSON lines on standard output].",
)
@click.option(
    "--html",
    type=PathOrAddress(),
    help="A page to write that shows each query with what is like it.",
)
@click.option(
    "--samples",
    "shown",
    metavar="DATA",
    help="What the rows were extracted from, to be shown with --html.",
)
@row_maker_options
@backbone_options
@source_options
@run_options(on_error="skip")
def similar_command(
    rows: AnyPath,
    sources: tuple[str, ...],
    k: int,
    metric: str,
    output: AnyPath | None,
    html: AnyPath | None,
    shown: str | None,
    chosen: BackboneChoice,
    columns: SourceChoice,
    run: RunChoice,
    maker: RowMakerChoice,
) -> None:
    """Say which of ROWS are nearest to each QUERY: photos, texts or sounds, folders or tables of them.

    ROWS is what `featx extract` wrote: a file, or a folder of shards. Without --backbone it is looked for among
    the cards on this machine. With --predictor queries are rows of a table for its inputs; of several inputs
    distances are Euclidean, with each input standardised and all alike.
    """
    from featx.retrieval import find_similar
    from featx.storage.writable import check_apart, check_writable
    from featx.tables.records import check_records_output

    if output:
        check_records_output(output)
        check_apart(output, rows)
    if html:
        check_writable(html)
        check_apart(html, rows)
        if html == output:
            raise click.UsageError("--output and --html: name the same file; expected two")
    elif shown:
        raise click.UsageError("--samples: shows samples on a page; name it with --html")
    kept, fingerprint = _open_rows(rows)
    made = maker.open(columns, run)
    if made is None:
        made = RowMaker.of_backbone(_choose(fingerprint, chosen).open(run.provider), columns)
    inputs = Inputs.read(sources, made.reader, (), skip=run.skips)
    samples = [sample for batch in inputs.batches() for sample in batch]
    with run.engine(len(samples)) as engine:
        queries: Rows = engine.embed(samples, made.embedder)
    for reject in queries.rejects:
        click.echo(f"{reject.id}: {reject.reason}", err=True)
    space = _space(made, kept)
    if space is not None and not was_typed("metric"):
        metric = space.metric
    found = (
        find_similar(kept, queries, k, metric=metric, space=space)  # type: ignore[arg-type]
        if len(queries)
        else []
    )
    _write(found, output)
    if html:
        known = made.reader.read(shown, skip=run.skips) if shown else []
        _show(html, found, [*known, *samples], _view(made))
    if queries.rejects:
        raise click.exceptions.Exit(1)


def _space(made: RowMaker, kept: AnyPath | Rows) -> RowSpace | None:
    """Return the space in which rows of several inputs are compared: that of the rows themselves."""
    if not made.is_joint:
        return None
    from featx.embedding.rows import Rows
    from featx.inputs.comparing import RowSpace
    from featx.inputs.joint import joint_blocks
    from featx.tables.shards import read_shards

    assert made.predictor is not None
    blocks = joint_blocks(made.predictor.inputs)
    if isinstance(kept, Rows):
        return RowSpace.of(kept.embeddings, blocks)
    return RowSpace.of_parts((shard.embeddings for shard in read_shards(kept)), blocks)


def _view(made: RowMaker) -> SampleView:
    """Return how samples are shown."""
    from featx.inputs.showing import SampleView

    if made.predictor is not None:
        return SampleView.of(made.predictor.inputs)
    card = made.reader.card
    return SampleView({}, None if card is None else card.input)


def _open_rows(path: AnyPath) -> tuple[AnyPath | Rows, str]:
    """Return rows, or the folder of their shards, and what made them."""
    from featx.tables import is_shard_folder, read_rows
    from featx.tables.shards import fingerprint_of_shards

    if is_shard_folder(path):
        return path, fingerprint_of_shards(path)
    rows = read_rows(path)
    return rows, rows.fingerprint


def _choose(fingerprint: str, chosen: BackboneChoice) -> BackboneChoice:
    """Return the options with the card that made the rows, where none was named and there is one."""
    if any(was_typed(name) for name in ("backbone", "tap", "pooling", "normalize", "set")):
        return chosen
    from dataclasses import replace

    from featx.catalog import list_cards

    names = [card.name for card in list_cards() if card.fingerprint == fingerprint]
    return replace(chosen, backbone=names[0]) if names else chosen


def _write(found: list[SimilarRow], output: AnyPath | None) -> None:
    if output is None:
        for one in found:
            click.echo(json.dumps(one.to_dict(), ensure_ascii=False))
        return
    from featx.tables.records import RecordWriter

    with RecordWriter(output, _COLUMNS) as writer:
        writer.write_all(one.to_dict() for one in found)


def _show(path: AnyPath, found: list[SimilarRow], samples: list[Sample], view: SampleView) -> None:
    """Write a page with each query and the rows that are like it."""
    from itertools import groupby

    from featx.modalities.showing import Budget
    from featx.pages.document import Page, PageSection, notes
    from featx.pages.markup import Child, element
    from featx.pages.media import cards
    from featx.storage.atomic import replace_text

    by_id = {sample.id: sample for sample in samples}
    budget, sections = Budget(), list[PageSection]()

    def card(name: str, said: str) -> list[Child]:
        line = element("p", {"class": "soft"}, element("bdi", {}, f"{name:.120}{said:.120}"))
        return [view.show(by_id.get(name), budget), line]

    for query, own in groupby(found, key=lambda one: one.query):
        items = [card(query, ": the query")]
        items += [card(one.id, f" {one.label or ''}, distance {one.distance:.3f}") for one in own]
        sections.append(PageSection(f"{query:.120}", [cards(items, view.style)]))
    lead = [notes(budget.remarks())] if budget.remarks() else []
    replace_text(path, Page("Rows that are alike", lead, sections).to_html())
