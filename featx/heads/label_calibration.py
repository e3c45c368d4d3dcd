"""Probabilities of labels, made of a score a label, and which labels are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from featx._typing import Doubles
from featx.errors import BadArtifact

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder

__all__ = ["LabelCalibration"]


@dataclass(frozen=True, slots=True)
class LabelCalibration:
    """A logistic function of the score a label, and the probability from which the label is given.

    Attributes
    ----------
    slopes, offsets, thresholds : tuple of L floats
        The probability is 1 / (1 + exp(-(slope * score + offset))).

    Notes
    -----
    Platt, "Probabilistic outputs for support vector machines", 1999.

    Examples
    --------
    >>> LabelCalibration((1.0, 1.0), (0.0, 0.0), (0.5, 0.6)).apply(np.array([[0.0, 0.0]]))
    array([[0.5, 0.5, 1. , 0. ]])
    """

    slopes: tuple[float, ...]
    offsets: tuple[float, ...]
    thresholds: tuple[float, ...]

    method: ClassVar[str] = "labels"

    def n_columns(self, n_outputs: int) -> int:
        """Return two columns a label: its probability, and whether it is given."""
        return 2 * n_outputs

    def probabilities(self, scores: Doubles) -> Doubles:
        """Return the probability of each label; shape (n, L)."""
        logits = scores * np.asarray(self.slopes) + np.asarray(self.offsets)
        # Both branches are exact where the other would overflow.
        small = np.exp(-np.abs(logits))
        return np.asarray(np.where(logits >= 0, 1 / (1 + small), small / (1 + small)))

    def apply(self, scores: Doubles) -> Doubles:
        """Return probabilities, then 1 for each label that is given and 0 for the others; shape (n, 2 L)."""
        # Compared as they are given out, so that whoever compares again comes to the same.
        probabilities = self.probabilities(scores).astype(np.float32)
        given = probabilities >= np.asarray(self.thresholds, np.float32)
        return np.concatenate([probabilities, given], axis=1).astype(np.float64)

    def scale_of(self, outputs: Doubles) -> Doubles:
        """Return 1 for each probability, and for whether the label is given."""
        return np.ones_like(outputs)

    def to_dict(self) -> dict[str, Any]:
        """Return the method and all numbers, as JSON values."""
        return {
            "method": self.method,
            "slopes": list(self.slopes),
            "offsets": list(self.offsets),
            "thresholds": list(self.thresholds),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return what ``to_dict`` described; raise BadArtifact where it did not."""
        parts = [values.get(key) for key in ("slopes", "offsets", "thresholds")]
        for part in parts:
            plain = isinstance(part, list) and all(
                isinstance(one, int | float) and not isinstance(one, bool) and np.isfinite(one)
                for one in part
            )
            if not plain:
                raise BadArtifact(
                    f"calibration 'labels': {part!r:.40}: expected numbers; save the head again"
                )
        slopes, offsets, thresholds = (tuple(map(float, part or ())) for part in parts)
        if not len(slopes) == len(offsets) == len(thresholds) or not slopes:
            raise BadArtifact("calibration 'labels': its values do not fit; save the head again")
        return cls(slopes, offsets, thresholds)

    def add_nodes(self, graph: GraphBuilder, scores: str) -> str:
        """Add ``apply`` to an ONNX graph."""
        from featx.graphs.builder import DOUBLE

        scaled = graph.add("Mul", scores, graph.constant(self.slopes))
        logits = graph.add("Add", scaled, graph.constant(self.offsets))
        # Compared in float32, as they are given out.
        probabilities = graph.to_float32(graph.add("Sigmoid", logits))
        limits = graph.constant(self.thresholds, np.float32)
        given = graph.cast(graph.add("GreaterOrEqual", probabilities, limits), DOUBLE)
        return graph.add("Concat", graph.cast(probabilities, DOUBLE), given, axis=1)
