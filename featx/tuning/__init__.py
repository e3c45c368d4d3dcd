"""Which head, with which parameters and which calibrator: cross-validation on rows."""

from featx.tuning.classification import ClassificationProblem
from featx.tuning.problem import Evaluation, TuningProblem
from featx.tuning.search import FitConfig, SearchResult, fit_choice, tune
from featx.tuning.timing import estimate_duration

__all__ = [
    "ClassificationProblem",
    "Evaluation",
    "FitConfig",
    "SearchResult",
    "TuningProblem",
    "estimate_duration",
    "fit_choice",
    "tune",
]
