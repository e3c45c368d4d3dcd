"""One input of a predictor: what it reads, and by which backbone or encoder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from featx._typing import FloatArray
from featx.catalog import Card
from featx.embedding.joint_rows import Missing
from featx.errors import BadOption
from featx.inputs.encoder import ColumnEncoder
from featx.inputs.spec import InputSpec

__all__ = ["Input", "is_joint", "joint_fingerprint", "only_input"]


@dataclass(frozen=True, slots=True)
class Input:
    """One named input that a predictor reads, with its backbone, or its encoder of a table's cells.

    Attributes
    ----------
    name : str
        Such as "image".
    kind : str
        The modality, "image", "text" or "audio", or "number", "category", "date" or "vector".
    source : Card or ColumnEncoder
        The card with all that was changed of it, ``source.fingerprint`` is that of the rows on which the head
        was trained; or the encoder.
    columns : tuple of str, default=()
        The columns of a table, or keys of a record, that it reads: one, or the two of a pair. () is the sample
        itself, where it is the only input.
    missing : {"reject", "zero"}, default="reject"
        Whether a sample without a value is refused, or its block says nothing.
    filling : ndarray of shape (dim,), float32, or None
        The block of a sample without a value: the mean of training.

    Examples
    --------
    >>> import featx
    >>> Input("image", "image", featx.get_card("featx-image-nano")).card.dim
    384
    """

    name: str
    kind: str
    source: Card | ColumnEncoder
    columns: tuple[str, ...] = ()
    missing: Missing = "reject"
    filling: FloatArray | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of_card(cls, card: Card) -> Input:
        """Return the only input of a predictor, named like what its backbone reads."""
        return cls(card.modality, card.modality, card)

    @property
    def spec(self) -> InputSpec:
        """The account of what it reads, as ``fit`` was told."""
        name = self.source.name if isinstance(self.source, Card) else None
        return InputSpec(self.name, self.kind, self.columns, name)

    @property
    def has_backbone(self) -> bool:
        """Tell whether a backbone reads it, and not an encoder of values."""
        return isinstance(self.source, Card)

    @property
    def card(self) -> Card:
        """The card of its backbone.

        Raises
        ------
        BadOption
            It has none: it is encoded.
        """
        if isinstance(self.source, Card):
            return self.source
        raise BadOption(f"input {self.name!r:.60}: is a {self.kind}, which has no backbone")

    @property
    def encoder(self) -> ColumnEncoder:
        """The encoder of its values.

        Raises
        ------
        BadOption
            It has none: it has a backbone.
        """
        if isinstance(self.source, Card):
            raise BadOption(
                f"input {self.name!r:.60}: is read by {self.source.name}, which is no encoder"
            )
        return self.source

    @property
    def pair(self) -> bool:
        """Tell whether two columns are compared."""
        return len(self.columns) > 1

    @property
    def dim(self) -> int:
        """The number of columns of its block."""
        return (self.source.dim or 0) * (2 if self.pair else 1)

    @property
    def label(self) -> str:
        """The maker of its rows, in a word: the name of the backbone, or the kind."""
        return self.source.name if isinstance(self.source, Card) else self.kind

    def describe(self) -> str:
        """Return the input in a few words, such as ``photo: featx-image-nano``."""
        return f"{self.name}: {self.label}"


def is_joint(inputs: Sequence[Input]) -> bool:
    """Return whether a sample is a record of values, and not the value of the only input itself."""
    return len(inputs) > 1 or bool(inputs[0].columns)


def joint_fingerprint(inputs: Sequence[Input]) -> str:
    """Return the digest of all that decides a joint row; of a single input without columns that of its card."""
    if not is_joint(inputs):
        return inputs[0].source.fingerprint
    entries: list[list[Any]] = []
    for one in inputs:
        filling = None if one.filling is None else hashlib.sha256(one.filling.tobytes()).hexdigest()
        # Names of columns say where values stand, and nothing of the rows.
        entries.append(
            [one.name, one.kind, one.source.fingerprint, len(one.columns), one.missing, filling]
        )
    return hashlib.sha256(json.dumps(["inputs", entries]).encode()).hexdigest()


def only_input(inputs: Sequence[Input], what: str = "") -> Input:
    """Return the only input of a predictor, one that has a backbone.

    Parameters
    ----------
    what : str, default=""
        What cannot be done with others, for the message: "export".

    Raises
    ------
    BadOption
        There are several, or it reads columns of a table.

    Examples
    --------
    >>> import featx
    >>> one = Input("image", "image", featx.get_card("featx-image-nano"))
    >>> only_input([one], "export").name
    'image'
    """
    if not is_joint(inputs) and inputs[0].has_backbone:
        return inputs[0]
    names = ", ".join(one.name for one in inputs)
    noun = "one input" if len(inputs) == 1 else f"{len(inputs)} inputs"
    raise BadOption(
        f"{what or 'predictor'}: reads {noun} of a table ({names:.200}); expected one of a single image, text "
        "or sound here, for which alone this works today"
    )
