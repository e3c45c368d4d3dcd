"""Targets that are probably wrong, by what a head predicts of samples that were left out of its training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from featx._typing import Doubles, Integers
from featx.audit.data import AuditData
from featx.audit.findings import AuditFinding
from featx.audit.noise import doubt_labels
from featx.embedding.neighbors import Neighbors
from featx.heads import Calibrator
from featx.tasks import Task
from featx.tuning import HeadConfig
from featx.tuning.design import SampleDesign
from featx.tuning.problem import TuningProblem
from featx.tuning.search import tune
from featx.tuning.validation import heads_for

__all__ = ["LeftOutPredictions", "find_wrong_targets", "predict_left_out", "untold_labels"]

# Samples up to which exact copies are kept in one fold, for which each is a group.
_GROUPED = 20_000
# Residuals beyond so many robust standard deviations are findings.
_FAR = 6.0
# The standard deviation of a normal distribution by its median absolute deviation.
_NORMAL = 1.4826
# The mean probability that a head gives to a label, of several, where samples have it.
_LEAST_SKILL = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class LeftOutPredictions:
    """The predictions of heads that were trained without each sample.

    Attributes
    ----------
    indices : ndarray of shape (n,), intp
        Which samples of the data they are of: those with a target that can be learned.
    problem : TuningProblem
        Their targets.
    outputs : ndarray of shape (n, n_columns), float64
        Calibrated; NaN where a sample was never left out.
    calibrator : Calibrator
        What made outputs of scores.
    """

    indices: Integers
    problem: TuningProblem
    outputs: Doubles
    calibrator: Calibrator


def predict_left_out(
    data: AuditData, task: Task, config: HeadConfig
) -> tuple[LeftOutPredictions | None, str]:
    """Return what a tuned head predicts of each sample when it is left out, as ``fit`` computes it.

    Groups and exact copies are left out together.

    Returns
    -------
    predictions : LeftOutPredictions or None
    reason : str
        Why there are none, or which samples have none; '' for neither.
    """
    # A class of one sample is never both trained on and left out; numbers are not rare.
    least = None if task.name == "regression" else 2
    targets, note = task.drop_rare(list(data.targets), least)
    known = np.flatnonzero([target is not None for target in targets])
    if len(known) < 2 or len(set(np.asarray(targets, object)[known].tolist())) < 2:
        return None, "fewer than two targets that several samples have"
    encoded = task.encode_targets([targets[i] for i in known], [data.ids[i] for i in known])
    problem = task.tuning_problem(encoded, config, _design(data, known))
    rows = np.ascontiguousarray(data.rows[known])
    choice = tune(heads_for(problem, config), rows, problem, config=config)
    if choice.left_out is None:
        return None, "too few samples to leave any out"
    scores = choice.left_out.scores.astype(np.float64)
    usable = np.isfinite(scores).all(axis=1)
    outputs = np.full((len(known), problem.n_columns), np.nan)
    outputs[usable] = choice.calibrator.apply(scores[usable])
    return LeftOutPredictions(known, problem, outputs, choice.calibrator), note


def _design(data: AuditData, known: Integers) -> SampleDesign | None:
    """Return the groups of samples, to which copies are one; None where each is by itself."""
    groups = [data.groups[i] for i in known]
    if all(group is not None for group in groups) and len(set(groups)) > 1:
        return SampleDesign(groups=np.asarray(groups, np.str_))
    digests = [data.digests[i] for i in known]
    if not all(digests) or len(set(digests)) == len(digests) or len(known) > _GROUPED:
        return None
    return SampleDesign(groups=np.asarray(digests, np.str_))


def find_wrong_targets(
    data: AuditData, predictions: LeftOutPredictions, neighbors: Neighbors, task: Task
) -> list[AuditFinding]:
    """Return the samples whose targets are probably wrong, the surest first.

    Parameters
    ----------
    data : AuditData
    predictions : LeftOutPredictions
    neighbors : Neighbors
        The nearest of ``data.firsts`` among each other, by their places in it.
    task : Task
    """
    near = _of_samples(data, predictions.indices, neighbors)
    findings = _KINDS[task.name](data, predictions, near)
    return sorted(findings, key=lambda found: (found.code, -found.score))


def _of_samples(data: AuditData, indices: Integers, neighbors: Neighbors) -> Integers:
    """Return the neighbours of some samples by their places among these; -1 for what is not among them."""
    place = np.full(len(data), -1, np.intp)
    place[indices] = np.arange(len(indices))
    by_sample = np.full((len(data), neighbors.indices.shape[1]), -1, np.intp)
    there = neighbors.indices >= 0
    by_sample[data.firsts] = np.where(there, place[data.firsts[neighbors.indices]], -1)
    return by_sample[indices]


def _wrong_labels(
    data: AuditData, predictions: LeftOutPredictions, near: Integers
) -> list[AuditFinding]:
    problem = predictions.problem
    doubts = doubt_labels(predictions.outputs, np.asarray(problem.codes), near)
    names = problem.output_names
    findings = []
    for place in np.flatnonzero(doubts.flagged).tolist():
        index, other = int(predictions.indices[place]), names[doubts.suggested[place]]
        given = names[problem.codes[place]]
        findings.append(
            AuditFinding(
                "FX021",
                data.ids[index],
                _share(doubts.scores[place]),
                f"{data.ids[index]:.200} has the label {given!r:.60}; it is probably {other!r:.60}",
                suggested=other,
            )
        )
    return findings


def _wrong_sets(
    data: AuditData, predictions: LeftOutPredictions, near: Integers
) -> list[AuditFinding]:
    problem = predictions.problem
    codes = np.asarray(problem.codes).reshape(len(problem), -1)
    findings = []
    for column, name in enumerate(problem.output_names):
        p, given = predictions.outputs[:, column], codes[:, column].astype(np.intp)
        if _skill(p, given) >= _LEAST_SKILL:
            doubts = doubt_labels(np.stack([1 - p, p], axis=1), given, near)
            for place in np.flatnonzero(doubts.flagged).tolist():
                index = int(predictions.indices[place])
                has = bool(given[place])
                text = "is probably none" if has else "is probably missing"
                findings.append(
                    AuditFinding(
                        "FX023" if has else "FX022",
                        data.ids[index],
                        _share(doubts.scores[place]),
                        f"{data.ids[index]:.200}: the label {name!r:.60} {text}",
                        related=(name,),
                        suggested=f"{'-' if has else '+'}{name}",
                    )
                )
    return findings


def _skill(p: Doubles, given: Integers) -> float:
    """Return the mean probability of a label of the samples that have it; 0 where all or none have."""
    known = np.isfinite(p) & (given == 1)
    return float(p[known].mean()) if known.any() and not given.all() else 0.0


def untold_labels(predictions: LeftOutPredictions, task: Task) -> list[str]:
    """Return the labels of several that the head tells too badly for their absence to mean anything."""
    if task.name != "multilabel":
        return []
    codes = np.asarray(predictions.problem.codes).reshape(len(predictions.problem), -1)
    return [
        name
        for column, name in enumerate(predictions.problem.output_names)
        if _skill(predictions.outputs[:, column], codes[:, column].astype(np.intp)) < _LEAST_SKILL
    ]


def _far_numbers(
    data: AuditData, predictions: LeftOutPredictions, _: Integers
) -> list[AuditFinding]:
    problem = predictions.problem
    # Targets are in the scale of scores.
    scaled = np.asarray(problem.targets, np.float64).reshape(len(problem), -1)
    targets = predictions.calibrator.apply(scaled)
    findings = []
    for column, name in enumerate(problem.output_names):
        given, found = targets[:, column], predictions.outputs[:, column]
        apart = np.abs(given - found)
        spread = _NORMAL * float(np.nanmedian(apart)) if np.isfinite(apart).any() else 0.0
        if spread <= 0:
            continue
        for place in np.flatnonzero(apart > _FAR * spread).tolist():
            index = int(predictions.indices[place])
            about = f"{found[place]:.6g}"
            findings.append(
                AuditFinding(
                    "FX024",
                    data.ids[index],
                    _share(1 - spread / apart[place]),
                    f"{data.ids[index]:.200}: {name} is {given[place]:.6g}; about {about} is predicted",
                    related=(name,) if len(problem.output_names) > 1 else (),
                    suggested=about,
                )
            )
    return findings


def _share(value: float) -> float:
    return round(float(min(1.0, max(0.0, value))), 6)


_Kind = Callable[[AuditData, LeftOutPredictions, Integers], list[AuditFinding]]
_KINDS: Mapping[str, _Kind] = MappingProxyType(
    {"classification": _wrong_labels, "multilabel": _wrong_sets, "regression": _far_numbers}
)
