"""The typed account of a training: data, tuning, validation, baselines, timings and rejects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from featx._display import html_page
from featx.embedding.rows import Reject
from featx.metrics.report import Report, check_fields
from featx.reporting.comparison import Comparison
from featx.reporting.contributions import InputContribution
from featx.reporting.training_samples import TrainingSamples
from featx.storage.border import library_border
from featx.tasks import get_task

__all__ = ["Baseline", "DataSummary", "FitReport", "TuningSummary", "Validation"]


@dataclass(frozen=True, slots=True)
class DataSummary:
    """A summary of the samples that a predictor was trained on.

    Attributes
    ----------
    n : int
        Samples.
    targets : mapping
        What the targets are; in a classification the number of samples of each class.
    inputs : tuple of str
        The name of the backbone of each input.

    Examples
    --------
    >>> DataSummary(n=6, targets={"dark": 3, "light": 3}, inputs=("featx-image-nano",)).targets["dark"]
    3
    """

    n: int
    targets: Mapping[str, Any]
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TuningSummary:
    """A summary of how the head and its parameters were chosen.

    Attributes
    ----------
    head : str
        Name of the head that was chosen.
    params : mapping of str to JSON value
        Its parameters, by the names of scikit-learn's ``set_params``.
    folds : int
        Folds of the cross-validation; the number of samples, or groups, where each was left out in turn, 0
        where there were too few to leave any out.
    repeats : int
        Times that samples were split into folds.
    candidates : int
        Candidates that were compared.
    class_weight : {"balanced"} or None
    random_state : int

    Examples
    --------
    >>> chosen = TuningSummary("ridge", {"ridgeclassifier__alpha": 1.0}, folds=5, repeats=1, candidates=9)
    >>> chosen.head, chosen.class_weight
    ('ridge', None)
    """

    head: str
    params: Mapping[str, Any]
    folds: int
    repeats: int
    candidates: int
    class_weight: str | None = None
    random_state: int = 0


@dataclass(frozen=True, slots=True)
class Validation:
    """The score, measured on samples that neither trained nor chose what predicted them.

    Attributes
    ----------
    method : {"nested cross-validation", "hold-out"}
    folds : int
        Outer folds, each with a search of its own; 1 for a hold-out.
    report : Report
        A report of the task's own type, such as ``ClassificationReport``.

    Examples
    --------
    >>> from featx.metrics.classification import evaluate_predictions
    >>> Validation("hold-out", 1, evaluate_predictions(list("aabb"), list("aaba"))).report.accuracy
    0.75
    """

    method: str
    folds: int
    report: Report


@dataclass(frozen=True, slots=True)
class Baseline:
    """The scores that are reached without the backbone.

    Attributes
    ----------
    name : str
        What is compared, such as "always the most frequent class" or "raw pixels".
    scores : mapping of str to float
    intervals : mapping of str to (float, float)
        Intervals of 95 %; empty where it was not measured on samples left out.

    Examples
    --------
    >>> Baseline("always the most frequent class", {"accuracy": 0.5}).scores["accuracy"]
    0.5
    """

    name: str
    scores: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the baseline as JSON values."""
        return {
            "name": self.name,
            "scores": dict(self.scores),
            "intervals": {key: list(pair) for key, pair in self.intervals.items()},
        }

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Baseline:
        """Return the baseline that ``to_dict`` gave."""
        intervals = {key: (pair[0], pair[1]) for key, pair in table["intervals"].items()}
        return cls(table["name"], dict(table["scores"]), intervals)


