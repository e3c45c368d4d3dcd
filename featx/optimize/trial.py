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
from featx.backbones.providers import CPU, Provider
from featx.catalog import File, digest, names_beside, verify_files
from featx.embedding.engine import Engine
from featx.errors import BadGraph, TooLossy
from featx.graphs import external_data
from featx.graphs.opsets import drop_unused_opsets
from featx.optimize.config import Tolerance
from featx.optimize.metrics import Labelled, Probe, cosines

__all__ = ["Candidate", "Candidates"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One optimised graph, and how near its rows are to the parent's.

    Parameters
    ----------
    backbone : Backbone
        The graph, opened.
    mean, worst : float
        Cosine of held-out rows with the parent's.
    float_layers : tuple of str, default=()
        Names of the layers that were left in float.
    layers : int, default=0
        How many layers were not.
    probe : Probe, default=None
        Accuracy of a head, measured once the cosine is good enough.
    steps_from_exact : int, default=None
        Steps by which some layer differs from the same layer computed exactly; None before it is chosen.
    slow_layers : tuple of str, default=()
        Names of the layers that were left in float because integers did not make them faster.
    weight_bits : int, default=None
        Bits of its integer weights; None before it is chosen, and where weights stay floats.
    """

    backbone: Backbone
    mean: float
    worst: float
    float_layers: tuple[str, ...] = ()
    layers: int = 0
    probe: Probe | None = None
    steps_from_exact: int | None = None
    slow_layers: tuple[str, ...] = ()
    weight_bits: int | None = None

    @property
    def provider(self) -> Provider:
        """The provider on which it was compared."""
        return self.backbone.provider


class Candidates:
    """Opens and compares candidates in a folder of their own; none of them is in a model directory.

    Parameters
    ----------
    parent : Backbone
        What they are made of.
    name : str
        What they are called.
    folder : Path
        Where their graphs are written.
    items : sequence of items
        What the parent's reader made of a user's samples: every third is held out, the others calibrate.
    labelled : sequence of Labelled
        The sources on which the probe is measured; may be empty.
    engine : Engine
        How rows of ``labelled`` are made.

    Attributes
    ----------
    parent_size : int
        Bytes of the parent's graph and of the weights that lie beside it.
    """

    def __init__(
        self,
        parent: Backbone,
        name: str,
        folder: Path,
        items: Sequence[Any],
        labelled: Sequence[Labelled],
        engine: Engine,
    ) -> None:
        self.parent = parent
        self.name = name
        self.folder = folder
        self.calibration = [item for index, item in enumerate(items) if index % 3 != 2]
        self.held_out = items[2::3]
        self.labelled = labelled
        self.engine = engine
        self._count = 0
        self._rows = parent.embed_items(self.held_out)
        blobs = verify_files(parent.card)
        beside, graph = names_beside(parent.card), blobs[parent.card.graph.name]
        weights = {beside.get(name) for name in external_data(graph.read())}
        # a candidate has its weights in its graph
        self._files = tuple(file for file in parent.card.files if file.name not in weights)
        self.parent_size = graph.size + sum(blobs[name].size for name in weights if name)
        for file in self._files:
            path = folder / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(blobs[file.name].read())

    def open(self, model: ModelProto, provider: Provider = CPU) -> Backbone:
        """Return a backbone with this graph and everything else as the parent has it.

        Raises
        ------
        BadGraph
            The graph does not fit into one file of 2 GB.
        """
        self._count += 1
        path = self.folder / f"{self._count}.onnx"
        try:
            drop_unused_opsets(model)
            path.write_bytes(model.SerializeToString())
        except ValueError as error:
            message = "more than 2 GB do not fit into one file"
            raise BadGraph(f"{self.parent.card.name}: {message}") from error
        file = File(path.name, digest(path), path.stat().st_size)
        card = replace(self.parent.card, name=self.name, graph=file, files=self._files)
        card = replace(card, canary=(), optimized=None)
        # what was found of the parent need not be found of each trial
        card = replace(card, batch=self.parent.batch or 0)
        return Backbone(replace(card, path=self.folder / "card.toml"), provider=provider)

    @contextmanager
    def temporary(self, model: ModelProto) -> Iterator[Backbone]:
        """Open a backbone whose file is gone afterwards: of a large graph a hundred would fill a disk."""
        backbone = self.open(model)
        yield backbone
        (self.folder / backbone.card.graph.name).unlink()

    def compare(
        self,
        model: ModelProto,
        float_layers: Sequence[str] = (),
        layers: int = 0,
        provider: Provider = CPU,
    ) -> Candidate:
        """Return the candidate that this graph makes, compared on the held-out samples."""
        backbone = self.open(model, provider)
        similarities = cosines(self._rows, backbone.embed_items(self.held_out))
        mean, worst = float(similarities.mean()), float(similarities.min())
        return Candidate(backbone, mean, worst, tuple(float_layers), layers)

    def with_probe(self, candidate: Candidate) -> Candidate:
        """Return the candidate with its accuracy, where there are labels."""
        if not self.labelled:
            return candidate
        # Rows of a candidate are never asked for again.
        engine = replace(self.engine, cache=None)
        return replace(candidate, probe=Probe.of(self.labelled, candidate.backbone, engine))

    @cached_property
    def before(self) -> Probe | None:
        """The accuracy of the parent; None without labels."""
        return Probe.of(self.labelled, self.parent, self.engine) if self.labelled else None

    def drop(self, candidate: Candidate) -> float | None:
        """Return the points of accuracy lost, negative where some are gained; None without a probe."""
        if self.before is None or candidate.probe is None:
            return None
        return 100 * (self.before.accuracy - candidate.probe.accuracy)

    def is_within(self, candidate: Candidate, tolerance: Tolerance) -> bool:
        """Return whether the probe's accuracy, or without labels the cosine, is within the tolerance."""
        drop = self.drop(candidate)
        if drop is None:
            return candidate.mean >= tolerance.min_cosine
        return drop <= tolerance.max_drop + 1e-9

    def require(self, candidate: Candidate, tolerance: Tolerance) -> None:
        """Raise TooLossy, with the figures, where a candidate is not within the tolerance."""
        if self.is_within(candidate, tolerance):
            return
        allowed = f"expected at most {tolerance.max_drop:g} points lost"
        if candidate.probe is None:
            remedy = "labelled= would judge by accuracy"
            allowed = f"expected a mean cosine of {tolerance.min_cosine:g}; {remedy}"
        in_float = len(candidate.float_layers) + len(candidate.slow_layers)
        n_layers = candidate.layers + in_float
        layers = (
            f"{candidate.layers} of {n_layers} layers in int8" if n_layers else "weights in fp16"
        )
        raise TooLossy(
            f"{self.parent.card.name}: not written: with {layers}: {self.describe(candidate)}; {allowed}"
        )

    def describe(self, candidate: Candidate) -> str:
        """Return the figures of a candidate in words."""
        figures = f"cosine {candidate.mean:.4f} mean, {candidate.worst:.4f} worst"
        drop = self.drop(candidate)
        if drop is None or candidate.probe is None:
            return figures
        after = candidate.probe.accuracy
        return f"{figures}; probe {after + drop / 100:.4f} before, {after:.4f} after ({-drop:+.2f} points)"
