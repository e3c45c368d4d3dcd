"""Quantization info: what a card says of the backbone that it was optimised from, and how near it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from featx.errors import BadCard

__all__ = ["PRECISIONS", "QuantizationInfo"]

PRECISIONS = ("int8", "fp16-weights", "fp32")


@dataclass(frozen=True, slots=True)
class QuantizationInfo:
    """The ``[optimized]`` table of a card, written by ``featx optimize``: its figures are of that day.

    Attributes
    ----------
    parent, parent_sha256 : str
        Name of the backbone that it was made of, and the digest of its graph.
    precision : str
        int8: weights and arithmetic of most layers; fp16-weights: stored so, computed in fp32; fp32: the
        parent's own graph, which the provider makes faster.
    cosine_mean, cosine_worst : float
        Cosines of rows with the parent's, on held-out samples.
    held_out : int
        Samples of which the cosines are.
    batch_bits : int
        Lowest bits in which a row differs alone and in batches of 4 and 16; 0 is none.
    rate : float
        Times the parent's samples per second, decoding included, one thread.
    size : float
        Times the parent's bytes.
    calibration : int
        Samples whose values set the ranges of integers.
    layers : int
        Layers that were quantised.
    float_layers : tuple of str
        Layers that could be, and were left in float for fidelity.
    weight_bits : int or None
        Bits of integer weights: 7 gives the same rows on every processor, 8 is for one kind of machine and
        is checked when the backbone is opened. None: weights are floats, or the card is older than this
        entry.
    steps_from_exact : int or None
        By how many steps of an eight-bit number some layer differed from the same layer computed exactly,
        on the machine that made it. 0 or 1 is rounding; more says that sums saturate there.
    probe : str or None
        How accuracy was measured: hold-out, or nested cross-validation.
    probe_before, probe_after : float or None
        Accuracy of a linear head on rows of the parent, and on its own.
    probe_samples : int or None
        Samples on which the accuracies were measured.
    slow_layers : tuple of str
        Layers that could be, and were left in float because integers did not make them faster on the machine
        that it was made for.
    provider : str or None
        The provider with which it was measured, such as ``openvino:bf16``, and on which it is computed where
        that is installed; None is the CPU's own.
    """

    parent: str
    parent_sha256: str
    precision: str
    cosine_mean: float
    cosine_worst: float
    held_out: int
    batch_bits: int
    rate: float
    size: float
    calibration: int = 0
    layers: int = 0
    float_layers: tuple[str, ...] = ()
    weight_bits: int | None = None
    steps_from_exact: int | None = None
    probe: str | None = None
    probe_before: float | None = None
    probe_after: float | None = None
    probe_samples: int | None = None
    slow_layers: tuple[str, ...] = ()
    provider: str | None = None

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> QuantizationInfo:
        """Return what a card's table says; raises BadCard where it says what cannot be."""
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
        """Return the table, without what was not measured."""
        pairs = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in pairs.items()
            if value is not None and (key, value) != ("slow_layers", ())
        }


def _value(key: str, value: Any, kind: str) -> Any:
    """Return a value of the kind that the field says, with lists as tuples and integers as floats."""
    if kind.startswith("tuple"):
        if isinstance(value, list) and all(isinstance(name, str) for name in value):
            return tuple(value)
        raise BadCard(f"[optimized] {key} = {value!r}: expected a list of names")
    wanted: Any = {"str": str, "int": int, "float": (int, float)}[kind.removesuffix(" | None")]
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise BadCard(f"[optimized] {key} = {value!r}: expected {kind.removesuffix(' | None')}")
    return float(value) if kind.startswith("float") else value
