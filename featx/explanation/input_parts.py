"""The share of each input of a record in a score, and within it each place, column or photo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from featx._typing import Doubles, FloatArray
from featx.backbones.backbone import Backbone, open_backbone
from featx.embedding.engine import Engine
from featx.embedding.joint_rows import InputPart, JointEmbedder
from featx.embedding.rows import Reject
from featx.errors import BadGraph, BadOption, NoExactSum
from featx.explanation.explanation import InputShare, ScorePart
from featx.explanation.row_sums import RowSums
from featx.inputs.input import Input
from featx.inputs.joint import blocks_of, open_joint
from featx.modalities.remarks import collected
from featx.predictor import Predictor
from featx.sources import Sample

__all__ = ["InputParts", "training_mean"]

# Of the absolute sum of parts: what adds up less well was computed otherwise.
_TOLERANCE = 1e-4
# The share of what all inputs add together, without their signs, below which one adds nothing.
_NOTHING = 1e-12
_PAIR = (
    "a pair is compared by |u - v| and u * v, of which the second is no sum over places of either"
)

_Parts = tuple[tuple[ScorePart, ...], tuple[float, ...], str]


class InputParts:
    """The inputs of a predictor, taken apart into what each adds to a weighted sum of a joint row.

    Parameters
    ----------
    predictor : Predictor
        Of several inputs.
    engine : Engine
        Embeds the records.
    """

    def __init__(self, predictor: Predictor, engine: Engine) -> None:
        self.inputs, self.blocks = predictor.inputs, blocks_of(predictor.inputs)
        self._engine = replace(engine, on_error="skip", progress=None)
        self._embedder: JointEmbedder = open_joint(predictor.inputs, predictor.provider)
        self._provider = predictor.provider
        self._sums: dict[str, RowSums | str] = {}

    def stream(self, samples: Iterable[Sample]) -> Iterator[tuple[Sample, FloatArray | Reject]]:
        """Give each sample with its joint row, or why it has none, in their order."""
        waiting: dict[int, Sample] = {}

        def numbered() -> Iterator[Sample]:
            for number, sample in enumerate(samples):
                waiting[number] = sample
                yield Sample(str(number), sample.data)

        for rows in self._engine.stream(numbered(), self._embedder):
            found: dict[int, FloatArray | Reject] = {
                int(name): row for name, row in zip(rows.ids, rows.embeddings, strict=True)
            }
            found |= {int(reject.id): reject for reject in rows.rejects}
            for number in sorted(found):
                sample, given = waiting.pop(number), found[number]
                if isinstance(given, Reject):
                    given = Reject(sample.id, given.reason.removeprefix(f"{sample.id}: "))
                yield sample, given

    def open_sums(self) -> None:
        """Take apart the backbones, before several threads ask for them."""
        for one in self.inputs:
            if one.has_backbone and not one.pair:
                self._sums_of(one)

    def shares(
        self, sample: Sample, row: FloatArray, weights: Doubles, center: Doubles | None
    ) -> tuple[InputShare, ...]:
        """Return what each input adds to ``weights @ (row - center)``, which they add up to.

        Parameters
        ----------
        sample : Sample
            A record.
        row : ndarray of shape (dim,), float32
            Its joint row.
        weights : ndarray of shape (dim,)
        center : ndarray of shape (dim,) or None
            The mean row of training; None: that is not known, and nothing is taken off.
        """
        base = np.zeros(len(row)) if center is None else center
        each = weights * (row.astype(np.float64) - base)
        # What an input without weight adds is what rounding leaves: nothing.
        least = _NOTHING * float(np.abs(each).sum())
        found = []
        for one, part, block in zip(self.inputs, self._embedder.parts, self.blocks, strict=True):
            counts = float(np.abs(each[block.columns]).sum()) > least
            own = _Share(
                one,
                part,
                np.where(counts, weights[block.columns], 0.0),
                base[block.columns],
                np.where(counts, each[block.columns], 0.0),
            )
            parts, extent, reason = self._parts(own, sample.data)
            found.append(InputShare(one.name, one.kind, own.value, parts, extent, reason))
        return tuple(found)

    def hide(self, row: FloatArray, mean: FloatArray) -> FloatArray:
        """Return the row with each input in turn replaced by the mean of training; shape (n_inputs, dim)."""
        rows = np.repeat(row[None], len(self.blocks), axis=0)
        for hidden, block in zip(rows, self.blocks, strict=True):
            hidden[block.columns] = mean[block.columns]
        return rows

    def _parts(self, own: _Share, record: Mapping[str, Any]) -> _Parts:
        if not own.input.has_backbone:
            names = own.input.encoder.names
            columns = zip(own.each.tolist(), names, strict=True)
            return tuple(ScorePart(value, None, name) for value, name in columns), (), ""
        values = own.part.values_of(record)
        if not values:
            return (), (), "it is missing: the mean of training stands for it"
        if own.input.pair:
            half = len(own.each) // 2
            differ = ScorePart(float(own.each[:half].sum()), None, "how far they differ")
            shared = ScorePart(float(own.each[half:].sum()), None, "what they share")
            return (differ, shared), (), _PAIR
        if len(values) > 1:
            return self._of_several(own, values), (), ""
        return self._places(own, values[0])

    def _of_several(self, own: _Share, values: Sequence[Any]) -> tuple[ScorePart, ...]:
        """Return what each of several photos or texts adds, whose mean the row is."""
        backbone: Backbone = open_backbone(own.input.card, self._provider)
        samples = [Sample(str(k), value) for k, value in enumerate(values)]
        # Records fill every core by themselves.
        engine = replace(self._engine, n_jobs=1)
        rows = engine.embed(samples, backbone).embeddings.astype(np.float64)
        added = (rows - own.base) @ own.weights / len(values)
        return tuple(
            ScorePart(value, None, f"{own.input.name} {k}")
            for k, value in enumerate(added.tolist(), start=1)
        )

    def _places(self, own: _Share, content: Any) -> _Parts:
        sums = self._sums_of(own.input)
        if isinstance(sums, str):
            return (), (), sums
        try:
            with collected():
                found = sums.read(content)
                places, _ = found.parts(own.weights, own.spread)
        except NoExactSum as error:
            return (), (), str(error)
        size = abs(own.value) + sum(map(abs, places.values())) + 1.0
        if not abs(sum(places.values()) - own.value) <= _TOLERANCE * size:
            return (), (), "its places add up to another value"
        parts = tuple(ScorePart(value, place) for place, value in places.items())
        return parts, found.geometry.extent, ""

    def _sums_of(self, one: Input) -> RowSums | str:
        """Return what takes the rows of an input apart, or why nothing does."""
        key = one.card.fingerprint
        if key not in self._sums:
            try:
                self._sums[key] = RowSums(open_backbone(one.card, self._provider))
            # A graph that cannot be cut again, for one.
            except (NoExactSum, BadGraph) as error:
                self._sums[key] = str(error)
        return self._sums[key]


class _Share:
    """One input's block of a row: its weights, the mean of training, and what each column adds."""

    def __init__(
        self, one: Input, part: InputPart, weights: Doubles, base: Doubles, each: Doubles
    ) -> None:
        self.input, self.part = one, part
        self.weights, self.base, self.each = weights, base, each
        self.value = float(each.sum())

    @property
    def spread(self) -> Callable[[float], float]:
        """Return what of the constant of a row is dealt out to its places, as a function of it."""
        mean = float(self.weights @ self.base)
        return lambda constant: constant - mean


def training_mean(predictor: Predictor) -> FloatArray:
    """Return the mean row of training, as the head or the rows that are kept know it.

    Raises
    ------
    BadOption
        Neither knows it.
    """
    scaling = predictor.head.scorer.scaling
    if scaling is not None:
        return scaling[0]
    samples = predictor.samples
    if samples is None or samples.rows is None:
        raise BadOption(
            f"head {predictor.head.name}: keeps no mean of the training rows, which stands for an input left "
            "out; train it again with keep_rows=True"
        )
    return np.asarray(samples.rows.astype(np.float64).mean(axis=0), np.float32)
