"""Where an optimised backbone comes from, and how near to its parent it is: what its card says of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from featx.errors import BadCard

__all__ = ["PRECISIONS", "QuantizationInfo"]

PRECISIONS = ("int8", "fp16-weights")


@dataclass(frozen=True, slots=True)
class QuantizationInfo:
    """The ``[optimized]`` table of a card, written by ``featx optimize``: its figures are of that day."""

    parent: str  # name of the backbone that it was made of
    parent_sha256: str  # of the parent's graph
    precision: str  # int8: weights and arithmetic of most layers; fp16-weights: stored so, computed in fp32
    cosine_mean: float  # of rows with the parent's, on held-out samples
    cosine_worst: float
    held_out: int  # samples of which the cosines are
    batch_bits: int  # lowest bits in which a row differs alone and in batches of 4 and 16; 0: none
    rate: float  # times the parent's samples per second, decoding included, one thread
    size: float  # times the parent's bytes
    calibration: int = 0  # samples whose values set the ranges of integers
    layers: int = 0  # that were quantised
    float_layers: tuple[str, ...] = ()  # that could be, and were left in float for fidelity
    # Bits of integer weights: 7 gives the same rows on every processor, 8 is for one kind of machine and is
    # checked when the backbone is opened. None: weights are floats, or the card is older than this entry.
    weight_bits: int | None = None
    # By how many steps of an eight-bit number some layer differed from the same layer computed exactly, on the
    # machine that made it. 0 or 1 is rounding; more says that sums saturate there.
    steps_from_exact: int | None = None
    probe: str | None = None  # how accuracy was measured: hold-out, or nested cross-validation
    probe_before: float | None = None  # accuracy of a linear head on rows of the parent
    probe_after: float | None = None
    probe_samples: int | None = None  # on which the accuracies were measured

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> QuantizationInfo:
        """What a card's table says; raises BadCard where it says what cannot be."""
        kinds = {field.name: str(field.type) for field in fields(cls)}
        # What cards called it before.
        table = {{"floats": "float_layers"}.get(key, key): table[key] for key in table}
        if strangers := sorted(set(table) - set(kinds)):
            raise BadCard(f"[optimized] unknown key {strangers[0]!r}; known: {', '.join(kinds)}")
        needed = {field.name for field in fields(cls) if field.default is MISSING}
        if lacking := sorted(needed - set(table)):
            raise BadCard(f"[optimized] missing {lacking[0]!r}")
        values = {key: _value(key, table[key], kinds[key]) for key in table}
        if values["precision"] not in PRECISIONS:
            known = ", ".join(PRECISIONS)
            raise BadCard(
                f"[optimized] precision = {values['precision']!r}: expected one of {known}"
            )
        if values.get("weight_bits", 7) not in (7, 8):
            raise BadCard(f"[optimized] weight_bits = {values['weight_bits']}: expected 7 or 8")
        return cls(**values)

    def to_table(self) -> dict[str, Any]:
        """The table, without what was not measured."""
        pairs = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in pairs.items()
            if value is not None
        }


def _value(key: str, value: Any, kind: str) -> Any:
    """A value of the kind that the field says, with lists as tuples and whole numbers as they are meant."""
    if kind.startswith("tuple"):
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(value)
        raise BadCard(f"[optimized] {key} = {value!r}: expected a list of names")
    wanted: Any = {"str": str, "int": int, "float": (int, float)}[kind.removesuffix(" | None")]
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise BadCard(f"[optimized] {key} = {value!r}: expected {kind.removesuffix(' | None')}")
    return float(value) if kind.startswith("float") else value
