"""Which head, with which parameters and which temperature: cross-validation on rows."""

from featx.tuning.choosing import Choice, Recipe, fit_choice, tune
from featx.tuning.folds import make_folds
from featx.tuning.pace import foretell

__all__ = ["Choice", "Recipe", "fit_choice", "foretell", "make_folds", "tune"]
