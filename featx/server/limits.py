"""The limits of a server: what it refuses so that what it accepts is answered soon."""

from __future__ import annotations

from dataclasses import dataclass, fields

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
    max_bodies : int, default=None
        Bytes of all bodies together, from their first byte until they are answered; more get 429. None is four
        times ``max_body``.
    max_samples : int, default=64
        Samples of one request; more get 413.
    max_characters : int, default=1000000
        Characters of all texts of one request; more get 413.
    max_pixels : int, default=40000000
        Pixels of one picture: a card's own limit, half a gigabyte as RGB, is lowered to this.
    max_seconds : float, default=600
        Seconds of one sound: a card's own limit is lowered to this.
    max_total_pixels : int, default=None
        Pixels of all pictures of one request, where it has several; more get 413. None is ten times
        ``max_pixels``.
    max_total_seconds : float, default=None
        Seconds of all sounds of one request, where it has several; more get 413. None is six times
        ``max_seconds``.
    max_connections : int, default=1000
        Connections at a time; where the process may open fewer files, it is that less a reserve. Where
        another comes, the one that has waited longest for its client is closed.
    head_timeout : float, default=10
        Seconds for the head of a request; later it gets 408.
    stall_timeout : float, default=5
        Seconds in which a body need not come as fast as ``min_rate``, and an answer need not be read so.
    min_rate : int, default=4096
        Bytes a second of a body, after those seconds; less gets 408. Whoever reads less of an answer is cut
        off.

    Raises
    ------
    BadOption
        One of them is not above zero; the queue may be 0.
    """

    workers: int | None = None
    queue: int | None = None
    timeout: float = 30.0
    max_body: int = 32 << 20
    max_bodies: int | None = None
    max_samples: int = 64
    max_characters: int = 1_000_000
    max_pixels: int = 40_000_000
    max_seconds: float = 600.0
    max_total_pixels: int | None = None
    max_total_seconds: float | None = None
    max_connections: int = 1000
    head_timeout: float = 10.0
    stall_timeout: float = 5.0
    min_rate: int = 4096

    def __post_init__(self) -> None:
        if self.queue is not None and self.queue < 0:
            raise BadOption(f"queue = {self.queue}: expected 0 or more")
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            # Workers are counted in the way of joblib, where numbers below 0 have a meaning.
            if name not in ("workers", "queue") and value is not None and not value > 0:
                raise BadOption(f"{name} = {value}: expected a number above 0")

    @property
    def threads(self) -> int:
        """The number of workers on this machine."""
        return count_workers(self.workers)

    @property
    def waiting(self) -> int:
        """The number of requests that may wait."""
        return max(6, 2 * self.threads) if self.queue is None else self.queue

    @property
    def total_pixels(self) -> int:
        """The pixels of all pictures of one request."""
        return 10 * self.max_pixels if self.max_total_pixels is None else self.max_total_pixels

    @property
    def total_seconds(self) -> float:
        """The seconds of all sounds of one request."""
        return 6 * self.max_seconds if self.max_total_seconds is None else self.max_total_seconds

    @property
    def body_bytes(self) -> int:
        """The bytes of all bodies together."""
        return 4 * self.max_body if self.max_bodies is None else self.max_bodies
