"""Look at what a fitted estimator holds, and refuse what training cannot leave.

scikit-learn's compiled code trusts the arrays of an estimator: a count that is too large makes it read past
their ends. So each array of a file is compared with the others here before an estimator computes with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Fitted"]

# The most columns of a row, and classes.
_MOST = 1 << 31


class Fitted:
    """An estimator whose attributes come from a file; each method raises ValueError in words.

    Parameters
    ----------
    estimator : object
        What carries the attributes.
    d : int, default=None
        Columns of the rows that it is given; None takes its own word for it.
    """

    def __init__(self, estimator: Any, d: int | None = None) -> None:
        self.estimator = estimator
        self.d = self.whole("n_features_in_", 1)
        if d is not None and self.d != d:
            raise ValueError(f"n_features_in_ = {self.d}: the rows before it have {d} columns")

    def value(self, name: str) -> Any:
        """Return an attribute."""
        try:
            return vars(self.estimator)[name]
        except KeyError:
            raise ValueError(f"{name} is missing") from None

    def has(self, name: str) -> bool:
        """Return whether there is such an attribute, and it is not None."""
        return vars(self.estimator).get(name) is not None

    def whole(self, name: str, low: int = 0, high: int = _MOST) -> int:
        """Return a whole number from ``low`` to ``high``."""
        value = self.value(name)
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or not low <= value <= high:
            raise ValueError(f"{name} = {value!r:.40}: expected a whole number from {low}")
        return int(value)

    def number(self, name: str, low: float = -math.inf) -> float:
        """Return a finite number that is not below ``low``."""
        value = self.value(name)
        number = isinstance(value, int | float | np.floating) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value < low:
            raise ValueError(f"{name} = {value!r:.40}: expected a finite number")
        return float(value)

    def one_of(self, name: str, known: Sequence[Any]) -> Any:
        """Return a value that is among the known ones."""
        value = self.value(name)
        if not isinstance(value, None | bool | int | float | str) or value not in known:
            expected = ", ".join(map(repr, known))
            raise ValueError(f"{name} = {value!r:.40}: expected one of {expected}")
        return value

    def array(
        self,
        name: str,
        *shape: int | None,
        low: float = -math.inf,
        above: float = -math.inf,
        kinds: str = "f",
    ) -> npt.NDArray[Any]:
        """Return an array of finite numbers; see ``check_array``."""
        return self.check_array(name, self.value(name), *shape, low=low, above=above, kinds=kinds)

    def arrays(self, name: str, n: int) -> list[Any]:
        """Return a list of ``n`` values."""
        value = self.value(name)
        if not isinstance(value, list | tuple) or len(value) != n:
            raise ValueError(f"{name}: expected a list of {n}")
        return list(value)

    def training_shape(self, name: str, last: int) -> None:
        """Refuse a shape of training rows that has no row of the index ``last``, or other columns."""
        shape = self.value(name)
        plain = isinstance(shape, tuple | list) and [type(size) for size in shape] == [int, int]
        if not plain or not last < shape[0] or shape[1] != self.d:
            raise ValueError(f"{name} = {shape!r:.40}: does not fit the support vectors")

    @staticmethod
    def check_array(
        name: str,
        value: Any,
        *shape: int | None,
        low: float = -math.inf,
        above: float = -math.inf,
        kinds: str = "f",
    ) -> npt.NDArray[Any]:
        """Return an array once its type, shape and numbers are such as training leaves.

        Parameters
        ----------
        shape : int or None, one an axis
            None stands for any length from 1 on.
        low, above : float
            Every number is at least ``low`` and more than ``above``.
        kinds : str, default="f"
            Allowed kinds of numbers, as ``dtype.kind`` has them; floats have 32 or 64 bits.
        """
        if type(value) is not np.ndarray or value.dtype.kind not in kinds:
            found = value.dtype if type(value) is np.ndarray else type(value).__name__
            raise ValueError(f"{name} is {found!s:.40}: expected an array of numbers")
        if value.dtype.kind == "f" and value.dtype.itemsize not in (4, 8):
            raise ValueError(f"{name} is {value.dtype}: expected 32 or 64 bits")
        fits = value.ndim == len(shape) and all(
            n == found if n is not None else found > 0
            for n, found in zip(shape, value.shape, strict=True)
        )
        if not fits:
            expected = ", ".join("any" if n is None else str(n) for n in shape)
            raise ValueError(f"{name} has the shape {value.shape}: expected ({expected})")
        if not np.isfinite(value).all():
            raise ValueError(f"{name} holds NaN or infinity")
        if value.size and (value.min() < low or value.min() <= above):
            raise ValueError(f"{name} holds {value.min()}: that is too small")
        return value

    def classes(self, least: int = 2) -> int:
        """Return the number of classes, which are sorted and differ."""
        value = self.value("classes_")
        if type(value) is not np.ndarray or value.dtype.kind not in "Uiufb" or value.ndim != 1:
            raise ValueError("classes_: expected an array of labels")
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ValueError("classes_ holds NaN or infinity")
        # A text of a file may hold what is no character.
        names = [str(name) for name in value.tolist()]
        if len(names) < least or not (value[1:] > value[:-1]).all():
            raise ValueError(f"classes_ has {len(names)} labels: expected {least} or more, sorted")
        return len(names)
