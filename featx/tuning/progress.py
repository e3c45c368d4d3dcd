"""Progress of long trainings: who wants to know is called with a stage, and how much of it is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

__all__ = ["Progress", "progress_bars"]


class Progress(Protocol):
    """Called whenever a part of a stage is done, in the thread that trains."""

    def __call__(self, stage: str, done: int, total: int, /) -> object:
        """Take note that ``done`` of ``total`` parts of a stage are done."""


@contextmanager
def progress_bars(*, after: float = 1.0) -> Iterator[Progress]:
    """Give what shows a bar with the time left for each stage, in a terminal or a notebook.

    Parameters
    ----------
    after : float, default=1.0
        Seconds of a stage after which its bar appears.
    """
    from tqdm.auto import tqdm

    bars: dict[str, Any] = {}

    def show(stage: str, done: int, total: int, /) -> None:
        if stage not in bars:
            close()
            bars[stage] = tqdm(total=total, desc=stage, unit="", leave=False, delay=after)
        bars[stage].total = total
        bars[stage].update(done - bars[stage].n)

    def close() -> None:
        for bar in bars.values():
            bar.close()
        bars.clear()

    try:
        yield show
    finally:
        close()
