"""``featx fit ROWS``: from rows that were extracted, a file or a folder of shards, to a predictor on disk."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from featx.cli.options import BackboneChoice, RunChoice, SourceChoice, gather_options, was_typed
from featx.cli.paths import PathOrAddress
from featx.cli.rows_source import SAMPLE_OPTIONS, refuse_sample_options

if TYPE_CHECKING:
    from featx.cli.targets import TargetChoice
    from featx.fit_config import FitConfig
    from featx.predictor import Predictor
    from featx.storage.remote import AnyPath

__all__ = ["RowsChoice", "fit_rows_of", "rows_options"]

F = TypeVar("F", bound=Callable[..., Any])

# Options that are of samples, or of what is measured on them.
_OF_SAMPLES = (*SAMPLE_OPTIONS, "split_column", "max_latency", "time_limit", "page")


@dataclass(frozen=True, slots=True)
class RowsChoice:
    """The options of rows that were extracted."""

    targets: AnyPath | None
    in_memory: bool | None

    def refuse(self) -> None:
        """Refuse these options where there are samples, and no rows."""
        for name in ("targets", "in_memory"):
            if was_typed(name):
                raise click.UsageError(
                    f"--{name.replace('_', '-')}: is for rows that featx extract wrote; leave it out"
                )


def rows_options(function: F) -> F:
    """Give a command ``--targets --in-memory`` as one ``RowsChoice`` named ``rows``."""
    options = [
        click.option(
            "--targets",
            type=PathOrAddress(),
            metavar="TABLE",
            help="With extracted rows as DATA: a table of ids and labels, in place of the labels of the rows.",
        ),
        click.option(
            "--in-memory/--on-disk",
            "in_memory",
            default=None,
            help="With extracted rows as DATA: train on all at once, which any head does, or read them block "
            "by block [default: by their number].",
        ),
    ]
    return gather_options(function, options, RowsChoice, "rows")


def fit_rows_of(
    source: str,
    target: TargetChoice,
    chosen: BackboneChoice,
    columns: SourceChoice,
    run: RunChoice,
    rows: RowsChoice,
    config: Callable[[BackboneChoice], FitConfig],
) -> Predictor:
    """Train on extracted rows, and return the predictor."""
    from featx.cli.messages import as_options

    # A baseline reads samples; that there is none may be said.
    without = click.get_current_context().params.get("baseline") is False
    refuse_sample_options(_OF_SAMPLES if without else (*_OF_SAMPLES, "baseline"))
    if chosen.backbone == "auto":
        raise click.UsageError(
            "--backbone auto: rows are of one backbone, which their fingerprint names; leave it out"
        )
    run.check()
    card = _named_card(chosen)
    # It takes seconds to import: what can be refused has been.
    from featx.many_rows.fitting import fit_stored_rows
    from featx.many_rows.reading import RowColumns
    from featx.reporting.training_samples import KeptParts
    from featx.tuning import HeadConfig

    asked = target.arguments()
    names = ("head", "class_weight", "log_target", "threshold", "target_error", "test_size")
    head_config = HeadConfig(
        **{name: asked[name] for name in names},
        random_state=asked["random_state"],
        n_jobs=run.jobs,
    )
    typed = was_typed("keep_samples") or was_typed("keep_rows")
    named = replace(config(chosen), backbone=None if card is None else card.name, baseline=False)
    predictor = fit_stored_rows(
        source,
        RowColumns(
            targets=rows.targets,
            target=tuple(columns.target_column),
            id=columns.id_column,
            group=columns.group_column,
            weight=columns.weight_column,
            groups=target.groups,
            min_samples=target.min_samples,
            unlabelled=target.unlabelled,
            separator=columns.label_separator,
            encoding=columns.encoding,
            ignore_label_case=bool(columns.ignore_label_case),
        ),
        task=target.task,
        backbone=card,
        config=head_config,
        in_memory=rows.in_memory,
        keep=KeptParts(target.keep_samples, target.keep_rows) if typed else None,
        verbose=sys.stderr.isatty(),
    )
    made = predictor.card
    note = as_options(f"Rows of {made.name}.")
    click.echo(note, err=True)
    return replace(predictor, config_source=replace(named, backbone=made.name))


def _named_card(chosen: BackboneChoice) -> Any:
    """Return the card that the options name, or None where the rows' fingerprint shall decide."""
    if not any(was_typed(name) for name in ("backbone", "tap", "pooling", "normalize", "set")):
        return None
    if not chosen.backbone:
        raise click.UsageError("--backbone: name it beside what is changed of it")
    return chosen.card()
