"""The options of ``fit`` that say what is predicted, by which head, and how samples are split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from featx.cli.options import gather_options
from featx.heads.names import HEAD_NAMES

if TYPE_CHECKING:
    from featx.sources import Sample
    from featx.tasks import Task

__all__ = ["TargetChoice", "target_options"]

F = TypeVar("F", bound=Callable[..., Any])

_HEADS = f"{', '.join(HEAD_NAMES[:-1])}, or auto to choose among all but the last"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetChoice:
    """The options that say what is predicted, by which head, and how samples are split."""

    task: str | None
    head: str | None = None
    seed: int
    balance: bool
    log_target: bool
    threshold: float | None
    groups: str | None
    min_samples: int | None
    unlabelled: str
    # Of commands that have these options.
    test_size: float | None = None
    target_error: float | None = None
    keep_rows: bool | None = None
    keep_samples: bool = True

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of ``featx.fit`` that these options stand for."""
        values = asdict(self)
        values["random_state"] = values.pop("seed")
        values["class_weight"] = "balanced" if values.pop("balance") else None
        return values

    def measuring_arguments(self) -> dict[str, Any]:
        """Return the arguments of what measures without saving; groups stand in samples that ``check`` gave."""
        values = self.arguments()
        for name in ("groups", "test_size", "target_error", "keep_rows", "keep_samples"):
            del values[name]
        return values

    def check(self, task: Task, samples: Sequence[Sample]) -> list[Sample]:
        """Refuse targets of which no predictor can be trained; return the samples with their groups."""
        import warnings

        from featx.labelled import LabelledSamples

        with warnings.catch_warnings():
            # What is left out is said once, when it is.
            warnings.simplefilter("ignore")
            grouped = LabelledSamples.of(samples, groups=self.groups)
            given = grouped.for_task(
                task,
                min_samples=self.min_samples,
                unlabelled=self.unlabelled,
                by_default=self.task is None,
            )
            given.design([sample.id for sample in given.samples])
        return grouped.whole


def target_options(function: F, *, without: Sequence[str] = ()) -> F:
    """Give a command ``--task``, ``--head`` and their like as one ``TargetChoice`` named ``target``.

    Parameters
    ----------
    without : sequence of str, default=()
        Names of options that the command has not, or has in another form.
    """
    options = {
        "task": click.option(
            "--task",
            type=click.Choice(["classification", "multilabel", "regression"]),
            help="What is predicted of a sample: a label, several labels, or numbers [default: a label].",
        ),
        "head": click.option(
            "--head",
            metavar="NAME",
            help=f"{_HEADS}; numbers and several labels have no lda and no centroid [default: logistic; of a "
            "regression ridge].",
        ),
        "seed": click.option(
            "--seed",
            default=0,
            show_default=True,
            type=click.IntRange(min=0),
            help="Decides the folds.",
        ),
        "balance": click.option("--balance", is_flag=True, help="Let every class weigh the same."),
        "log-target": click.option(
            "--log-target", is_flag=True, help="Predict the logarithm of numbers."
        ),
        "threshold": click.option(
            "--threshold",
            type=float,
            metavar="P",
            help="Probability from which a label is given [default: one a label, chosen on samples left "
            "out].",
        ),
        "target-error": click.option(
            "--target-error",
            type=float,
            metavar="SHARE",
            help="Share of answers that may be wrong: below the probability that holds it (with 95 % "
            "confidence) the answer is unsure; the report tells how much is answered.",
        ),
        "groups": click.option(
            "--groups",
            metavar="PATTERN",
            help="Regular expression that finds the group of a sample in its name, such as _([a-z]+)_ for a "
            "speaker; or parent for the folder above. No group is both in training and in measuring.",
        ),
        "test-size": click.option(
            "--test-size",
            type=float,
            metavar="SHARE",
            help="Share of the samples to measure on [default: a fifth; of few all in turn].",
        ),
        "min-samples": click.option(
            "--min-samples",
            type=click.IntRange(min=1),
            metavar="N",
            help="Leave out, by name, classes or labels of fewer samples.",
        ),
        "unlabelled": click.option(
            "--unlabelled",
            type=click.Choice(["fail", "skip"]),
            default="fail",
            show_default=True,
            help="What to do with samples without a label.",
        ),
        "keep-rows": click.option(
            "--keep-rows/--no-keep-rows",
            default=None,
            help="Keep the rows of at most 10 000 training samples in it, as float16, or of none [default: as "
            "many as 4 MB hold].",
        ),
        "keep-samples": click.option(
            "--keep-samples/--no-keep-samples",
            default=True,
            show_default=True,
            help="Keep ids, digests, targets, out-of-fold scores and rows of training samples in it.",
        ),
    }
    chosen = [option for name, option in options.items() if name not in without]
    return gather_options(function, chosen, TargetChoice, "target")
