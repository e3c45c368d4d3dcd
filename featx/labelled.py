"""Labelled samples as training and measuring take them: with groups and weights, without what is left out."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from featx.embedding.rows import Reject
from featx.errors import BadLabels, BadOption, FeatxWarning, check_iterable
from featx.sources import Sample, make_samples
from featx.sources.file_names import refusal_of
from featx.sources.labels import missing_labels, refuse_numbers
from featx.storage.border import library_border
from featx.tasks import Task
from featx.tuning.design import SampleDesign

__all__ = ["LabelledSamples", "describe_design"]


@dataclass(frozen=True, slots=True)
class LabelledSamples:
    """Samples that all have a target, in their order.

    Attributes
    ----------
    samples : list of Sample
    notes : tuple of str
        What was left out, for the report.
    unread : tuple of Sample
        Rows of a table that make no sense, so that their targets are not known: rejects of whatever embeds
        them.
    """

    samples: list[Sample]
    notes: tuple[str, ...] = ()
    unread: tuple[Sample, ...] = ()

    @classmethod
    def of(
        cls,
        X: Iterable[Any],
        y: Any = None,
        *,
        groups: Sequence[Any] | str | None = None,
        sample_weight: Sequence[float] | None = None,
    ) -> LabelledSamples:
        """Return the samples of a list with what is known of each.

        Parameters
        ----------
        X, y
            The parameters of ``make_samples``.
        groups : sequence of n names, or str, default=None
            The group of each sample; a regular expression that finds it in the sample's name, or "parent" for
            the folder above. None: what the samples say.
        sample_weight : sequence of n floats, default=None
            How often each counts; None: what the samples say.

        Raises
        ------
        BadOption
            Their lengths do not fit, or a weight is no number from 0 on.
        """
        samples = make_samples(X, y)
        names = _groups(samples, groups)
        if names is not None:
            samples = [replace(s, group=name) for s, name in zip(samples, names, strict=True)]
        if sample_weight is not None:
            check_iterable("sample_weight", sample_weight, "a number a sample")
            with library_border("sample_weight: expected a number a sample", error=BadOption):
                weights = np.asarray(sample_weight, np.float64)
            if weights.shape != (len(samples),):
                raise BadOption(
                    f"sample_weight: expected {len(samples)} numbers, one a sample; found shape {weights.shape}"
                )
            samples = [replace(s, weight=w) for s, w in zip(samples, weights.tolist(), strict=True)]
        unread = tuple(sample for sample in samples if _is_unread(sample))
        return cls([s for s in samples if not _is_unread(s)] if unread else samples, (), unread)

    @property
    def whole(self) -> list[Sample]:
        """The samples, and behind them the rows that make no sense."""
        return [*self.samples, *self.unread]

    @property
    def rejects(self) -> tuple[Reject, ...]:
        """The rows that make no sense, and why."""
        return tuple(Reject(one.id, refusal_of(one.data) or "") for one in self.unread)

    def for_task(
        self,
        task: Task,
        *,
        min_samples: int | None = None,
        unlabelled: str = "fail",
        by_default: bool = False,
    ) -> LabelledSamples:
        """Return the samples that a predictor of the task is trained on; say what is left out.

        Parameters
        ----------
        min_samples : int, default=None
            Classes, or labels, of fewer samples are left out by name.
        unlabelled : {"fail", "skip"}, default="fail"
            What is done with samples without a target.
        by_default : bool, default=False
            Whether nobody chose the task, so that numbers are no classes.

        Raises
        ------
        BadLabels
            No predictor can be trained on these targets.
        BadOption
            The task knows no rare classes, or ``unlabelled`` is another word.
        """
        if unlabelled not in ("fail", "skip"):
            raise BadOption(f"unlabelled = {unlabelled!r}: expected 'fail' or 'skip'")
        if min_samples is not None and (type(min_samples) is not int or min_samples < 1):
            raise BadOption(f"min_samples = {min_samples!r}: expected a whole number, 1 or more")
        notes, samples = [], self.samples
        if unlabelled == "skip":
            samples = [sample for sample in samples if sample.label is not None]
            if left := len(self.samples) - len(samples):
                notes.append(
                    f"{left} of {len(self.samples)} samples have no label and are left out"
                )
        elif not samples or any(sample.label is None for sample in samples):
            without = [sample.id for sample in samples if sample.label is None]
            raise BadLabels(missing_labels(without, len(samples), task.missing_remedy))
        if by_default:
            refuse_numbers(sample.label for sample in samples)
        targets, note = task.drop_rare([sample.label for sample in samples], min_samples)
        if note:
            notes.append(note)
            samples = [
                replace(sample, label=target)
                for sample, target in zip(samples, targets, strict=True)
                if target is not None
            ]
        for text in notes:
            warnings.warn(text, FeatxWarning, stacklevel=3)
        task.encode_targets([s.label for s in samples], [s.id for s in samples])
        return LabelledSamples(samples, (*self.notes, *notes), self.unread)

    def guess_groups(self, task: Task) -> str | None:
        """Return a word on groups where names look as if there were some, and no sample says its group."""
        if not self.samples or self.samples[0].group is not None:
            return None
        from featx.sources.groups import guess_groups

        labels = task.classes_of([sample.label for sample in self.samples])
        return guess_groups([sample.id for sample in self.samples], labels)

    def design(self, ids: Sequence[str]) -> SampleDesign:
        """Return how the samples of these ids belong together, in their order.

        Raises
        ------
        BadLabels
            Some samples have a group, a weight or a time and others have none, or all have one group.
        """
        by_id = {sample.id: sample for sample in self.samples}
        return describe_design([by_id[name] for name in ids])


def describe_design(samples: Sequence[Sample]) -> SampleDesign:
    """Return how samples belong together, as each of them says.

    Raises
    ------
    BadLabels
        Some say a group, a weight or a time and others do not, all have one group, or all weights are 0.
    """
    groups = _column(samples, "group")
    weights, times = _column(samples, "weight"), _column(samples, "time")
    if groups is not None and len(set(groups)) < 2:
        raise BadLabels(
            f"groups: all {len(groups)} samples are of the group {groups[0]!r:.60}; expected at least 2"
        )
    values = None if weights is None else np.asarray(weights, np.float64)
    if values is not None:
        if not np.isfinite(values).all() or (values < 0).any() or not values.any():
            raise BadLabels("weights: expected numbers from 0 on, not all of them 0")
        values /= values.mean()
    parts = np.array([sample.part == "val" for sample in samples])
    return SampleDesign(
        groups=None if groups is None else np.asarray(groups, np.str_),
        weights=values,
        validation=parts if parts.any() else None,
        times=None if times is None else np.asarray(times, np.float64),
    )


def _column(samples: Sequence[Sample], name: str) -> list[Any] | None:
    """Return what each sample says, or None where none says anything."""
    values = [getattr(sample, name) for sample in samples]
    missing = [s.id for s, value in zip(samples, values, strict=True) if value is None]
    if len(missing) == len(values):
        return None
    if missing:
        raise BadLabels(
            f"{name}: {len(missing)} of {len(values)} samples have none ({missing[0]}); name one for each"
        )
    return values


def _is_unread(sample: Sample) -> bool:
    return sample.label is None and refusal_of(sample.data) is not None


def _groups(
    samples: Sequence[Sample], groups: Sequence[Any] | str | None
) -> Sequence[str | None] | None:
    if groups is None:
        return None
    if isinstance(groups, str):
        from featx.sources.groups import groups_from_pattern

        ids = [sample.id for sample in samples if not _is_unread(sample)]
        known = dict(zip(ids, groups_from_pattern(ids, groups), strict=True))
        return [known.get(sample.id) for sample in samples]
    check_iterable("groups", groups, "a name a sample, or a pattern")
    names = [str(name) for name in groups]
    if len(names) != len(samples):
        raise BadOption(f"groups: expected {len(samples)} names, one a sample; found {len(names)}")
    return names
