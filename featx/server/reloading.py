"""A classifier that is replaced on disk is replaced in the server, and no request is lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path

from featx.errors import FeatxError
from featx.persistence.artifact import load
from featx.server.metrics import Metrics
from featx.server.middleware import Log
from featx.server.registry import Registry

__all__ = ["Reloader"]

Mark = tuple[int, int, int] | None


class Reloader:
    """Looks at the classifiers on disk now and then, and puts new ones into the registry.

    Requests that have chosen the old classifier end with it. One that cannot be loaded is not put in:
    the old one stays until there is another.
    """

    def __init__(
        self, registry: Registry, metrics: Metrics, sources: Mapping[str, Path], log: Log | None
    ) -> None:
        self._registry = registry
        self._metrics = metrics
        self._sources = sources
        self._log = log
        self._looking = threading.Lock()
        self._marks = {name: _mark(path) for name, path in sources.items()}

    async def run(self, every: float) -> None:
        """Look every so many seconds, until cancelled."""
        while True:
            await asyncio.sleep(every)
            await asyncio.to_thread(self.look)

    def look(self, *, again: bool = False) -> None:
        """Put in what has changed since the last look; what is not there now is left for the next.

        Parameters
        ----------
        again : bool, default=False
            Whether to read those, too, that have not changed.
        """
        with self._looking:
            for name, path in self._sources.items():
                mark = _mark(path)
                if mark is not None and (again or mark != self._marks[name]):
                    self._take(name, path, mark)

    def _take(self, name: str, path: Path, mark: Mark) -> None:
        words, outcome = f"{path}: replaced", "done"
        try:
            provider = self._registry.get(name).classifier.provider
            self._registry.put(name, load(path, provider=provider))
        except FeatxError as error:
            if _mark(path) != mark:  # replaced while it was read: the next look finds it whole
                return
            words, outcome = f"{path}: the old one stays: {error}", "failed"
        self._marks[name] = mark
        self._metrics.reloads.labels(name, outcome).inc()
        if self._log:
            self._log({"model": name, "reload": outcome, "message": words})


def _mark(path: Path) -> Mark:
    """What changes when a classifier is replaced; None where there is none."""
    try:
        facts = (path / "manifest.json" if path.is_dir() else path).stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_ino, facts.st_size
