"""The options that say how sure answers are to be, and what is said of those that are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import click

from featx.cli.options import gather_options

__all__ = ["SurenessChoice", "sureness_options"]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class SurenessChoice:
    """The options that say how sure answers are to be, and what is said of those that are not."""

    coverage: float | None
    per_class: bool
    method: str
    abstain: bool | None
    novelty: float | None

    @property
    def is_asked(self) -> bool:
        """Tell whether any of the options was given."""
        return self != SurenessChoice(None, False, "lac", None, None)

    def apply(self, predictor: Any) -> Any:
        """Return the predictor as these options want it."""
        return predictor.with_abstention(**asdict(self)) if self.is_asked else predictor


def sureness_options(function: F) -> F:
    """Give a command ``--coverage`` and its like as one ``SurenessChoice`` named ``sureness``."""
    options = [
        click.option(
            "--coverage",
            type=float,
            metavar="SHARE",
            help="Give the set of labels that holds the right one for this share of new samples, such as 0.9; "
            "of a number its interval.",
        ),
        click.option(
            "--per-class",
            is_flag=True,
            help="Hold --coverage for the samples of each class by itself.",
        ),
        click.option(
            "--sets",
            "method",
            type=click.Choice(["lac", "aps"]),
            default="lac",
            show_default=True,
            help="How sets are made: the smallest on average, or those that adapt and are never empty.",
        ),
        click.option(
            "--abstain/--no-abstain",
            default=None,
            help="Answer 'unsure' where the set is empty or not one label, the confidence below that of fit "
            "--target-error, or the sample new [default: where fit was given --target-error].",
        ),
        click.option(
            "--novelty",
            type=float,
            metavar="LEVEL",
            help="Say how new each sample is, as a p-value, and which are: at most this share of samples like "
            "those of the training, such as 0.01.",
        ),
    ]
    return gather_options(function, options, SurenessChoice, "sureness")
