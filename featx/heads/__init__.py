"""Heads, which are trained on rows: estimators by name, their scores, and calibrators of these scores.

A head is a plain scikit-learn pipeline; once it is fitted featx adds a calibrator, which makes its scores
probabilities and never changes which class is first. Each name is loaded from its module when it is first used:
a saved linear head answers without scikit-learn, whose import takes most of a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from featx._lazy import lazy_attributes

if TYPE_CHECKING:
    from featx.heads.calibrators import CALIBRATORS as CALIBRATORS
    from featx.heads.calibrators import Calibrator as Calibrator
    from featx.heads.calibrators import TemperatureScaling as TemperatureScaling
    from featx.heads.calibrators import read_calibrator as read_calibrator
    from featx.heads.calibrators import robust_log_loss as robust_log_loss
    from featx.heads.calibrators import softmax as softmax
    from featx.heads.choosing import AUTO as AUTO
    from featx.heads.choosing import choose_heads as choose_heads
    from featx.heads.rebuilding import UnlistedType as UnlistedType
    from featx.heads.rebuilding import rebuild as rebuild
    from featx.heads.rebuilding import unlisted_types as unlisted_types
    from featx.heads.registry import ESTIMATORS as ESTIMATORS
    from featx.heads.registry import HEADS as HEADS
    from featx.heads.registry import TRANSFORMERS as TRANSFORMERS
    from featx.heads.registry import HeadSpec as HeadSpec
    from featx.heads.registry import fit_labels as fit_labels
    from featx.heads.registry import last_step as last_step
    from featx.heads.registry import make_head as make_head
    from featx.heads.registry import scores as scores
    from featx.heads.registry import steps_of as steps_of
    from featx.heads.scorers import EstimatorScorer as EstimatorScorer
    from featx.heads.scorers import LinearArrays as LinearArrays
    from featx.heads.scorers import Scorer as Scorer
    from featx.heads.scorers import to_arrays as to_arrays
    from featx.heads.trained import TrainedHead as TrainedHead
    from featx.heads.trained import argmax_labels as argmax_labels

_MODULE_OF = {
    "AUTO": "featx.heads.choosing",
    "CALIBRATORS": "featx.heads.calibrators",
    "ESTIMATORS": "featx.heads.registry",
    "HEADS": "featx.heads.registry",
    "TRANSFORMERS": "featx.heads.registry",
    "Calibrator": "featx.heads.calibrators",
    "EstimatorScorer": "featx.heads.scorers",
    "HeadSpec": "featx.heads.registry",
    "LinearArrays": "featx.heads.scorers",
    "Scorer": "featx.heads.scorers",
    "TemperatureScaling": "featx.heads.calibrators",
    "TrainedHead": "featx.heads.trained",
    "UnlistedType": "featx.heads.rebuilding",
    "argmax_labels": "featx.heads.trained",
    "choose_heads": "featx.heads.choosing",
    "fit_labels": "featx.heads.registry",
    "last_step": "featx.heads.registry",
    "make_head": "featx.heads.registry",
    "read_calibrator": "featx.heads.calibrators",
    "rebuild": "featx.heads.rebuilding",
    "robust_log_loss": "featx.heads.calibrators",
    "scores": "featx.heads.registry",
    "softmax": "featx.heads.calibrators",
    "steps_of": "featx.heads.registry",
    "to_arrays": "featx.heads.scorers",
    "unlisted_types": "featx.heads.rebuilding",
}

__all__ = sorted(_MODULE_OF)

__getattr__ = lazy_attributes("featx.heads", _MODULE_OF)
