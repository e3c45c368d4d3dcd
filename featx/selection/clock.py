"""How far a comparison is, how long it may take, and an engine that keeps to both."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from featx.embedding.embedder import Embedder
from featx.embedding.engine import BaselineEmbedder, Engine
from featx.embedding.joint_rows import JointEmbedder
from featx.embedding.rows import Rows
from featx.sources import Sample
from featx.tuning.progress import Progress

__all__ = ["Clock", "OutOfTime"]


class OutOfTime(Exception):
    """The time that a comparison may take is over; never shown to a user."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The time since a comparison began, its limit, and who is told of its progress.

    Attributes
    ----------
    limit : float, default=None
        Seconds; None: no limit.
    progress : Progress, default=None
    began : float
    """

    limit: float | None = None
    progress: Progress | None = field(default=None, repr=False)
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """The seconds since it began."""
        return time.monotonic() - self.began

    def is_over(self, share: float = 1.0) -> bool:
        """Return whether a share of the time that there is has passed."""
        return self.limit is not None and self.seconds >= share * self.limit

    def tell(self, stage: str, done: int, total: int) -> None:
        """Tell how much of a stage is done."""
        if self.progress:
            self.progress(stage, done, total)

    def embed(
        self,
        engine: Engine,
        samples: Sequence[Sample],
        backbone: Embedder | BaselineEmbedder | JointEmbedder,
        stage: tuple[str, int, int],
        *,
        share: float | None = 1.0,
    ) -> Rows:
        """Return rows with their digests, and tell what is done meanwhile.

        Parameters
        ----------
        stage : (str, int, int)
            Its name, how many of its parts were done before, and how many there are.
        share : float, default=1.0
            The share of the time after which this is given up; None: never.

        Raises
        ------
        OutOfTime
            It was. What was embedded is in the engine's cache, where it has one.
        """
        name, before, total = stage
        done = 0

        def note(n: int) -> None:
            nonlocal done
            done += n
            self.tell(name, min(before + done, total), total)
            if engine.progress:
                engine.progress(n)
            if share is not None and self.is_over(share) and done < len(samples):
                raise OutOfTime

        self.tell(name, before, total)
        return replace(engine, progress=note).embed(samples, backbone, digests=True)
