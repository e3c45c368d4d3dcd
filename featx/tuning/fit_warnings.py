"""What estimators warn about while they are trained: each said once, with how often, after the last one."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from sklearn.exceptions import ConvergenceWarning

from featx.errors import FeatxWarning

__all__ = ["collect_warnings", "warn_once"]

_STOPPED = "a solver stopped before it converged"
# The most different warnings that are said.
_MOST = 5


@dataclass
class _Collected:
    """The warnings of trainings: those of solvers that stopped too early, and all others by their text."""

    stopped: list[str] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)

    def messages(self) -> Iterator[str]:
        """Give one sentence for each kind of warning."""
        if n := len(self.stopped):
            [(text, _)] = Counter(self.stopped).most_common(1)
            often = "" if n == 1 else f", {n} times"
            yield f"{text}{often}; the score is of what it found"
        for text, n in self.others.most_common(_MOST):
            yield text if n == 1 else f"{text} ({n} times)"
        if len(self.others) > _MOST:
            yield f"{len(self.others) - _MOST} more kinds of warnings"


_collected: ContextVar[_Collected | None] = ContextVar("_collected", default=None)


@contextmanager
def warn_once() -> Iterator[None]:
    """Hold back what the trainings within it warn about, and say it once after the last of them."""
    if _collected.get() is not None:
        yield
        return
    collected = _Collected()
    token = _collected.set(collected)
    try:
        yield
    finally:
        _collected.reset(token)
    for message in collected.messages():
        warnings.warn(f"while training: {message}", FeatxWarning, stacklevel=4)


@contextmanager
def collect_warnings(*, own: bool) -> Iterator[None]:
    """Collect the warnings of trainings for ``warn_once``.

    featx's own heads warn about classes with one sample, which is known and harmless; that a solver stopped
    at its limit is said in featx's words, since nobody can set what scikit-learn advises to raise.

    Parameters
    ----------
    own : bool
        Whether the estimators are featx's own.
    """
    with warn_once():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
        collected = _collected.get() or _Collected()
        for warning in caught:
            text = str(warning.message).partition("\n")[0]
            if issubclass(warning.category, ConvergenceWarning):
                collected.stopped.append(_STOPPED if own else text.rstrip(":. "))
            elif not own:
                collected.others[text] += 1
