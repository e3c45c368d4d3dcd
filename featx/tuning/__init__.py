"""Which head, with which parameters and which temperature: cross-validation on rows."""

from featx.tuning.search import HeadConfig, SearchResult, fit_choice, tune
from featx.tuning.splits import make_folds
from featx.tuning.timing import estimate_duration

__all__ = ["HeadConfig", "SearchResult", "estimate_duration", "fit_choice", "make_folds", "tune"]
