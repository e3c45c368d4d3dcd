"""Explain what a predictor says of samples."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from featx._typing import FloatArray
from featx.embedding.engine import Engine, count_workers
from featx.embedding.rows import Reject, Rows
from featx.errors import BadGraph, BadOption, BadSample, FeatxNotice, NoExactSum
from featx.explanation.explanation import Explanation, InputShare, ScorePart
from featx.explanation.input_parts import InputParts, training_mean
from featx.explanation.neighbours import NeighbourSearch
from featx.explanation.occlusion import Occluder
from featx.explanation.row_sums import RowSums
from featx.explanation.score_targets import ScoreTarget, choose_target
from featx.heads.linear_form import LinearForm, linear_form
from featx.inputs.input import is_joint
from featx.modalities.remarks import Remark, collected, warn_of
from featx.predictor import Predictor, check_predictor
from featx.sources import Sample

if TYPE_CHECKING:
    from featx.tasks import Prediction

__all__ = ["Explainer", "ExplanationOptions", "Method", "explain"]

Method = Literal["auto", "exact", "occlusion"]
_METHODS = ("auto", "exact", "occlusion")
# Of the parts' absolute sum and the score: what adds up less well was computed otherwise.
_TOLERANCE = 1e-4
# Samples a worker that are under way together.
_AHEAD = 4
# Records whose rows are made together.
_CHUNK = 64

_Result = tuple["Explanation | Reject", list[Remark]]


def explain(
    predictor: Predictor,
    samples: Iterable[Any],
    *,
    target: str | None = None,
    against: str | None = None,
    method: Method = "auto",
    places: int | None = None,
    neighbours: int = 0,
    engine: Engine | None = None,
) -> list[Explanation]:
    """Say what of each sample speaks for an answer of a predictor, and what against it.

    With a linear head on rows that are pooled from a map, the score is exactly a sum over the places of the
    sample. Where it is not, places are hidden one after the other, which is said with its cost.

    Of several inputs each adds its part to the score of a linear head, and is itself taken apart where its rows
    are such sums; with another head each is replaced by the mean of training in turn.

    Parameters
    ----------
    predictor : Predictor
    samples : iterable of paths, bytes, images, arrays, texts or Sample
        Whatever its backbone reads, or records as ``predict`` takes them.
    target : str, default=None
        The class, label or number whose score is explained; None: the most probable one, or the first number.
    against : str, default=None
        A class: the difference of both scores is explained. Of two classes it always is.
    method : {"auto", "exact", "occlusion"}, default="auto"
        "exact" refuses where there is no exact sum; "occlusion" hides places in any case.
    places : int, default=None
        How many places are hidden, about; None: 49 of a picture, 64 of a text, 32 of a sound.
    neighbours : int, default=0
        How many of the nearest training samples are shown, of a predictor that keeps their rows.
    engine : Engine, default=None
        How to run.

    Returns
    -------
    list of Explanation
        In the order of the samples; a sample that the engine skips is left out.

    Raises
    ------
    BadOption
        ``target`` or ``against`` is none that the predictor has, or another parameter cannot be used.
    BadSample
        A sample cannot be read, and the engine does not skip.
    NoExactSum
        There is no exact sum, and ``method`` asks for one.

    Examples
    --------
    >>> import featx
    >>> images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    >>> backbone = featx.get_card("featx-image-nano").variant(tap="last-map", pooling="mean")
    >>> predictor = featx.fit(images, ["dark"] * 3 + ["light"] * 3, backbone=backbone, baseline=False)
    >>> [found] = explain(predictor, images[:1])
    >>> found.heading, found.method, len(found.parts), abs(found.total - found.score) < 1e-5
    ('dark, not light', 'exact', 49, True)
    """
    explainer = Explainer(
        predictor,
        ExplanationOptions(target, against, method, places, neighbours),
        engine=engine,
    )
    found = explainer.stream(predictor.make_samples(samples))
    return [one for one in found if isinstance(one, Explanation)]


@dataclass(frozen=True, slots=True)
class ExplanationOptions:
    """The choice of what is explained and how; see ``explain``.

    Attributes
    ----------
    target, against : str or None
    method : {"auto", "exact", "occlusion"}
    places : int or None
    neighbours : int
    top_k : int or None
        Classes in the prediction of an explanation; None: all.
    """

    target: str | None = None
    against: str | None = None
    method: Method = "auto"
    places: int | None = None
    neighbours: int = 0
    top_k: int | None = None


class Explainer:
    """A predictor with what its explanations need.

    Parameters
    ----------
    predictor : Predictor
    options : ExplanationOptions, default=ExplanationOptions()
    engine : Engine, default=None
    quiet : bool, default=False
        Whether nothing is said where there is no exact sum; ``reason`` says it.

    Raises
    ------
    BadOption, NoExactSum
        As ``explain``.

    Examples
    --------
    >>> import featx
    >>> texts = ["good", "great", "fine", "bad", "awful", "poor"]
    >>> predictor = featx.fit(texts, ["+"] * 3 + ["-"] * 3, baseline=False)
    >>> explainer = Explainer(predictor, ExplanationOptions(method="occlusion"))
    >>> [found] = explainer.stream(featx.make_samples(["good and great"]))
    >>> [part.place for part in found.parts]
    [(0, 4), (5, 8), (9, 14)]
    """

    def __init__(
        self,
        predictor: Predictor,
        options: ExplanationOptions | None = None,
        *,
        engine: Engine | None = None,
        quiet: bool = False,
    ) -> None:
        check_predictor(predictor)
        self.options = options or ExplanationOptions()
        self.predictor = predictor
        self.engine = Engine.of(engine)
        method = self.options.method
        if method not in _METHODS:
            raise BadOption(f"method = {method!r:.60}: expected one of {', '.join(_METHODS)}")
        n_columns = predictor.head.calibrator.n_columns(len(predictor.head.classes))
        # refused before anything is opened
        self._target_of(np.zeros(n_columns, np.float32))
        self._occluder: Occluder | None = None
        self._inputs: InputParts | None = None
        if is_joint(predictor.inputs):
            self._inputs = self._open_inputs()
        else:
            self._occluder = Occluder(predictor, self.options.places, self.engine)
        self._search = NeighbourSearch(predictor, self.options.neighbours)
        self.reason = ""
        self._sums: RowSums | None = None
        self._form: LinearForm | None = None
        if method != "occlusion":
            self._look_for_sums(quiet=quiet)
        if self._inputs is not None and self._form is None:
            self._mean = training_mean(predictor)

    def between(self, target: str, against: str) -> Explainer:
        """Return an explainer of the difference of two scores, which shares all that this one has opened.

        Raises
        ------
        BadOption
            The predictor has no such classes.
        """
        other = copy(self)
        other.options = replace(self.options, target=target, against=against)
        n_columns = self.predictor.head.calibrator.n_columns(len(self.predictor.head.classes))
        other._target_of(np.zeros(n_columns, np.float32))
        return other

    def _open_inputs(self) -> InputParts:
        if self.options.places is not None:
            raise BadOption(
                f"places = {self.options.places!r:.60}: each of several inputs is left out as a whole; leave "
                "it out"
            )
        return InputParts(self.predictor, self.engine)

    def _look_for_sums(self, *, quiet: bool) -> None:
        try:
            self._form = linear_form(self.predictor.head)
            if self._inputs is not None:
                self._inputs.open_sums()
                return
            self._sums = RowSums(self.predictor.open())
        # a graph that cannot be cut again, for one, answers all the same
        except (NoExactSum, BadGraph) as error:
            self.reason = str(error)
            what = "place" if self._inputs is None else "input"
            said = f"{self.reason}, so its score is no exact sum over {what}s"
            if self.options.method == "exact":
                raise NoExactSum(
                    f"{said}; expected method='occlusion', which hides one {what} after the other",
                    self.reason,
                ) from None
            if quiet:
                return
            cost = ""
            if self._occluder is not None:
                cost = f", which costs about {self._occluder.places} predictions a sample"
            warnings.warn(
                f"{said}; one {what} after the other is hidden{cost}", FeatxNotice, stacklevel=4
            )

    def stream(self, samples: Iterable[Sample]) -> Iterator[Explanation | Reject]:
        """Give the explanation of each sample, in their order; a Reject where the engine skips.

        Raises
        ------
        BadSample
            A sample cannot be read, and the engine does not skip.
        """
        remarks, total = list[tuple[str, Remark]](), 0
        for sample, (found, said) in self._results(iter(samples)):
            total += 1
            remarks += [(sample.id, one) for one in said]
            if isinstance(found, Reject) and self.engine.on_error == "fail":
                raise found.failure()
            if self.engine.progress:
                self.engine.progress(1)
            yield found
        warn_of(remarks, total)

    def _results(self, samples: Iterator[Sample]) -> Iterator[tuple[Sample, _Result]]:
        """Give each sample with its result; where sums are exact, several samples at a time."""
        if self._inputs is not None:
            yield from self._record_results(samples, self._inputs)
            return
        first = list(islice(samples, 2))
        # hidden places fill every core by themselves
        if self._sums is None or len(first) < 2:
            yield from ((sample, self._result(sample)) for sample in chain(first, samples))
            return
        workers = count_workers(self.engine.n_jobs)
        waiting = chain(first, samples)
        with ThreadPoolExecutor(workers, thread_name_prefix="featx") as pool:
            while chunk := list(islice(waiting, workers * _AHEAD)):
                yield from zip(chunk, pool.map(self._result, chunk), strict=True)

    def _record_results(
        self, samples: Iterator[Sample], inputs: InputParts
    ) -> Iterator[tuple[Sample, _Result]]:
        """Give each record with its result; their rows are made many at a time."""
        workers = count_workers(self.engine.n_jobs)
        with ThreadPoolExecutor(workers, thread_name_prefix="featx") as pool:
            rows = inputs.stream(samples)
            while chunk := list(islice(rows, _CHUNK)):
                results = pool.map(self._record_result, *zip(*chunk, strict=True))
                yield from zip([sample for sample, _ in chunk], results, strict=True)

    def _record_result(self, sample: Sample, row: FloatArray | Reject) -> _Result:
        if isinstance(row, Reject):
            return row, []
        assert self._inputs is not None
        score, target = self._score(row)
        if self._form is None:
            hidden = self._inputs.hide(row, self._mean)
            values = score - target.of_scores(self.predictor.head.scorer.scores(hidden))
            named = zip(self._inputs.inputs, values.tolist(), strict=True)
            shares = tuple(InputShare(one.name, one.kind, value) for one, value in named)
            return self._explained(sample.id, row, (score, target), None, shares), []
        weights, constant = self._form.pull(target.weights, row.astype(np.float64))
        center = self._form.center
        bias = constant + target.offset + (0.0 if center is None else float(weights @ center))
        shares = self._inputs.shares(sample, row, weights, center)
        return self._explained(sample.id, row, (score, target), bias, shares), []

    def _explained(
        self,
        id: str,
        row: FloatArray,
        scored: tuple[float, ScoreTarget],
        bias: float | None,
        shares: tuple[InputShare, ...],
    ) -> Explanation:
        """Return the explanation of a record from what each input adds, or loses where it is left out."""
        score, target = scored
        return Explanation(
            id,
            "record",
            "occlusion" if bias is None else "exact",
            target.name,
            target.against,
            score,
            bias,
            tuple(ScorePart(one.value, None, one.name) for one in shares),
            (),
            self._prediction(id, row),
            self.reason,
            self._search.near(row),
            shares,
        )

    def _result(self, sample: Sample) -> _Result:
        with collected() as remarks:
            try:
                return self._explain(sample), remarks
            except BadSample as error:
                return Reject(sample.id, str(error).removeprefix(f"{sample.id}: ")), remarks

    def _explain(self, sample: Sample) -> Explanation:
        if self._sums is None:
            return self._occluded(sample, self.reason)
        try:
            return self._exact(sample, self._sums)
        except NoExactSum as error:
            if self.options.method == "exact":
                raise
            return self._occluded(sample, str(error))

    def _exact(self, sample: Sample, sums: RowSums) -> Explanation:
        found = sums.read(sample.data)
        score, target = self._score(found.row)
        assert self._form is not None
        weights, constant = self._form.pull(target.weights, found.row.astype(np.float64))
        constant += target.offset
        if self._form.center is None:
            own, more = found.parts(weights)
            bias = constant + more
        else:
            # the score of the mean training row; what is left of the constants is the places' own
            bias = mean = constant + float(weights @ self._form.center)
            own, _ = found.parts(weights, lambda more: constant + more - mean)
        parts = tuple(ScorePart(value, place) for place, value in own.items())
        apart = abs(bias + sum(own.values()) - score)
        size = abs(score) + sum(map(abs, own.values())) + 1.0
        if not apart <= _TOLERANCE * size:
            raise NoExactSum(f"its parts add up to another score, which is {apart:.2g} away")
        return Explanation(
            sample.id,
            self.predictor.card.modality,
            "exact",
            target.name,
            target.against,
            score,
            bias,
            parts,
            found.geometry.extent,
            self._prediction(sample.id, found.row),
            neighbours=self._search.near(found.row),
        )

    def _target_of(self, outputs: FloatArray) -> ScoreTarget:
        return choose_target(self.predictor, outputs, self.options.target, self.options.against)

    def _score(self, row: FloatArray) -> tuple[float, ScoreTarget]:
        head = self.predictor.head
        outputs = head.predict_outputs(row[None])[0]
        target = self._target_of(outputs)
        return float(target.of_scores(head.scorer.scores(row[None]))[0]), target

    def _occluded(self, sample: Sample, reason: str) -> Explanation:
        assert self._occluder is not None
        hidden = self._occluder.hide(sample)
        score, target = self._score(hidden.row)
        values = score - target.of_scores(self.predictor.head.scorer.scores(hidden.rows))
        parts = tuple(map(ScorePart, values.tolist(), hidden.places))
        return Explanation(
            sample.id,
            self.predictor.card.modality,
            "occlusion",
            target.name,
            target.against,
            score,
            None,
            parts,
            hidden.extent,
            self._prediction(sample.id, hidden.row),
            reason,
            self._search.near(hidden.row),
        )

    def _prediction(self, id: str, row: FloatArray) -> Prediction:
        rows = Rows((id,), (None,), row[None], self.predictor.fingerprint)
        top_k = self.options.top_k or len(self.predictor.head.classes)
        return next(iter(self.predictor.predict_rows(rows, top_k=top_k)))
