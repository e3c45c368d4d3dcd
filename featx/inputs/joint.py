"""Joint rows of the inputs of a predictor: its backbones and encoders as parts of one embedder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from featx._typing import FloatArray
from featx.backbones.backbone import Backbone, open_backbone
from featx.backbones.providers import CPU, Provider
from featx.catalog import Card, default_card
from featx.catalog.tap_names import read_name
from featx.embedding.embedder import BaselineEmbedder
from featx.embedding.joint_rows import InputPart, JointEmbedder
from featx.errors import BadOption
from featx.inputs.cells import show_text
from featx.inputs.encoder import ColumnEncoder
from featx.inputs.input import Input, is_joint, joint_fingerprint
from featx.inputs.scaling import InputBlock
from featx.inputs.spec import InputSpec

__all__ = [
    "EncoderEmbedder",
    "baseline_blocks",
    "baseline_name",
    "blocks_of",
    "card_of",
    "joint_blocks",
    "open_joint",
    "open_joint_baseline",
]

# Cells that are encoded together.
_CHUNK = 256
# Kinds whose words on doubts hold no number of training, which those who ask a server need not learn.
_WITHOUT_NUMBERS = ("category", "vector")
# Values that are doubtful of which a message tells.
_EXAMPLES = 3


class CellReader:
    """The reader of an encoder: cells are contents, and what was read of them are items."""

    def __init__(self, encoder: ColumnEncoder, *, examine: bool) -> None:
        self.chunk_size = self.batch_size = _CHUNK
        self._encoder, self._examine = encoder, examine
        # Some values that are doubtful, each once.
        self._examples: dict[str, None] = {}

    def load(self, data: Any) -> Any:
        """Return the cell."""
        return data

    def digest(self, content: Any) -> bytes:
        """Return the digest of a cell as it is shown."""
        return hashlib.sha256(f"{type(content).__name__} {content!r}".encode()).digest()

    def read(self, content: Any) -> Any:
        """Return the value of a cell; raise BadSample where it makes no sense."""
        return self._encoder.read(content)

    def is_doubtful(self, item: Any) -> bool:
        """Return whether a value is unlike all of training."""
        doubtful = self._examine and self._encoder.is_doubtful(item)
        if doubtful and len(self._examples) < _EXAMPLES:
            self._examples[_show(item)] = None
        return doubtful

    def describe_doubt(self, item: Any, name: str) -> str:
        """Return what to say of a value that is doubtful."""
        said = f"{_show(item)} is unlike all of training"
        if self._encoder.kind in _WITHOUT_NUMBERS:
            return f"{said}: {self._encoder.on_doubts}"
        return f"{said}: the median stands in for it" if item is None else said

    def describe_doubts(self, count: int, examined: int, name: str) -> str:
        """Return what to say of values that are doubtful."""
        verb = "is" if count == 1 else "are"
        shown = ", ".join(self._examples)
        return (
            f"{count} of {examined} values {verb} unlike all of training ({shown}): "
            f"{self._encoder.on_doubts}"
        )


def _show(item: Any) -> str:
    """Return a value that was read as a message has it."""
    return "an empty cell" if item is None else show_text(item)


class EncoderEmbedder:
    """An encoder of a table's cells as an engine drives it.

    Parameters
    ----------
    encoder : ColumnEncoder
    examine : bool, default=True
        Whether to look for values that are unlike all of training.
    """

    def __init__(self, encoder: ColumnEncoder, *, examine: bool = True) -> None:
        self.name, self.fingerprint, self.cache_key = encoder.name, *[encoder.fingerprint] * 2
        self.chunk_size = self.batch_size = _CHUNK
        self.dim, self.reader, self._encoder = (
            encoder.dim,
            CellReader(encoder, examine=examine),
            encoder,
        )

    def embed_items(self, items: Sequence[Any], batch_size: int | None = None) -> FloatArray:
        """Return the columns of values that were read; shape (n, dim), float32."""
        return self._encoder.encode(items)


def blocks_of(inputs: Sequence[Input]) -> tuple[InputBlock, ...]:
    """Return the columns of each input in a joint row."""
    return InputBlock.of_widths([one.name for one in inputs], [one.dim for one in inputs])


def card_of(spec: InputSpec) -> Card:
    """Return the card of an input that has a backbone: the named one, or the one for such samples.

    Raises
    ------
    UnknownBackbone
        No model directory has it.
    BadOption
        It reads something else, or has no such tap or pooling.
    """
    card = read_name(spec.backbone) if spec.backbone else default_card(spec.kind)
    if card.modality != spec.kind:
        raise BadOption(
            f"input {spec.name!r:.60}: is a {spec.kind}, and {card.name} reads {card.modality}s; "
            f"name a backbone for {spec.kind}s"
        )
    return card


def joint_blocks(inputs: Sequence[Input]) -> tuple[InputBlock, ...]:
    """Return the columns of each input in a joint row; none where the sample is the only input itself."""
    return blocks_of(inputs) if is_joint(inputs) else ()


def open_joint(
    inputs: Sequence[Input], provider: Provider = CPU, *, examine: bool = True
) -> JointEmbedder:
    """Return what makes joint rows; backbones are opened, and shared within the process.

    Parameters
    ----------
    inputs : sequence of Input
        With columns.
    provider : Provider, default=CPU
    examine : bool, default=True
        Whether encoders look for values that are unlike all of training.

    Raises
    ------
    MissingWeights, WrongDigest
        The bytes of a backbone are not on this machine, or others are in their place.
    """
    parts = tuple(_part(one, provider, examine=examine) for one in inputs)
    return JointEmbedder(parts, joint_fingerprint(inputs))


def _part(one: Input, provider: Provider, *, examine: bool) -> InputPart:
    if not one.has_backbone:
        embedder = EncoderEmbedder(one.encoder, examine=examine)
        return InputPart(
            one.name, embedder, one.columns, several=False, cached=False, missing="read"
        )
    backbone: Backbone = open_backbone(one.card, provider)
    return InputPart(one.name, backbone, one.columns, missing=one.missing, filling=one.filling)


def open_joint_baseline(inputs: Sequence[Input]) -> JointEmbedder:
    """Return what makes joint rows without any backbone: raw pixels, words or mel bands in its place.

    Inputs with an encoder are as they are.

    Parameters
    ----------
    inputs : sequence of Input
        With columns.
    """
    parts = tuple(
        InputPart(one.name, BaselineEmbedder(one.card.input), one.columns, missing=one.missing)
        if one.has_backbone
        else _part(one, CPU, examine=False)
        for one in inputs
    )
    return JointEmbedder(parts, f"{joint_fingerprint(inputs)} without backbones")


def baseline_name(inputs: Sequence[Input]) -> str:
    """Return what ``open_joint_baseline`` makes rows of; '' where no input has a backbone.

    >>> import featx
    >>> photo = Input("photo", "image", featx.get_card("featx-image-nano"), ("photo",))
    >>> baseline_name([photo])
    'raw pixels'
    """
    if not any(one.has_backbone for one in inputs):
        return ""
    names = [one.card.input.baseline_name if one.has_backbone else one.name for one in inputs]
    return " + ".join(dict.fromkeys(names))


def baseline_blocks(inputs: Sequence[Input]) -> tuple[InputBlock, ...]:
    """Return the columns of each input in a row of ``open_joint_baseline``."""
    parts = open_joint_baseline(inputs).parts
    return InputBlock.of_widths([part.name for part in parts], [part.dim for part in parts])
