"""Candidates for an optimised backbone, opened as backbones and compared with the parent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from onnx import ModelProto

from featx.backbones.backbone import Backbone
from featx.catalog import File, digest, verify_files
from featx.embedding.engine import Engine
from featx.errors import BadGraph, TooLossy
from featx.optimize.metrics import Labelled, Probe, cosines
from featx.storage.container import read_location

__all__ = ["Bounds", "Trial", "Trials"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far from its parent an optimised backbone may be."""

    max_drop: float = 0.5  # points of the probe's accuracy
    min_cosine: float = 0.994  # mean, of held-out rows


@dataclass(frozen=True, slots=True)
class Trial:
    """One candidate, and how its rows are to the parent's."""

    backbone: Backbone
    mean: float  # cosine, over the held-out samples
    worst: float
    floats: tuple[str, ...] = ()  # layers that were left in float
    layers: int = 0  # layers that were not
    probe: Probe | None = None  # measured once the cosine is good enough


class Trials:
    """Makes trials in a folder of their own; nothing of them is on a shelf.

    Parameters
    ----------
    calibration, held_out : sequence of items
        What the parent's reader made of a user's samples.
    labelled : sequence of Labelled
        For the probe; may be empty.
    engine : Engine
        How their rows are made.
    """

    def __init__(
        self,
        parent: Backbone,
        name: str,
        folder: Path,
        *,
        calibration: Sequence[Any],
        held_out: Sequence[Any],
        labelled: Sequence[Labelled],
        engine: Engine,
    ) -> None:
        self.parent = parent
        self.name = name
        self.folder = folder
        self.calibration = calibration
        self.held_out = held_out
        self.labelled = labelled
        self.engine = engine
        self._count = 0
        self._rows = parent.embed_items(held_out)
        places = verify_files(parent.card)
        for file in parent.card.files:
            path = folder / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(read_location(places[file.name]))

    def open(self, model: ModelProto) -> Backbone:
        """A backbone with this graph and everything else as the parent has it."""
        self._count += 1
        path = self.folder / f"{self._count}.onnx"
        try:
            path.write_bytes(model.SerializeToString())
        except ValueError as error:
            words = "more than 2 GB do not fit into one file"
            raise BadGraph(f"{self.parent.card.name}: {words}") from error
        file = File(path.name, digest(path), path.stat().st_size)
        card = replace(self.parent.card, name=self.name, graph=file, canary=(), optimized=None)
        return Backbone(replace(card, path=self.folder / "card.toml"))

    @contextmanager
    def passing(self, model: ModelProto) -> Iterator[Backbone]:
        """A backbone whose file is gone afterwards: of a large graph a hundred would fill a disk."""
        backbone = self.open(model)
        yield backbone
        (self.folder / backbone.card.graph.name).unlink()

    def try_out(self, model: ModelProto, floats: Sequence[str] = (), layers: int = 0) -> Trial:
        """The candidate that this graph makes, compared on the held-out samples."""
        backbone = self.open(model)
        found = cosines(self._rows, backbone.embed_items(self.held_out))
        return Trial(backbone, float(found.mean()), float(found.min()), tuple(floats), layers)

    def with_probe(self, trial: Trial) -> Trial:
        """The trial with its accuracy, where there are labels."""
        if not self.labelled:
            return trial
        engine = replace(self.engine, cache=None)  # rows of a trial are never asked for again
        return replace(trial, probe=Probe.of(self.labelled, trial.backbone, engine))

    @cached_property
    def before(self) -> Probe | None:
        """The parent's accuracy."""
        return Probe.of(self.labelled, self.parent, self.engine) if self.labelled else None

    def drop(self, trial: Trial) -> float | None:
        """Points of accuracy that the trial loses; negative where it gains; None without a probe."""
        if self.before is None or trial.probe is None:
            return None
        return 100 * (self.before.accuracy - trial.probe.accuracy)

    def holds(self, trial: Trial, bounds: Bounds) -> bool:
        """Whether a trial keeps to the bounds: the probe's where there are labels, else the cosine's."""
        drop = self.drop(trial)
        if drop is None:
            return trial.mean >= bounds.min_cosine
        return drop <= bounds.max_drop + 1e-9

    def require(self, trial: Trial, bounds: Bounds) -> None:
        """Raise TooLossy, with the figures, where a trial does not keep to the bounds."""
        if self.holds(trial, bounds):
            return
        allowed = f"expected at most {bounds.max_drop:g} points lost"
        if trial.probe is None:
            remedy = "--labelled DATA would judge by accuracy"
            allowed = f"expected a mean cosine of {bounds.min_cosine:g}; {remedy}"
        whole = trial.layers + len(trial.floats)
        layers = f"{trial.layers} of {whole} layers in int8" if whole else "weights in fp16"
        raise TooLossy(
            f"{self.parent.card.name}: not written: with {layers}: {self.describe(trial)}; {allowed}"
        )

    def describe(self, trial: Trial) -> str:
        """The figures of a trial in words."""
        words = f"cosine {trial.mean:.4f} mean, {trial.worst:.4f} worst"
        drop = self.drop(trial)
        if drop is None or trial.probe is None:
            return words
        after = trial.probe.accuracy
        return f"{words}; probe {after + drop / 100:.4f} before, {after:.4f} after ({-drop:+.2f} points)"
