"""The score that is explained: of a class, of a label, of a number, or the difference of two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from featx._typing import Doubles, FloatArray
from featx.errors import BadOption
from featx.heads import TrainedHead
from featx.heads.number_scaling import NumberScaling
from featx.predictor import Classifier, Predictor
from featx.sources.labels import list_names

__all__ = ["ScoreTarget", "choose_target"]

# Names that a message lists.
_LISTED = 20


@dataclass(frozen=True, slots=True, eq=False)
class ScoreTarget:
    """A weighted sum of the scores of a head.

    Attributes
    ----------
    name : str
        A class, a label or the name of a number.
    against : str or None
        The class whose score is taken away from it.
    weights : ndarray of shape (n_outputs,), float64
    offset : float
        What is added to the sum.

    Examples
    --------
    >>> target = ScoreTarget("cat", "dog", np.array([1.0, -1.0]), 0.0)
    >>> target.of_scores(np.array([[3.0, 1.0]])).tolist()
    [2.0]
    """

    name: str
    against: str | None
    weights: Doubles
    offset: float

    def of_scores(self, scores: Doubles) -> Doubles:
        """Return the sum for each line of scores; shape (n,)."""
        return np.asarray(scores @ self.weights + self.offset)


def choose_target(
    predictor: Predictor, outputs: FloatArray, target: str | None, against: str | None
) -> ScoreTarget:
    """Return the score that is asked for; by default of the most probable class or label, or the first number.

    Of two classes the score is their difference, whichever is named.

    Parameters
    ----------
    outputs : ndarray of shape (n_columns,)
        What the head says of the sample.
    target, against : str or None

    Raises
    ------
    BadOption
        A name is none that the predictor has, or a difference makes no sense.
    """
    head = predictor.head
    names, scaling = head.classes, head.calibrator
    is_number = isinstance(scaling, NumberScaling)
    first = 0 if is_number else int(np.argmax(outputs[: len(names)]))
    index = first if target is None else _index(head, "target", target)
    other = None if against is None else _index(head, "against", against)
    if other is None and isinstance(predictor, Classifier) and len(names) == 2:
        other = 1 - index
    if other == index:
        raise BadOption(f"against = {names[index]!r}: is the target itself; expected another one")
    weights = np.zeros(len(names))
    weights[index] = 1.0
    if isinstance(scaling, NumberScaling):
        if other is not None:
            raise BadOption(
                f"against = {against!r}: numbers are explained one by one; leave it out"
            )
        weights[index] = scaling.scale[index]
        return ScoreTarget(names[index], None, weights, float(scaling.center[index]))
    if other is not None:
        weights[other] = -1.0
    return ScoreTarget(names[index], None if other is None else names[other], weights, 0.0)


def _index(head: TrainedHead, name: str, value: object) -> int:
    """Return the output of a name, which may have the type that labels had."""
    if str(value) not in head.classes:
        listed = list_names(list(head.classes), _LISTED)
        raise BadOption(f"{name} = {value!r:.60}: expected one of {listed}")
    return head.classes.index(str(value))
