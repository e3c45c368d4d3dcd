"""Measure what OpenVINO makes of a graph, in its precisions and in integers, where it is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

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

__all__ = ["fastest"]

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
    best, rate = integers, rate_ratio(candidates.parent, integers.backbone, contents)
    log(f"int8 on the CPU: {rate:.2f} × the parent's rate")
    least = rate * _WORTH
    for name, model, provider in _forms(candidates, integers):
        try:
            found = candidates.compare(model, provider=provider)
        except (BadGraph, MissingProvider) as error:
            log(f"{name} on {provider}: {error}")
            continue
        if name == "int8":
            found = replace(
                integers, backbone=found.backbone, mean=found.mean, worst=found.worst, probe=None
            )
        found_rate = rate_ratio(candidates.parent, found.backbone, contents)
        if near := found.mean >= tolerance.min_cosine or bool(candidates.labelled):
            found = candidates.with_probe(found)
            near = candidates.is_within(found, tolerance)
        words = "" if near else "; too far"
        log(
            f"{name} on {provider}: {found_rate:.2f} × its rate, {candidates.describe(found)}{words}"
        )
        if near and found_rate >= max(least, rate):
            best, rate = found, found_rate
    log(f"fastest within the tolerance: {_describe(best)}")
    return best


def _forms(
    candidates: Candidates, integers: Candidate
) -> Iterator[tuple[str, ModelProto, Provider]]:
    """Give each form that OpenVINO may compute: its name, its graph, and the provider with a precision."""
    path = candidates.folder / integers.backbone.card.graph.name
    yield "int8", onnx.load(path), Provider(_NAME, PROVIDERS[_NAME].precisions[0])
    card = candidates.parent.card
    floats = cut_graph(verify_files(card)[card.graph.name], card.output)
    for precision in PROVIDERS[_NAME].precisions:
        yield "floats", onnx.load_from_string(floats), Provider(_NAME, precision)


def _describe(candidate: Candidate) -> str:
    kind = "int8" if candidate.layers else "floats"
    return f"{kind} on {candidate.provider}" if candidate.provider != CPU else f"{kind} on the CPU"
