"""SGDClassifier.partial_fit of scikit-learn on shards: standardised columns, a tuned step, several epochs.

``many_rows.py`` trains it. Its state lies beside the shards after each of them, so that a run of hours that was
stopped goes on; the seconds of all its parts are added up.
"""

from __future__ import annotations

import pickle
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

# Candidates are trained on the first shards, once, and judged by rows of the last.
TRIED_ON, JUDGED_BY = 2, 10_000
GRID: tuple[Mapping[str, Any], ...] = (
    *({"alpha": alpha, "average": True} for alpha in (1e-5, 1e-4, 1e-3)),
    *(
        {"alpha": 1e-5, "average": True, "learning_rate": "constant", "eta0": eta}
        for eta in (1e-3, 1e-2, 3e-2)
    ),
)


class Stopped(Exception):
    """The time that one run may take is over; the next goes on."""


@dataclass
class State:
    """What is kept between runs: the scaler, what was tried, the classifier and how far it is."""

    scaler: Any = None
    tried: list[float] = field(default_factory=list)
    model: Any = None
    shards: int = 0
    seconds: float = 0.0


@dataclass
class StreamingSGD:
    """One training on the shards of a folder.

    Parameters
    ----------
    folder : Path
    classes : sequence of str
    epochs : int
        Readings of all rows, of which each goes on with the step where the last one stopped.
    seconds : float, default=None
        How long one run may take before it stops with its state kept.
    """

    folder: Path
    classes: Any
    epochs: int = 3
    seconds: float | None = None

    def __post_init__(self) -> None:
        self.begun = time.perf_counter()
        self.shards = sorted(self.folder.glob("part-*.parquet"))
        self.file = self.folder / "_partial_fit.pickle"
        self.state = pickle.loads(self.file.read_bytes()) if self.file.exists() else State()

    def fit(self) -> Any:
        """Return what gives labels to rows; raise Stopped where the time is over."""
        warnings.simplefilter("ignore")
        state = self.state
        if state.scaler is None:
            state.scaler = self._scale()
            self._keep()
        while len(state.tried) < len(GRID):
            state.tried.append(self._try(GRID[len(state.tried)]))
            print(GRID[len(state.tried) - 1], state.tried[-1], flush=True)
            self._keep()
        if state.model is None:
            state.model = self._make(GRID[int(np.argmax(state.tried))])
        while state.shards < self.epochs * len(self.shards):
            rows, labels = self._read(self.shards[state.shards % len(self.shards)])
            state.model.partial_fit(rows, labels, classes=self.classes)
            state.shards += 1
            self._keep()
        return lambda rows: state.model.predict(state.scaler.transform(rows))

    @property
    def chosen(self) -> Mapping[str, Any]:
        """What was best of what was tried, and how many shards were read with it."""
        return {**GRID[int(np.argmax(self.state.tried))], "shards": self.state.shards}

    def _scale(self) -> Any:
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler()
        for shard in self.shards:
            scaler.partial_fit(self._rows(shard).embeddings)
        return scaler

    def _try(self, params: Mapping[str, Any]) -> float:
        model = self._make(params)
        for shard in self.shards[:TRIED_ON]:
            model.partial_fit(*self._read(shard), classes=self.classes)
        rows, labels = self._read(self.shards[-1])
        return float((model.predict(rows[:JUDGED_BY]) == labels[:JUDGED_BY]).mean())

    def _make(self, params: Mapping[str, Any]) -> Any:
        from sklearn.linear_model import SGDClassifier

        return SGDClassifier(loss="log_loss", random_state=0, n_jobs=-1, **params)

    def _rows(self, shard: Path) -> Any:
        from featx.tables.parquet import read_parquet

        return read_parquet(shard)

    def _read(self, shard: Path) -> tuple[Any, Any]:
        rows = self._rows(shard)
        return self.state.scaler.transform(rows.embeddings), np.array(rows.labels)

    def _keep(self) -> None:
        now = time.perf_counter()
        spent = now - self.begun
        self.state.seconds, self.begun = self.state.seconds + spent, now
        kept = self.file.with_suffix(".new")
        kept.write_bytes(pickle.dumps(self.state))
        kept.replace(self.file)
        if self.seconds is not None:
            self.seconds -= spent
            if self.seconds < 0:
                raise Stopped(f"after {self.state.shards} shards; the next run goes on")