@dataclass(frozen=True, slots=True, repr=False)
class FitReport:
    """The account of one training.

    Attributes
    ----------
    task : str
    data : DataSummary
    tuning : TuningSummary
    validation : Validation
    baselines : tuple of Baseline
        The trivial one first; then the same head on raw pixels, hashed words or mel bands.
    timings : mapping of str to float
        Seconds of each part.
    rejects : tuple of Reject
        Samples that could not be read and were left out.
    notes : tuple of str
        What there is to say of the samples, such as that the backbone knows none of their words.
    without_groups : Baseline or None
        What the score would have seemed had samples of one group been on both sides; None without groups.
    comparison : Comparison or None
        What was compared before, with ``backbone="auto"``.
    samples_source : TrainingSamples, callable that gives it, or None
        Where ``samples`` comes from: a loaded predictor reads it when it is asked for.
    contributions : tuple of InputContribution, default=()
        What each of several inputs brings.

    Examples
    --------
    >>> import featx, numpy as np
    >>> images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    >>> report = featx.fit(images, ["dark"] * 3 + ["light"] * 3).report
    >>> report.validation.report.accuracy
    1.0
    >>> FitReport.from_dict(report.to_dict()).data == report.data
    True
    """

    task: str
    data: DataSummary
    tuning: TuningSummary
    validation: Validation
    baselines: tuple[Baseline, ...]
    timings: Mapping[str, float]
    rejects: tuple[Reject, ...] = ()
    notes: tuple[str, ...] = ()
    samples_source: TrainingSamples | Callable[[], TrainingSamples] | None = field(
        default=None, repr=False, compare=False
    )
    without_groups: Baseline | None = None
    comparison: Comparison | None = None
    contributions: tuple[InputContribution, ...] = ()

    @property
    def samples(self) -> TrainingSamples | None:
        """The training samples with their out-of-fold scores; None where they were not kept.

        Raises
        ------
        BadArtifact
            The file of a loaded predictor that holds them was changed or is damaged.
        """
        source = self.samples_source
        return source() if callable(source) else source

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values, without ``samples`` and the confusion matrix."""
        measured = self.validation.report.to_dict()
        measured.pop("confusion", None)
        return {
            "task": self.task,
            "data": {
                "n": self.data.n,
                "targets": dict(self.data.targets),
                "inputs": list(self.data.inputs),
            },
            "tuning": {**asdict(self.tuning), "params": dict(self.tuning.params)},
            "validation": {
                "method": self.validation.method,
                "folds": self.validation.folds,
                "report": measured,
            },
            "baselines": [baseline.to_dict() for baseline in self.baselines],
            "without_groups": self.without_groups and self.without_groups.to_dict(),
            "comparison": self.comparison and self.comparison.to_dict(),
            "timings": dict(self.timings),
            "rejects": [{"id": one.id, "reason": one.reason} for one in self.rejects],
            "notes": list(self.notes),
            **self._contributions(),
        }

    @classmethod
    def from_dict(
        cls,
        table: Mapping[str, Any],
        samples_source: TrainingSamples | Callable[[], TrainingSamples] | None = None,
    ) -> FitReport:
        """Return the report that ``to_dict`` gave.

        Raises
        ------
        BadArtifact
            The table is no such report.
        """
        with library_border("not the JSON of a training's report"):
            data, measured = table["data"], table["validation"]
            report = cls(
                task=table["task"],
                data=DataSummary(data["n"], dict(data["targets"]), tuple(data["inputs"])),
                tuning=TuningSummary(**table["tuning"]),
                validation=Validation(
                    measured["method"],
                    measured["folds"],
                    get_task(table["task"]).report_from_dict(measured["report"]),
                ),
                baselines=tuple(map(Baseline.from_dict, table["baselines"])),
                without_groups=Baseline.from_dict(table["without_groups"])
                if table.get("without_groups")
                else None,
                comparison=Comparison.from_dict(table["comparison"])
                if table.get("comparison")
                else None,
                timings={key: float(value) for key, value in table["timings"].items()},
                rejects=tuple(Reject(**one) for one in table["rejects"]),
                notes=tuple(map(str, table.get("notes", ()))),
                samples_source=samples_source,
                contributions=tuple(
                    map(InputContribution.from_dict, table.get("contributions", ()))
                ),
            )
            for record in (
                *(report, report.data, report.tuning, report.validation),
                *(*report.baselines, *report.rejects),
                *filter(None, [report.without_groups]),
                *report.contributions,
            ):
                check_fields(record)
            # Whatever in it cannot be shown is found here.
            report.format_table()
            return report

    def _contributions(self) -> dict[str, Any]:
        """Return what the JSON says of several inputs; nothing where there is one."""
        found = [one.to_dict() for one in self.contributions]
        return {"contributions": found} if found else {}

    def to_frame(self) -> Any:
        """Return the table of the validation report as a pandas DataFrame."""
        return self.validation.report.to_frame()

    def format_table(self) -> str:
        """Return the whole report as lines of text."""
        from featx.reporting.text import describe

        return describe(self)

    def __repr__(self) -> str:
        return self.format_table()

    def _repr_html_(self) -> str:
        from featx.reporting.text import sections

        return html_page(sections(self))
