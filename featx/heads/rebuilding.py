"""Make an estimator of what a file describes: a type that is listed, parameters that it takes, examined arrays.

Only what an entry of ``LOADABLE`` names is taken over; whatever else the file holds is never looked at. A type
that has no entry is not imported. Estimators run on one job, whatever their file says.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from featx.errors import BadArtifact, FeatxError
from featx.heads._sklearn_compat import check_parameters
from featx.heads.calibrated import CALIBRATED_PARTS
from featx.heads.fitted import Fitted
from featx.heads.loadable import LOADABLE, LoadableType
from featx.heads.registry import estimators_in
from featx.heads.stored import StoredName, StoredObject
from featx.storage.border import error_line, library_border

__all__ = ["KNOWN_TYPES", "PIPELINE", "UnlistedType", "rebuild", "unlisted_types"]

PIPELINE = f"{Pipeline.__module__}.{Pipeline.__name__}"
# The most estimators within each other.
_DEEPEST = 10
FROZEN = "sklearn.frozen._frozen.FrozenEstimator"
# All that a file may hold without anyone's trust, besides numbers, texts and what holds them.
KNOWN_TYPES = frozenset([*LOADABLE, *CALIBRATED_PARTS, PIPELINE, FROZEN])
# Steps of a pipeline that do nothing.
_NO_STEPS = (None, "passthrough")


class UnlistedType(BadArtifact):
    """A file holds an object of a type that featx does not list."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"holds {name}, which featx does not trust")

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return type(self), (self.name,)


def rebuild(stored: Any) -> Any:
    """Return the fitted estimator that a record describes.

    Parameters
    ----------
    stored : StoredObject

    Raises
    ------
    UnlistedType
        It is of a type that is not in ``LOADABLE``, or holds one.
    BadArtifact
        Its arrays contradict each other, or a number is none that training leaves.
    """
    return _Rebuilder().estimator(stored, None)


def unlisted_types(estimator: Any) -> list[str]:
    """Return the full names of the types of an estimator and of those in it that cannot be loaded again."""
    found = (one if _is_function(one) else type(one) for one in estimators_in(estimator))
    names = {_full_name(one) for one in found}
    return sorted(names - KNOWN_TYPES)


def _is_function(value: Any) -> bool:
    return inspect.isroutine(value) or isinstance(value, np.ufunc)


def _full_name(kind: Any) -> str:
    # NumPy's universal functions have a name, and no qualified one.
    name = getattr(kind, "__qualname__", None) or getattr(kind, "__name__", "")
    return f"{getattr(kind, '__module__', None) or 'numpy'}.{name}"


