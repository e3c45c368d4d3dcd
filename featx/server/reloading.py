"""Replace predictors in the server where they were replaced on disk, without losing a request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Thread

from featx.errors import FeatxError, first_line, reason_of
from featx.persistence.artifact import load as load_classifier
from featx.predictor import Predictor
from featx.server.access_log import LogFunction
from featx.server.metrics import Metrics
from featx.server.registry import Registry

__all__ = ["Reloader"]


class Reloader:
    """Check the files of classifiers now and then, and put new ones into the registry.

    Requests that have chosen the old classifier end with it. One that cannot be loaded is not put in:
    the old one stays until there is another.

    Parameters
    ----------
    registry : Registry
        What is served.
    metrics : Metrics
        Count what was replaced.
    sources : mapping of str to path
        Where the classifiers of the registry lie, by their names.
    log : callable or None
        Gets a record of each that is replaced, or could not be.
    load : callable, default=featx.load
        Reads a classifier from a path, for its ``provider=``.
    """

    def __init__(
        self,
        registry: Registry,
        metrics: Metrics,
        sources: Mapping[str, Path],
        log: LogFunction | None,
        *,
        load: Callable[..., Predictor] = load_classifier,
    ) -> None:
        self._registry = registry
        self._metrics = metrics
        self._sources = sources
        self._log = log
        self._load = load
        self._checking = threading.Lock()
        self._ended = threading.Event()
        self._versions = {name: _version(path) for name, path in sources.items()}

    def start(self, every: float) -> None:
        """Check every so many seconds from now on, in a thread that ends with ``close`` or with the process."""
        self._ended.clear()
        Thread(target=self._run, args=(every,), name="reloading", daemon=True).start()

    def close(self) -> None:
        """Check no more; a check that is under way is not waited for."""
        self._ended.set()

    def _run(self, every: float) -> None:
        while not self._ended.wait(every):
            self.check()

    def check(self, *, force: bool = False) -> None:
        """Put in what has changed since the last check; a file that is missing is left for the next one.

        Nothing that a file holds ends it: whatever is raised while one is read is told, and the others follow.

        Parameters
        ----------
        force : bool, default=False
            Whether to read those, too, that have not changed.
        """
        with self._checking:
            for name, path in self._sources.items():
                version = _version(path)
                if version is not None and (force or version != self._versions[name]):
                    self._replace(name, path, version)

    def _replace(self, name: str, path: Path, version: tuple[int, int, int]) -> None:
        message, outcome = f"{path}: replaced", "done"
        try:
            provider = self._registry.get(name).predictor.provider
            self._registry.put(name, self._load(path, provider=provider))
        # What a library raises at a damaged file may be no Exception at all.
        except BaseException as error:
            # Replaced again while it was read: the next check finds it whole.
            if _version(path) != version:
                return
            reason = reason_of(error, path)
            if not isinstance(error, FeatxError):
                reason = f"it cannot be read: {type(error).__name__}: {first_line(error)}"
            message, outcome = f"{path}: the old one stays: {reason}", "failed"
        self._versions[name] = version
        self._metrics.reloads.labels(name, outcome).inc()
        if self._log:
            self._log({"model": name, "reload": outcome, "message": message})


def _version(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a classifier is replaced: time, inode and size; None where there is none."""
    try:
        facts = (path / "manifest.json" if path.is_dir() else path).stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_ino, facts.st_size
