"""Measure what OpenVINO makes of a graph, in its precisions and in integers, where it is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import onnx
from onnx import ModelProto

from featx.backbones.providers import CPU, PROVIDERS, Provider
from featx.backbones.session import available
from featx.catalog import verify_files
from featx.errors import BadGraph, MissingProvider
from featx.graphs import cut_graph
from featx.optimize.config import Tolerance
from featx.optimize.metrics import rate_ratio
from featx.optimize.trial import Candidate, Candidates

__all__ = ["fastest", "fastest_floats"]

Log = Callable[[str], object]

# What is no faster than this many times the CPU's integers is not worth a package of its own.
_WORTH = 1.05
_NAME = "openvino"


def fastest(
    candidates: Candidates,
    integers: Candidate,
    contents: Sequence[Any],
    tolerance: Tolerance,
    log: Log,
) -> Candidate:
    """Return the fastest of the integers on the CPU, of them on OpenVINO, and of the parent's floats there.

    Only those count whose rows, or accuracy, are within the tolerance. Where OpenVINO is not offered, nothing
    is measured.

    Parameters
    ----------
    candidates : Candidates
    integers : Candidate
        What was found for the CPU.
    contents : sequence
        Contents of samples whose times are compared.
    tolerance : Tolerance
    log : callable
        Called with a line of words for each.
    """
    if _NAME not in available():
        return integers
    rate = rate_ratio(candidates.parent, integers.backbone, contents)
    log(f"int8 on the CPU: {rate:.2f} × the parent's rate")
    path = candidates.folder / integers.backbone.card.graph.name
    form = _Form("int8", onnx.load(path), Provider(_NAME, PROVIDERS[_NAME].precisions[0]), integers)
    trials = _Trials(candidates, contents, tolerance, log)
    best = trials.best([form, *_float_forms(candidates)], rate) or integers
    log(f"fastest within the tolerance: {_describe(best)}")
    return best


def fastest_floats(
    candidates: Candidates, contents: Sequence[Any], tolerance: Tolerance, log: Log
) -> Candidate | None:
    """Return the fastest of the parent's floats on OpenVINO where no integers are within the tolerance.

    None where OpenVINO is not offered, or is not worth it: the parent on the CPU is as fast, or rows are
    too far from the parent's. Parameters are those of ``fastest``.
    """
    if _NAME not in available():
        return None
    log("no integers are within the tolerance: floats are measured on OpenVINO")
    trials = _Trials(candidates, contents, tolerance, log)
    best = trials.best(_float_forms(candidates), 1.0)
    log(f"fastest within the tolerance: {_describe(best) if best else 'the parent on the CPU'}")
    return best


class _Form(NamedTuple):
    """One form of a backbone that OpenVINO may compute."""

    name: str
    model: ModelProto
    provider: Provider
    # what was found of it on the CPU
    integers: Candidate | None = None


def _float_forms(candidates: Candidates) -> Iterator[_Form]:
    """Give the parent's floats, in each precision."""
    card = candidates.parent.card
    floats = cut_graph(verify_files(card)[card.graph.name], card.output)
    for precision in PROVIDERS[_NAME].precisions:
        yield _Form("floats", onnx.load_from_string(floats), Provider(_NAME, precision))


@dataclass(frozen=True, slots=True)
class _Trials:
    """The measuring of forms on other samples; parameters are those of ``fastest``."""

    candidates: Candidates
    contents: Sequence[Any]
    tolerance: Tolerance
    log: Log

    def best(self, forms: Iterable[_Form], rate: float) -> Candidate | None:
        """Return the fastest form within the tolerance; None where none is worth leaving ``rate`` for."""
        best, least = None, rate * _WORTH
        for form in forms:
            try:
                found = self.candidates.compare(form.model, provider=form.provider)
            except (BadGraph, MissingProvider) as error:
                self.log(f"{form.name} on {form.provider}: {error}")
                continue
            if known := form.integers:
                found = replace(
                    known, backbone=found.backbone, mean=found.mean, worst=found.worst, probe=None
                )
            found_rate = rate_ratio(self.candidates.parent, found.backbone, self.contents)
            found, near = self._judge(found)
            self.log(
                f"{form.name} on {form.provider}: {found_rate:.2f} × its rate, "
                f"{self.candidates.describe(found)}{'' if near else '; too far'}"
            )
            if near and found_rate >= max(least, rate):
                best, rate = found, found_rate
        return best

    def _judge(self, found: Candidate) -> tuple[Candidate, bool]:
        """Return a candidate, with its accuracy where there are labels, and whether it is near enough."""
        if found.mean < self.tolerance.min_cosine and not self.candidates.labelled:
            return found, False
        found = self.candidates.with_probe(found)
        return found, self.candidates.is_within(found, self.tolerance)


def _describe(candidate: Candidate) -> str:
    kind = "int8" if candidate.layers else "floats"
    return f"{kind} on {candidate.provider}" if candidate.provider != CPU else f"{kind} on the CPU"