class _Rebuilder:
    """Makes estimators of records, each within the one before it."""

    def __init__(self) -> None:
        self._depth = 0

    def estimator(self, stored: Any, d: int | None) -> Any:
        """Return the estimator of a record that is given rows of ``d`` columns; None takes its own word."""
        return self._rebuild(stored, d)[0]

    def _rebuild(self, stored: Any, d: int | None) -> tuple[Any, int | None]:
        """Return an estimator and, of a transformer, the columns that it gives."""
        if not isinstance(stored, StoredObject):
            raise BadArtifact(f"holds {stored!r:.40}, expected an estimator")
        self._depth += 1
        if self._depth > _DEEPEST:
            raise BadArtifact(f"holds estimators within each other, more than {_DEEPEST} deep")
        try:
            if stored.type == PIPELINE:
                return self._pipeline(stored, d), None
            # It is what it holds, and is never trained again here.
            if stored.type == FROZEN:
                return self._rebuild(stored.state.get("estimator"), d)
            return self._single(stored, d)
        finally:
            self._depth -= 1

    def _single(self, stored: StoredObject, d: int | None) -> tuple[Any, int | None]:
        entry, name = _entry(stored), stored.type.rpartition(".")[2]
        subject = entry.subject or f"its {name} is damaged"
        with library_border(subject):
            try:
                estimator = self._unfitted(stored)
                _take_attributes(stored, estimator, entry)
                columns = Fitted(estimator, d).d
                if entry.parts is not None:
                    entry.parts(self, stored, estimator, columns)
                given = entry.check(Fitted(estimator, d))
                complete = entry.complete
                return estimator if complete is None else complete(estimator), given
            except FeatxError:
                raise
            except ValueError as error:
                raise BadArtifact(f"{subject}: {error_line(error)}; train it again") from error

    def _pipeline(self, stored: StoredObject, d: int | None) -> Pipeline:
        """Return a pipeline whose steps each take the columns that the one before gives."""
        steps = _steps(stored)
        rebuilt: list[tuple[str, Any]] = []
        for number, (name, step) in enumerate(steps):
            if isinstance(step, None | str):
                rebuilt.append((name, step))
                continue
            estimator, columns = self._rebuild(step, d)
            last = number == len(steps) - 1
            if not last and columns is None:
                raise BadArtifact(f"its step {name!r:.40} is no transformer; train it again")
            rebuilt.append((name, estimator))
            d = columns
        if not rebuilt or isinstance(rebuilt[-1][1], None | str):
            raise BadArtifact("its pipeline ends without an estimator; train it again")
        return Pipeline(rebuilt)

    def _unfitted(self, stored: StoredObject) -> Any:
        """Return an estimator with the parameters of a record; it was not fitted."""
        if stored.type == PIPELINE:
            return Pipeline([(name, self._parameter(name, step)) for name, step in _steps(stored)])
        if stored.type == FROZEN:
            return self._parameter("estimator", stored.state.get("estimator"))
        dropped = _entry(stored).dropped
        module, _, name = stored.type.rpartition(".")
        kind = getattr(import_module(module), name)
        taken = inspect.signature(kind).parameters
        given = {
            key: self._parameter(key, value)
            for key, value in stored.state.items()
            if key in taken and key not in dropped
        }
        # Jobs are processes, and random numbers are of no use after training.
        given |= {key: None for key in ("n_jobs",) if key in taken}
        if not isinstance(given.get("random_state"), int | None):
            given["random_state"] = None
        estimator = kind(**given)
        check_parameters(estimator)
        return estimator

    def _parameter(self, key: str, value: Any) -> Any:
        """Return a parameter's value, in which nothing can be called."""
        if isinstance(value, StoredObject):
            return None if key == "random_state" else self._unfitted(value)
        if isinstance(value, StoredName):
            raise BadArtifact(f"holds {key} = {value.name:.60}: expected no function and no type")
        if key == "memory" and value is not None:
            raise BadArtifact("holds memory = …: expected none, it names a folder to write to")
        if isinstance(value, list | tuple):
            return type(value)(self._parameter(key, one) for one in value)
        if isinstance(value, dict):
            return {one: self._parameter(key, inner) for one, inner in value.items()}
        return value


def _entry(stored: StoredObject) -> LoadableType:
    entry = LOADABLE.get(stored.type)
    if entry is None:
        raise UnlistedType(stored.type)
    return entry


def _steps(stored: StoredObject) -> list[tuple[str, Any]]:
    """Return the names and records of a pipeline's steps."""
    steps = stored.state.get("steps")
    if not isinstance(steps, list) or not all(
        isinstance(step, tuple)
        and len(step) == 2
        and isinstance(step[0], str)
        and (isinstance(step[1], StoredObject) or step[1] in _NO_STEPS)
        for step in steps
    ):
        raise BadArtifact("its pipeline has no list of named steps; train it again")
    if stored.state.get("memory") is not None:
        raise BadArtifact("holds memory = …: expected none, it names a folder to write to")
    return steps


def _take_attributes(stored: StoredObject, estimator: Any, entry: LoadableType) -> None:
    """Give an estimator the attributes of a record that are numbers, texts and arrays."""
    kind = type(estimator)
    own = vars(estimator)
    for name, value in stored.state.items():
        public = name.endswith("_") and not name.startswith("_") and name != "feature_names_in_"
        method = callable(getattr(kind, name, None))
        wanted = name in entry.private or (public and not method and name not in own)
        if wanted and _is_plain(value):
            own[name] = value


def _is_plain(value: Any) -> bool:
    """Return whether a value holds nothing but numbers, texts and arrays of these."""
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    return isinstance(value, None | bool | int | float | str | np.ndarray)
