"""The protocol by which a task says what covers the truth, and how sure an answer is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray, Mask
from featx.errors import BadOption

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder
    from featx.heads import Calibrator, TrainedHead
    from featx.heads.conformity import Conformity
    from featx.tasks.certainty import Certainty

__all__ = ["LAC", "METHODS", "AnswerSets", "refuse_method"]

# Sadinle, Lei and Wasserman, 2019; Romano, Sesia and Candès, 2020.
LAC, APS = "lac", "aps"
METHODS = (LAC, APS)


class AnswerSets(Protocol):
    """The part of a task on coverage; ``outputs`` are those of ``TrainedHead.predict_outputs``."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the fields of ``Certainty`` that hold its sets; none where outputs themselves cover."""

    @property
    def abstains(self) -> bool:
        """Return whether an answer can be left open."""

    def shape(self, n_classes: int) -> tuple[int, int, int]:
        """Return the columns of scores and of strata, and the number of strata, of its ``Conformity``."""

    def measure(
        self, problem: Any, scores: Doubles, calibrator: Calibrator
    ) -> tuple[FloatArray, npt.NDArray[np.int32]]:
        """Return the scores and the strata of the true targets, of scores that did not see them."""

    def confidence(self, outputs: FloatArray) -> Doubles:
        """Return how sure each answer is, between 0 and 1; shape (n,)."""

    def wrong(self, problem: Any, outputs: FloatArray) -> Mask:
        """Return whether each answer is another than the truth; shape (n,)."""

    def thresholds(
        self, conformity: Conformity, coverage: float, n_classes: int, method: str, per_class: bool
    ) -> Doubles:
        """Return the scores up to which what an answer says is in its set; infinity where all is.

        Raises
        ------
        BadOption
            The task has no such method, or no classes.
        """

    def with_thresholds(
        self, head: TrainedHead, thresholds: Doubles, coverage: float
    ) -> TrainedHead:
        """Return the head whose own outputs cover, where they do; else the head as it is."""

    def members(self, outputs: FloatArray, thresholds: Doubles, method: str) -> Mask:
        """Return what is in each set; shape (n, ...)."""

    def covers(self, targets: Sequence[str], members: Mask, classes: Sequence[str]) -> Mask:
        """Return whether each set holds the truth, of which ``targets`` are the texts.

        Returns
        -------
        ndarray of shape (n,), of several labels (n, L), bool
        """

    def is_wrong(self, prediction: Any, target: str) -> bool:
        """Return whether a prediction is another than the truth, whose text is ``target``."""

    def certainties(
        self, outputs: FloatArray, members: Mask, classes: Sequence[str]
    ) -> list[Certainty]:
        """Return the set of each answer, and whether it decides."""

    def withhold(self, prediction: Any, certainty: Certainty, *, abstain: bool) -> Any:
        """Return a prediction with what is known of it; without its label where that is to be withheld."""

    def add_nodes(self, graph: GraphBuilder, outputs: str, thresholds: Doubles, method: str) -> str:
        """Add what is in each set to an ONNX graph.

        Parameters
        ----------
        outputs : str
            Calibrated outputs, float64.

        Returns
        -------
        str
            The name of whether each set decides, bool of shape (n,).
        """

    def add_confidence(self, graph: GraphBuilder, outputs: str, n_classes: int) -> str:
        """Add the confidence of each answer to an ONNX graph, float64 of shape (n,)."""


def refuse_method(method: object, known: Sequence[str] = METHODS) -> None:
    """Raise BadOption where there is no such method of making sets."""
    if method not in known:
        raise BadOption(f"method = {method!r:.40}: expected {' or '.join(map(repr, known))}")
