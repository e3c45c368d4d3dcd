"""The choice of a head, its parameters and its calibrator by cross-validation on rows.

What differs between tasks comes in with a ``TuningProblem``. Each name is loaded from its module when it is
first used, because most of them import scikit-learn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from featx._lazy import lazy_attributes

if TYPE_CHECKING:
    from featx.tuning.problem import Evaluation as Evaluation
    from featx.tuning.problem import TuningProblem as TuningProblem
    from featx.tuning.search import HeadConfig as HeadConfig
    from featx.tuning.search import SearchResult as SearchResult
    from featx.tuning.search import fit_choice as fit_choice
    from featx.tuning.search import tune as tune
    from featx.tuning.timing import estimate_duration as estimate_duration

_MODULE_OF = {
    "Evaluation": "featx.tuning.problem",
    "HeadConfig": "featx.tuning.search",
    "SearchResult": "featx.tuning.search",
    "TuningProblem": "featx.tuning.problem",
    "estimate_duration": "featx.tuning.timing",
    "fit_choice": "featx.tuning.search",
    "tune": "featx.tuning.search",
}

__all__ = sorted(_MODULE_OF)

__getattr__ = lazy_attributes("featx.tuning", _MODULE_OF)
