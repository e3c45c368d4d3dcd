"""The contribution of each input of a predictor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from featx.metrics.paired import Difference

__all__ = ["InputContribution"]


@dataclass(frozen=True, slots=True)
class InputContribution:
    """The score that a predictor has without one of its inputs, on the same samples left out.

    Attributes
    ----------
    name : str
        The input's.
    weight : float
        What its block weighs beside the others, as cross-validation chose it: 0 is nothing.
    score_name : str
        Such as "accuracy".
    score_without : float
        Of a head that was tuned, trained and measured without it.
    difference : Difference or None
        By how much the score of all inputs is above it; None where there is none.
    n : int, default=0
        The samples that both are measured on, where they are a part of those of the report; 0: these.

    Examples
    --------
    >>> from featx.metrics.paired import Difference
    >>> print(InputContribution("photo", 1.0, "accuracy", 0.8, Difference(0.05, 0.01, 0.09)))
    photo brings +5.0 points, 95 % 1.0 to 9.0 (accuracy 0.800 without it)
    >>> print(InputContribution("size", 0.0, "accuracy", 0.85, Difference(0, 0, 0)))
    size brings +0.0 points, 95 % 0.0 to 0.0, which may be nothing (accuracy 0.850 without it); weight 0
    """

    name: str
    weight: float
    score_name: str
    score_without: float
    difference: Difference | None
    n: int = 0

    def __str__(self) -> str:
        part = f", on {self.n} samples" if self.n else ""
        without = f"({self.score_name} {self.score_without:.3f} without it{part})"
        if not self.weight:
            without += "; weight 0"
        if self.difference is None:
            return f"{self.name} brings what cannot be told {without}"
        doubt = "" if self.difference.tells else ", which may be nothing"
        return f"{self.name} brings {self.difference}{doubt} {without}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        found = self.difference
        return {
            "name": self.name,
            "weight": self.weight,
            "score_name": self.score_name,
            "score_without": self.score_without,
            "n": self.n,
            "difference": found and {"value": found.value, "low": found.low, "high": found.high},
        }

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> InputContribution:
        """Return what ``to_dict`` gave."""
        found = table["difference"]
        return cls(
            table["name"],
            float(table["weight"]),
            table["score_name"],
            float(table["score_without"]),
            None if found is None else Difference(found["value"], found["low"], found["high"]),
            int(table.get("n", 0)),
        )
