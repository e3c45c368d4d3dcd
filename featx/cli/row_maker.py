"""The maker of rows that a command names: a backbone, or a predictor, whose rows its head is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from featx.cli.options import RunChoice, SourceChoice, gather_options, was_typed
from featx.cli.paths import PredictorPath
from featx.cli.sample_reader import SampleReader

if TYPE_CHECKING:
    from featx.backbones.backbone import Backbone
    from featx.embedding.joint_rows import JointEmbedder
    from featx.predictor import Predictor

__all__ = ["RowMaker", "RowMakerChoice", "row_maker_options"]

F = TypeVar("F", bound=Callable[..., Any])
_OF_BACKBONES = ("backbone", "tap", "pooling", "normalize", "set", "modality")


@dataclass(frozen=True, slots=True)
class RowMaker:
    """A backbone, or the inputs of a predictor, with the reader of its samples.

    Attributes
    ----------
    embedder : Backbone or JointEmbedder
    reader : SampleReader
    predictor : Predictor or None
    """

    embedder: Backbone | JointEmbedder
    reader: SampleReader
    predictor: Predictor | None = None

    @classmethod
    def of_backbone(cls, backbone: Backbone, columns: SourceChoice) -> RowMaker:
        """Return the maker of the rows of a backbone."""
        return cls(backbone, SampleReader(columns, backbone.card))

    @property
    def is_joint(self) -> bool:
        """Tell whether rows are of several inputs."""
        return self.reader.card is None


@dataclass(frozen=True, slots=True)
class RowMakerChoice:
    """The options that name a predictor whose rows are meant, and where the rows of its vectors lie."""

    predictor: Path | None
    vectors: tuple[str, ...]

    def open(self, columns: SourceChoice, run: RunChoice) -> RowMaker | None:
        """Return the maker of the rows of the predictor; None where none is named.

        Raises
        ------
        click.UsageError
            A backbone stands beside it, or inputs are named without one.
        """
        if self.predictor is None:
            if self.vectors:
                raise click.UsageError(
                    f"--input {self.vectors[0]}: what reads the columns of a table is fitted in training; "
                    "train with `featx fit` and name what it wrote: --predictor NAME.featx"
                )
            return None
        for name in _OF_BACKBONES:
            if was_typed(name):
                raise click.UsageError(
                    f"--{name}: the predictor has its own backbones; leave it out"
                )
        from featx.persistence.artifact import load

        loaded = load(self.predictor, provider=run.provider)
        reader = SampleReader.of(loaded, columns, self.vectors)
        return RowMaker(loaded.open_embedder(), reader, loaded)


def row_maker_options(function: F) -> F:
    """Give a command ``--predictor --input`` as one ``RowMakerChoice`` named ``maker``."""
    options = [
        click.option(
            "--predictor",
            type=PredictorPath(),
            metavar="NAME.featx",
            help="Rows as this predictor's head is given them: of its backbone, or of its several inputs.",
        ),
        click.option(
            "--input",
            "vectors",
            metavar="COLUMN:vector:PATH",
            multiple=True,
            help="Where the rows of a vector lie, if the predictor has one; its other inputs it knows.",
        ),
    ]
    return gather_options(function, options, RowMakerChoice, "maker")
