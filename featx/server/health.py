"""Whether the server can answer: workers that live, and classifiers that do what they are there for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from featx.server.pool import Pool
from featx.server.registry import ServedPredictor

__all__ = ["Health"]

# Failures one after the other that make a classifier suspect: one request may have been to blame.
_SUSPECT = 3

Trial = Callable[[ServedPredictor], Awaitable[object]]


@dataclass(slots=True)
class Health:
    """The health of the workers, and of the classifiers as what became of their requests tells it.

    Requests of strangers cannot make a classifier unready: one that failed several times without an answer
    between is tried with a sample of ours, and that decides.

    Parameters
    ----------
    pool : Pool
        Whose workers are asked for.
    trial : coroutine function of ServedPredictor
        Makes it answer for a sample that it is known to read; raises where it cannot.
    patience : float, default=5
        Seconds in which it must.
    """

    pool: Pool
    trial: Trial
    patience: float = 5.0
    _failures: dict[str, tuple[ServedPredictor, int]] = field(default_factory=dict)

    def failed(self, chosen: Iterable[ServedPredictor]) -> None:
        """Note that classifiers failed, for whatever reason but a sample that cannot be read."""
        for served in chosen:
            self._failures[served.name] = served, self._count(served) + 1

    def answered(self, chosen: Iterable[ServedPredictor]) -> None:
        """Note that classifiers have answered."""
        for served in chosen:
            self._failures.pop(served.name, None)

    def workers_live(self) -> bool:
        """Tell whether a worker is there to take a sample."""
        return self.pool.alive > 0

    async def is_ready(self, served: ServedPredictor) -> bool:
        """Tell whether a classifier can answer; a suspect is tried."""
        if not self.workers_live():
            return False
        if self._count(served) < _SUSPECT:
            return True
        try:
            async with asyncio.timeout(self.patience):
                await self.trial(served)
        # Whatever it is that it fails by.
        except Exception:
            return False
        self.answered([served])
        return True

    def _count(self, served: ServedPredictor) -> int:
        """Return the failures one after the other; those of a classifier that was replaced do not count."""
        known, count = self._failures.get(served.name, (served, 0))
        return count if known is served else 0
