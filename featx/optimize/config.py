"""Say what is asked of an optimised backbone: the kind of its weights, and how near its rows must be."""

from __future__ import annotations

from dataclasses import dataclass, field

from featx.errors import BadOption

__all__ = ["WEIGHTS", "QuantizationConfig", "Tolerance"]

WEIGHTS = ("int8", "fp16")


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Limits on how far an optimised backbone may be from its parent.

    Parameters
    ----------
    max_drop : float, default=0.5
        Points of the probe's accuracy that may be lost, on average over the labelled sources.
    min_cosine : float, default=0.994
        Mean cosine of held-out rows with the parent's.
    """

    max_drop: float = 0.5
    min_cosine: float = 0.994


@dataclass(frozen=True, slots=True)
class QuantizationConfig:
    """The settings with which an optimised backbone is made.

    Parameters
    ----------
    name : str, default=None
        Name of the new backbone; None is the parent's with ``-int8`` or ``-fp16``.
    weights : {"int8", "fp16"}, default="int8"
        ``int8`` computes convolutions, or dense layers, in eight-bit integers. ``fp16`` only stores the
        weights in half the bytes.
    for_this_machine : bool, default=False
        Whether integer weights take all eight bits where this processor adds their products exactly, and layers
        that integers do not make faster here stay in float. With the seven bits of the default, and
        where eight saturate (processors without VNNI), rows are the same on every processor; with
        eight the backbone checks its canary whenever it is opened.
    tolerance : Tolerance, default=Tolerance()
        How far rows may be from the parent's.

    Raises
    ------
    BadOption
        ``weights`` is unknown, or ``for_this_machine`` is asked of weights that stay floats.
    """

    name: str | None = None
    weights: str = "int8"
    for_this_machine: bool = False
    tolerance: Tolerance = field(default_factory=Tolerance)

    def __post_init__(self) -> None:
        if self.weights not in WEIGHTS:
            raise BadOption(f"weights {self.weights!r}: expected one of {', '.join(WEIGHTS)}")
        if self.for_this_machine and self.weights != "int8":
            raise BadOption(
                f"for_this_machine with weights {self.weights!r}: expected int8; floats are the same "
                "on every machine"
            )

    @property
    def weight_bits(self) -> int | None:
        """The bits of an integer weight that are asked for, 7 or 8; None where weights stay floats."""
        if self.weights != "int8":
            return None
        return 8 if self.for_this_machine else 7
