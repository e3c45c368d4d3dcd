"""Numbers in their own unit with intervals, made of the standardised ones that an estimator gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from featx._typing import Doubles
from featx.errors import BadArtifact

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder

__all__ = ["COVERAGE", "NumberScaling"]

# The chance with which an interval covers a new sample, where nothing else is said.
COVERAGE = 0.9
# The largest logarithm whose number float32 holds.
_LARGEST_LOG = 88.0


@dataclass(frozen=True, slots=True)
class NumberScaling:
    """Undo the standardisation of targets, and put a split-conformal interval around each number.

    Attributes
    ----------
    center, scale : tuple of k floats
        The mean and the standard deviation of the training targets, or of their logarithms.
    radius : tuple of k floats
        Half the width of the interval, in standardised numbers: the quantile of absolute residuals of samples
        left out that covers a new sample with the chance ``coverage``.
    log : bool, default=False
        Whether the standardised numbers are logarithms.
    coverage : float, default=0.9

    Notes
    -----
    Lei et al., "Distribution-free predictive inference for regression", 2018.

    Examples
    --------
    >>> NumberScaling((10.0,), (2.0,), (0.5,)).apply(np.array([[1.0]]))
    array([[12., 11., 13.]])
    """

    center: tuple[float, ...]
    scale: tuple[float, ...]
    radius: tuple[float, ...]
    log: bool = False
    coverage: float = COVERAGE

    method: ClassVar[str] = "numbers"

    def n_columns(self, n_outputs: int) -> int:
        """Return three columns a number: itself, and the ends of its interval."""
        return 3 * n_outputs

    def apply(self, scores: Doubles) -> Doubles:
        """Return numbers, then the lower ends of their intervals, then the upper; shape (n, 3 k)."""
        radius = np.asarray(self.radius)
        parts = [scores, scores - radius, scores + radius]
        center, scale = np.asarray(self.center), np.asarray(self.scale)
        numbers = np.concatenate([part * scale + center for part in parts], axis=1)
        return np.exp(np.minimum(numbers, _LARGEST_LOG)) if self.log else numbers

    def scale_of(self, outputs: Doubles) -> Doubles:
        """Return the standard deviation of the targets, of logarithms the factor that stands for it."""
        scale = np.tile(self.scale, 3)
        return np.asarray(
            np.abs(outputs) * scale if self.log else np.broadcast_to(scale, outputs.shape)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the method and all numbers, as JSON values."""
        return {
            "method": self.method,
            "center": list(self.center),
            "scale": list(self.scale),
            "radius": list(self.radius),
            "log": self.log,
            "coverage": self.coverage,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return what ``to_dict`` described; raise BadArtifact where it did not."""
        center = _numbers(values, "center")
        scale = _numbers(values, "scale", least=np.finfo(np.float64).tiny)
        radius = _numbers(values, "radius", least=0.0)
        log, coverage = values.get("log"), values.get("coverage")
        fits = len(center) == len(scale) == len(radius)
        if not isinstance(log, bool) or not isinstance(coverage, int | float) or not fits:
            raise BadArtifact("calibration 'numbers': its values do not fit; save the head again")
        if not 0 < coverage < 1:
            raise BadArtifact("calibration 'numbers': its values do not fit; save the head again")
        return cls(center, scale, radius, log, float(coverage))

    def add_nodes(self, graph: GraphBuilder, scores: str) -> str:
        """Add ``apply`` to an ONNX graph."""
        radius = graph.constant(self.radius)
        parts = [scores, graph.add("Sub", scores, radius), graph.add("Add", scores, radius)]
        center, scale = graph.constant(self.center), graph.constant(self.scale)
        numbers = [graph.add("Add", graph.add("Mul", part, scale), center) for part in parts]
        joined = graph.add("Concat", *numbers, axis=1)
        if not self.log:
            return joined
        return graph.add("Exp", graph.add("Min", joined, graph.constant(_LARGEST_LOG)))


def _numbers(values: Mapping[str, Any], key: str, least: float = -np.inf) -> tuple[float, ...]:
    given: Sequence[Any] = values.get(key) or ()
    fine = isinstance(given, list | tuple) and all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in given
    )
    if not fine or not given or not all(np.isfinite(one) and one >= least for one in given):
        raise BadArtifact(
            f"calibration 'numbers': {key} = {given!r:.40}: expected numbers; save the head again"
        )
    return tuple(map(float, given))
