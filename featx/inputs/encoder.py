"""The protocol of encoders: what makes columns of a row of the values of a table, without any backbone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, Self

from featx._lazy import load_named
from featx._typing import FloatArray
from featx.errors import BadArtifact

__all__ = ["ENCODERS", "ColumnEncoder", "encoder_class", "read_encoder"]

ENCODERS: Mapping[str, str] = MappingProxyType(
    {
        "number": "featx.inputs.numbers:NumberEncoder",
        "category": "featx.inputs.categories:CategoryEncoder",
        "date": "featx.inputs.dates:DateEncoder",
        "vector": "featx.inputs.vectors:VectorEncoder",
    }
)


class ColumnEncoder(Protocol):
    """The maker of columns from the cells of one column of a table; it was fitted on those of training.

    A cell is read first (``read``), so that each that makes no sense is the reject of its own row; what was
    read is encoded. Encoders change nothing of themselves and say nothing: what is doubtful is asked of them.

    Examples
    --------
    >>> encoder, notes = encoder_class("category").fit(["red", "blue", "red"] * 5, "colour")
    >>> encoder.encode([encoder.read("blue")]).shape == (1, encoder.dim)
    True
    """

    kind: ClassVar[str]
    """One of ``VALUE_KINDS``."""

    @classmethod
    def fit(cls, cells: Sequence[Any], name: str) -> tuple[Self, tuple[str, ...]]:
        """Return the encoder of the cells of training, and what there is to say of them.

        Parameters
        ----------
        cells : sequence of n cells
            As the table has them; None where one is empty.
        name : str
            That of the input, for messages.

        Raises
        ------
        BadSample
            No encoder can be made of them: all are empty, say.
        """

    @property
    def name(self) -> str:
        """The name of the input, for messages."""

    @property
    def dim(self) -> int:
        """The number of its columns."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its columns, which begin with that of the input."""

    @property
    def fingerprint(self) -> str:
        """A digest of everything that decides a row, besides its cell."""

    def read(self, cell: Any) -> Any:
        """Return the value of a cell, None where it is empty.

        Raises
        ------
        BadSample
            It makes no sense: why, without the name of the input.
        """

    def encode(self, values: Sequence[Any]) -> FloatArray:
        """Return the columns of values that were read; shape (n, dim), float32, finite."""

    def is_doubtful(self, value: Any) -> bool:
        """Return whether a value is unlike all of training, such as a category that was never seen."""

    @property
    def on_doubts(self) -> str:
        """Return what is done with values that are doubtful, in words."""

    def describe(self) -> str:
        """Return what it makes of the column, in one line for the report."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""

    @classmethod
    def from_dict(cls, table: Mapping[str, Any], name: str) -> Self:
        """Return the encoder that ``to_dict`` wrote; raise BadArtifact for what no encoder can be."""


def encoder_class(kind: str) -> type[ColumnEncoder]:
    """Return the class of the encoders of a kind among ``VALUE_KINDS``."""
    found: type[ColumnEncoder] = load_named(ENCODERS[kind])
    return found


def read_encoder(table: Any, name: str) -> ColumnEncoder:
    """Return the encoder that ``to_dict`` wrote, of whatever kind.

    Raises
    ------
    BadArtifact
        It is none.
    """
    kind = table.get("kind") if isinstance(table, Mapping) else None
    if not isinstance(kind, str) or kind not in ENCODERS:
        raise BadArtifact(
            f"input {name!r:.60}: expected an encoder of one of the kinds {', '.join(ENCODERS)}, "
            f"found {kind!r:.60}"
        )
    return encoder_class(kind).from_dict(table, name)
