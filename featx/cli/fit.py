"""``featx fit``: from labelled samples to a classifier on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featx.cli.options import (
    BackboneChoice,
    RunChoice,
    SourceChoice,
    backbone_options,
    format_option,
    run_options,
    source_options,
)

if TYPE_CHECKING:
    from featx.catalog import Card

__all__ = ["fit"]

_HEADS = "logistic, linear-svm, rbf-svm, ridge, lda, knn, centroid, or auto to choose among them"


@click.command()
@click.argument("source", metavar="DATA")
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder to write, by custom NAME.featx; or one file, NAME.featx.zip.",
)
@click.option("--head", default="logistic", show_default=True, metavar="NAME", help=f"{_HEADS}.")
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Decides the folds."
)
@click.option("--balance", is_flag=True, help="Let every class weigh the same.")
@click.option("--bundle", is_flag=True, help="Put the backbone's bytes into it.")
@click.option("--overwrite", is_flag=True, help="Replace a classifier of that name.")
@format_option("table", "json", help="How to print the report.")
@backbone_options
@source_options
@run_options(on_error="fail")
def fit(
    source: str,
    output: Path,
    head: str,
    seed: int,
    balance: bool,
    bundle: bool,
    overwrite: bool,
    style: str,
    chosen: BackboneChoice,
    columns: SourceChoice,
    run: RunChoice,
) -> None:
    """Train a classifier on the labelled samples of DATA and say how good it is.

    DATA is a folder of class folders, a manifest (.csv, .tsv, .jsonl, .parquet) or a .tar. Where it has a
    train and a test part only train is used; `featx evaluate` measures on the other.
    """
    from featx.embedding.rows import Reject
    from featx.persistence.artifact import check_target, save
    from featx.reporting.text import describe
    from featx.tables import write_rejects
    from featx.training import fit as train

    check_target(output, overwrite=overwrite)
    backbone = chosen.open(run.provider)
    samples = columns.read(source, backbone.card, split="train")
    with run.engine(len(samples)) as engine:
        classifier = train(
            samples, backbone=backbone, head=head, seed=seed, balance=balance, engine=engine
        )
    save(classifier, output, overwrite=overwrite, bundle=bundle)
    if run.cache:
        columns.remember(source, output)
    facts = classifier.training
    if style == "json":
        click.echo(json.dumps({"classifier": str(output), **facts}, ensure_ascii=False))
    else:
        click.echo(describe(classifier.head.name, classifier.card.name, facts))
    if facts["rejects"]:
        listed = output.absolute().parent / "rejects.csv"
        write_rejects(listed, [Reject(**each) for each in facts["rejects"]])
        click.echo(f"{len(facts['rejects'])} rejected, listed in {listed}", err=True)
    click.echo(_next(source, output, columns, classifier.card, len(samples)), err=True)


def _next(source: str, output: Path, columns: SourceChoice, card: Card, used: int) -> str:
    """Where the classifier is, and what to do with it."""
    words = f"\nWrote {output}. "
    whole = [] if source == "-" else columns.read(source, card)
    if len(whole) > used:
        return (
            f"{words}{len(whole) - used} samples outside the train part were left alone; "
            f"measure on them: featx evaluate {output} {source}"
        )
    return f"{words}Next: featx predict {output} FILES…"
