"""The limits of a server: what it refuses so that what it accepts is answered soon."""

from __future__ import annotations

from dataclasses import dataclass

from featx.embedding.engine import count_workers
from featx.errors import BadOption

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The amount of work that a server accepts.

    Parameters
    ----------
    workers : int, default=None
        Threads that embed; None is one for each core that cgroup and affinity leave to the process.
    queue : int, default=None
        Requests that may wait while every worker is busy; more get 429. None is two a worker, and
        six at least. While there are refusals none may wait.
    timeout : float, default=30
        Seconds from a request's first byte to its answer; later it gets 504.
    max_body : int, default=33554432
        Bytes of a request's body; more get 413.
    max_samples : int, default=64
        Samples of one request; more get 413.
    max_pixels : int, default=40000000
        Pixels of one picture: a card's own limit, half a gigabyte as RGB, is lowered to this.
    max_seconds : float, default=600
        Seconds of one sound: a card's own limit is lowered to this.

    Raises
    ------
    BadOption
        One of them is not above zero; the queue may be 0.
    """

    workers: int | None = None
    queue: int | None = None
    timeout: float = 30.0
    max_body: int = 32 << 20
    max_samples: int = 64
    max_pixels: int = 40_000_000
    max_seconds: float = 600.0

    def __post_init__(self) -> None:
        if self.queue is not None and self.queue < 0:
            raise BadOption(f"queue = {self.queue}: expected 0 or more")
        for name in ("timeout", "max_body", "max_samples", "max_pixels", "max_seconds"):
            value = getattr(self, name)
            if not value > 0:
                raise BadOption(f"{name} = {value}: expected a number above 0")

    @property
    def threads(self) -> int:
        """The number of workers on this machine."""
        return count_workers(self.workers)

    @property
    def waiting(self) -> int:
        """The number of requests that may wait."""
        return max(6, 2 * self.threads) if self.queue is None else self.queue
